import { Command, CommanderError } from 'commander'
import { readsStdin } from './command.ts'
import { addAsk } from './commands/ask.ts'
import { addAuth } from './commands/auth.ts'
import { addChat } from './commands/chat.ts'
import { addCompletion } from './commands/completion.ts'
import { addConfig } from './commands/config.ts'
import { addCost } from './commands/cost.ts'
import { addDoctor } from './commands/doctor.ts'
import { addGitops } from './commands/gitops.ts'
import { addHome } from './commands/home.ts'
import { addMember } from './commands/member.ts'
import { addModel } from './commands/model.ts'
import { addProfile } from './commands/profile.ts'
import { addServe } from './commands/serve.ts'
import { addStack } from './commands/stack.ts'
import { addTask } from './commands/task.ts'
import { addTodo } from './commands/todo.ts'
import { addUndo } from './commands/undo.ts'
import { addWorker } from './commands/worker.ts'
import { EXIT_TABLE, Failure } from './failure.ts'
import { version } from './files.ts'
import type { Io } from './io.ts'
import { Session } from './session.ts'
import { spelledOut } from './short-ways.ts'

const COMMANDS: readonly {
  group: string
  names: string[]
  add: (program: Command, session: Session) => void
}[] = [
  { group: 'Work:', names: ['ask', 'reply'], add: addAsk },
  { group: 'Work:', names: ['chat'], add: addChat },
  { group: 'Work:', names: ['task'], add: addTask },
  { group: 'Work:', names: ['todo'], add: addTodo },
  { group: 'Work:', names: ['undo'], add: addUndo },
  { group: 'Work:', names: ['cost'], add: addCost },
  { group: 'Work:', names: ['home'], add: addHome },
  { group: 'Setup:', names: ['model'], add: addModel },
  { group: 'Setup:', names: ['config'], add: addConfig },
  { group: 'Setup:', names: ['profile'], add: addProfile },
  { group: 'Setup:', names: ['auth'], add: addAuth },
  { group: 'Setup:', names: ['member'], add: addMember },
  { group: 'Setup:', names: ['up', 'down', 'status', 'logs'], add: addStack },
  { group: 'Setup:', names: ['serve'], add: addServe },
  { group: 'Setup:', names: ['worker'], add: addWorker },
  { group: 'Setup:', names: ['gitops'], add: addGitops },
  { group: 'Setup:', names: ['doctor'], add: addDoctor },
  {
    group: 'Setup:',
    names: ['completion'],
    add: (program, session) => addCompletion(program, session, () => createProgram(session)),
  },
]

/** Parses one command line and runs its command; resolves with the exit status. */
export async function runProgram(argv: string[], io: Io): Promise<number> {
  const session = new Session(io)
  const program = createProgram(session, argv[0])
  let words = argv
  try {
    words = helpOf(program, await spelledOut(program, program.parseOptions(argv).operands, argv))
    const { operands, unknown } = program.parseOptions(words)
    const bare = operands.length === 0 && !unknown.some(isHelp)
    await program.parseAsync(bare ? ['home', ...words] : words, { from: 'user' })
    return session.exit
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    if (error instanceof CommanderError && error.code === 'commander.help') return 2
    return session.report(error instanceof CommanderError ? await usage(error, program, words) : error)
  } finally {
    await session.close()
  }
}

/**
 * The command tree, from which help, suggestions and completion are read. When the first word names a command, the others
 * are left out: building them all would be a tenth of the time of `hai todo ls`.
 */
export function createProgram(session: Session, first?: string): Command {
  const { io } = session
  const program: Command = new Command('hai')
    .description('Put work down; get one good answer back.')
    .option('-V, --version', 'print the version')
    .option('--profile <name>', 'use this profile instead of the default one')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => session.columns ?? 100,
      getErrHelpWidth: () => session.columns ?? 100,
      getOutHasColors: () => session.paint.isColorSupported,
      getErrHasColors: () => session.paintErr.isColorSupported,
    })
    // of a command between, such as cost, they are its own
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: (command) => (command.parent ? program.options.slice() : []),
    })
    .helpOption('-h, --help', 'show help')
    .on('option:version', () => {
      session.print(version())
      throw new CommanderError(0, 'commander.version', 'printed')
    })
    .on('option:profile', (name: string) => {
      session.profileFlag = name
    })
    .hook('preAction', (_, command) => refuseFed(session, command))
  const named = COMMANDS.find(({ names }) => names.includes(first ?? ''))
  for (const { group, add } of named ? [named] : COMMANDS) {
    program.commandsGroup(group)
    add(program, session)
  }
  program.commandsGroup('Setup:').helpCommand('help [command]', 'show help for a command')
  return program.addHelpText('after', rootHelp)
}

/** What is piped in is used or refused: whoever pipes it thinks that it is read. */
function refuseFed(session: Session, command: Command): void {
  if (readsStdin(command) || usesStdin(command) || !session.io.isFed()) return
  const next = takesStdin(command)
    ? `… | ${pathOf(command)} - takes the text from there; -n leaves it alone`
    : '… | hai ask TEXT puts a question about it; to leave it alone: < /dev/null'
  throw new Failure(
    'usage',
    `something is piped in, and ${pathOf(command)} does not read it; nothing was done`,
    {
      next,
    },
  )
}

const takesStdin = (command: Command) => command.options.some(({ long }) => long === '--no-stdin')

/** Whether a `-` stands for stdin on this command line, or `-n` says that it is another's. */
function usesStdin(command: Command): boolean {
  const options = command.opts()
  return options.stdin === false || [...command.args, ...Object.values(options)].includes('-')
}

function rootHelp(): string {
  const statuses = EXIT_TABLE.map(([, status, meaning]) => `  ${String(status).padStart(3)}  ${meaning}`)
  return `
Examples:
  $ hai "what is open?"
  $ hai todo replace the UPS battery +rack due friday
  $ journalctl -u k3s | hai ask "what broke?"
  $ hai todo ls

An id may be given by its last characters. @ is the last task, or todo, you touched, @2 the one before;
lists on a terminal number their rows, and 2 is the second of the last one.

Exit status:
${statuses.join('\n')}`
}

/** A command line that commander refused, as a Failure with its suggestion or the help to read. */
async function usage(error: CommanderError, program: Command, argv: string[]): Promise<Failure> {
  const [message = '', hint] = error.message.replace(/^error: /, '').split('\n')
  const command = commandAt(program, argv)
  const meant = /Did you mean (?:one of )?(.*?)\?\)/.exec(hint ?? '')?.[1]
  const takesText = command.registeredArguments.some((argument) => argument.variadic)
  const dashes =
    error.code === 'commander.unknownOption' && takesText ? '; put -- before text that begins with -' : ''
  const piped = error.code === 'commander.missingArgument' && takesStdin(command)
  const stdin = piped ? `; - takes the text from stdin: … | ${pathOf(command)} -` : ''
  const help = `see: ${pathOf(command)} --help${dashes}${stdin}`
  const instead =
    error.code === 'commander.unknownCommand'
      ? (await import('./meant.ts')).insteadOf(command, wordsAfter(command, program, argv))
      : meant && `did you mean ${meant}?`
  return new Failure('usage', message, { next: instead ? `${instead} ${help}` : help })
}

/** The innermost command that the words name; what belongs to a global option is no word of it. */
function commandAt(program: Command, argv: string[]): Command {
  let command = program
  for (const word of wordsIn(program, argv).filter((word) => !word.startsWith('-'))) {
    const child = command.commands.find((one) => one.name() === word)
    if (!child) break
    command = child
  }
  return command
}

const isHelp = (word: string) => word === '-h' || word === '--help'

/** `help a b` as `a b --help`; and what asks for the help of a command that isn't there without that wish, which then is refused. */
function helpOf(program: Command, argv: string[]): string[] {
  const { plain, unknown } = namesIn(program, argv)
  const [first, second] = plain
  if (first !== undefined && second !== undefined && argv[first] === 'help')
    return helpOf(program, [...argv.slice(0, first), ...argv.slice(first + 1), '--help'])
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  return unknown && own.some(isHelp) ? argv.filter((word) => !isHelp(word)) : argv
}

/** Where the words stand that are neither options nor their values, and whether one names a command that isn't there. */
function namesIn(program: Command, argv: string[]): { plain: number[]; unknown: boolean } {
  const plain: number[] = []
  let command = program
  let unknown = false
  for (let at = 0; at < argv.length && argv[at] !== '--'; at++) {
    const word = argv[at]!
    if (word.startsWith('-')) {
      const options = [...command.options, ...program.options]
      if (options.some(({ short, long, required }) => required && (word === short || word === long))) at += 1
      continue
    }
    plain.push(at)
    const child = command.commands.find((one) => one.name() === word)
    if (child) command = child
    else unknown ||= command.commands.length > 0 && command.registeredArguments.length === 0
  }
  return { plain, unknown }
}

/** What was typed after the words that name `command`, up to an option. */
function wordsAfter(command: Command, program: Command, argv: string[]): string[] {
  const words = wordsIn(program, argv)
  const rest = words.slice(command.parent ? words.indexOf(command.name()) + 1 : 0)
  const end = rest.findIndex((word) => word.startsWith('-'))
  return end < 0 ? rest : rest.slice(0, end)
}

/** None where a global option lacks its value: that is what is wrong, and belongs to no command. */
function wordsIn(program: Command, argv: string[]): string[] {
  try {
    const { operands, unknown } = program.parseOptions(argv)
    return [...operands, ...unknown]
  } catch (error) {
    if (error instanceof CommanderError) return []
    throw error
  }
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}
