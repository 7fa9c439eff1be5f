import { type Command, InvalidArgumentError, Option } from 'commander'
import { PRIORITIES } from '../f/hai/core/task/shape.ts'
import { pastInstant, seconds } from './show/words.ts'

/** Adds what every command's `--help` ends with. */
export function examples(command: Command, ...lines: string[]): Command {
  const shown = lines.map((line) => `  $ ${line}`).join('\n')
  return command.addHelpText('after', `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${shown}`)
}

export const JSON_OPTION = ['--json', "print the webhook's result as it is"] as const

export const IN_OPTION = [
  '--in <conversation>',
  "go on with this conversation: '#name', an id, or @ for the last one",
] as const

export const TASK_ID = [
  '<id>',
  "the task's id, or its last characters; @ is the last task, 2 the second of the last list",
] as const

export const TODO_ID = [
  '<id>',
  "the todo's id, or its last characters; @ is the last todo, 2 the second of the last list",
] as const

const readers = new WeakSet<Command>()

/** Marks a command that takes what is piped in; every other one refuses it. */
export function readingStdin(command: Command): Command {
  readers.add(command)
  return command
}

export const readsStdin = (command: Command): boolean => readers.has(command)

/** Adds what tells how much is shown while a task is waited for. */
export function loudnessOptions(command: Command): Command {
  return command
    .addOption(new Option('-q, --quiet', 'the answer and its notices, nothing else').conflicts('verbose'))
    .option('-v, --verbose', 'show each step')
}

export const MODEL_OPTION = [
  '--model <name>',
  'let this model answer: backend/model, or what of it hai model ls has once',
  modelName,
] as const

/** One word: a text in its place was meant as the question, and is not to be asked without its model. */
function modelName(text: string): string {
  if (/^\S{1,200}$/.test(text)) return text
  throw new InvalidArgumentError(
    'Expected the name of a model, such as ollama/llama3.1:8b; --no-builtin skips the built-in answers.',
  )
}

export function priorityOption(): Option {
  return new Option('--priority <level>', 'how urgent it is').choices(PRIORITIES)
}

/** For options that may be given several times. */
export function collect(value: string, all: string[] = []): string[] {
  return [...all, value]
}

/** A length of time on the command line, in seconds: `90`, `5m`, `2h`. */
export function lengthOfTime(text: string): number {
  const value = seconds(text)
  if (value === undefined) throw new InvalidArgumentError('Expected a length of time: 90, 90s, 5m, 2h or 3d.')
  return value
}

/** A moment in the past on the command line, as RFC 3339. */
export function moment(text: string): string {
  const at = pastInstant(text)
  if (at === undefined) {
    throw new InvalidArgumentError('Expected 2h (ago), 3d, today, yesterday, 2026-11-27 or 2026-11-27T17:00.')
  }
  return at
}

/** A whole number from 1 on the command line. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1.')
  return Number(text)
}

/** The fields that were given; the others stay unsaid, as doors tell them apart from null. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
