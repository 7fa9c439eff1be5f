import type { Command } from 'commander'
import { Failure } from './failure.ts'
import { asWord, quoted } from './show/shell.ts'

/** A blank inside: more than a word. */
const SEVERAL = /\S\s+\S/
/**
 * The command line that a shorter one stands for: `hai "what is open?"` asks, `hai todo buy milk` adds. Any other is as it
 * was typed. What is near a command was likely meant as one, and is refused: nothing is asked, paid or put down by a slip.
 */
export async function spelledOut(program: Command, operands: string[], argv: string[]): Promise<string[]> {
  const [noun = '', word, ...rest] = operands
  if (word === undefined) return SEVERAL.test(noun) ? question(program, noun, argv) : argv
  const todo = program.commands.find((command) => command.name() === noun && noun === 'todo')
  if (!todo || todo.commands.some((command) => command.name() === word)) return argv
  const words = [word, ...rest].join(' ').trim().split(/\s+/)
  if (words.length < 2) return argv
  const { meantIn } = await import('./meant.ts')
  const meant = meantIn(todo, words)
  if (meant) {
    throw new Failure('usage', `unknown command '${words[0]}'; nothing was put down`, {
      next: `did you mean ${meant}? to put it down as a todo: hai todo add ${quoted(words.join(' '))}`,
    })
  }
  const at = argv.findIndex((one, i) => one === noun && argv[i - 1] !== '--profile')
  return argv.toSpliced(at + 1, 0, 'add')
}

/** One text is a question, unless it reads as a command, or nearly as one. */
async function question(program: Command, text: string, argv: string[]): Promise<string[]> {
  const { commandIn } = await import('./meant.ts')
  const words = text.trim().split(/\s+/)
  const meant = commandIn(program, words[0] === 'hai' ? words.slice(1) : words)
  if (!meant) return ['ask', ...argv]
  const [first = '', ...rest] = meant
  throw new Failure('usage', `${quoted(text)} is a command in quotes; nothing was asked`, {
    next: `without the quotes: hai ${[first, ...rest.map(asWord)].join(' ')}; to ask it: hai ask ${quoted(text)}`,
  })
}
