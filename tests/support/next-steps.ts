import { PassThrough } from 'node:stream'
import { type Command, CommanderError } from 'commander'
import { parseAst } from 'vitest/node'
import type { Io } from '../../cli/io.ts'
import { createProgram } from '../../cli/program.ts'
import { Session } from '../../cli/session.ts'
import { spelledOut } from '../../cli/short-ways.ts'

/** Nobody hears what is only tried. */
const SILENT = {
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  isFed: () => false,
} as unknown as Io

/** Where an expression stood in a text; what it may be is not known to who reads the source. */
export const HOLE = '␣'

/** The values that an expression can have where it names a command or one of few things, by its source. */
const CHOICES: Record<string, string[]> = {
  verb: ['done', 'drop', 'reopen'],
  undo: ['done', 'drop', 'reopen'],
  'closing.verb': ['done', 'drop', 'reopen'],
  by: ['agent', 'model'],
}

interface Node {
  type: string
  start: number
  end: number
  value?: unknown
  quasis?: { /** null where a raw text has escapes of its own. */ value: { cooked: string | null } }[]
  expressions?: Node[]
}

/** All texts in a source, with a hole for each expression; one of few choices gives a text for each. */
export function textsIn(source: string): string[] {
  const texts: string[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const { type, value, quasis } = node as Node
    if (type === 'Literal' && typeof value === 'string') texts.push(value)
    if (type === 'TemplateLiteral' && quasis) texts.push(...filled(node as Node, source))
    for (const inner of Object.values(node)) visit(inner)
  }
  visit(parseAst(source, { lang: 'ts' }))
  return texts
}

function filled({ quasis = [], expressions = [] }: Node, source: string): string[] {
  let texts = [quasis[0]!.value.cooked ?? '']
  for (const [at, { start, end }] of expressions.entries()) {
    const values = CHOICES[source.slice(start, end)] ?? [HOLE]
    const rest = quasis[at + 1]!.value.cooked ?? ''
    texts = texts.flatMap((text) => values.map((value) => text + value + rest))
  }
  return texts
}

/** Words after which `hai` is the program in a sentence and not a command to type. */
const PROSE = new Set(
  [
    'a',
    'an',
    'and',
    'as',
    'at',
    'can',
    "can't",
    'decides',
    'down;',
    'for',
    'from',
    'has',
    'here',
    'here:',
    'in',
    'is',
    'it',
  ]
    .concat([
      'itself',
      'left',
      'lists',
      'needs',
      'needs;',
      'no',
      'now',
      'of',
      'or',
      'picks',
      'refuses',
      'runner',
      'runs',
      'schema',
      'alone',
      'relies',
    ])
    .concat([
      'shows',
      'speaks',
      'spends',
      'takes',
      'talks',
      'that',
      'the',
      'to',
      'understands',
      'with',

      'does',
      'alone',
      'relies',
      'finds',
      'knows',
      'where',
    ]),
)

/** What is written where an operand is to be put: `ID`, `BACKEND/MODEL`, `http://HOST:11434`, a hole, `@`, `…`. */
const isOperand = (word: string): boolean =>
  word.includes(HOLE) ||
  /^([A-Z][A-Z0-9_/]*|@\d?|\d[\w.]*|-|~?\/?[\w.~-]*[/:#][^ ]*|#\S+)$/.test(word) ||
  word.startsWith('"')

/** The command lines in a text that begin with `hai`, cut where the sentence goes on. */
export function commandsIn(text: string): string[] {
  // what connections are called
  if (text === 'hai worker') return []
  const found: string[] = []
  for (const match of text.matchAll(/(?<![\w./@:=-])hai +(?=\S)/g)) {
    const words = wordsOf(text.slice(match.index + match[0].length))
    const [first = ''] = words
    if (PROSE.has(first) || !/^[a-z"]/.test(first)) continue
    found.push(...spelled(words))
  }
  return found
}

/** Words until a mark that ends a command: quotes are kept, so that they stay one word. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  for (const [word] of text.matchAll(/"[^"]*"?|'[^']*'?|[^\s"']+/g)) {
    if (/^(&&|\||→|·|#|<|>|\(|\)|\$$)/.test(word)) break
    // an expression that is glued to a command is an option or two
    const [, bare = '', mark = ''] = /^(.*?)([;,.:)…”]*)$/s.exec(word.replace(/^([a-z]+)␣+/, '$1')) ?? []
    // the end of a sentence or of a command
    if (bare === '') break
    words.push(bare)
    if (mark.replace('…', '') !== '') break
  }
  return words
}

/** One command line of each: what follows a command and is no option, operand or command is prose. */
function spelled(words: string[]): string[] {
  const program = tree()
  let command = program
  const line: string[] = []
  let room = 0
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!
    if (word.startsWith('-')) {
      line.push(word)
      const option = [...command.options, ...program.options].find(
        ({ long, short }) => long === word || short === word,
      )
      if (option?.required && words[at + 1] !== undefined) line.push(words[++at]!)
      continue
    }
    const child =
      room === 0 && line.every((one) => !one.startsWith('-'))
        ? command.commands.find((one) => one.name() === word)
        : undefined
    if (child) {
      command = child
      line.push(word)
      continue
    }
    const [argument] = command.registeredArguments.slice(room)
    const choice = argument && (argument.argChoices?.includes(word) || (argument.required && !isProse(word)))
    if (line.length === 0 || isOperand(word) || choice) {
      line.push(word)
      room += 1
    } else if (command.commands.length > 0 && command.registeredArguments.length === 0 && !isProse(word))
      line.push(word)
    else break
  }
  return [line.join(' ')]
}

/** Words with which a sentence goes on after a command. */
const isProse = (word: string): boolean =>
  /^(shows|says|lets|makes|follows|in|with|when|first|again|then|there|here|of|to|for|as|is|lists|asks|later|and|or|each|one|brings|took|takes|adds|keeps|gives)$/.test(
    word,
  )

let program: Command | undefined
const tree = (): Command => {
  program ??= createProgram(new Session(SILENT))
  return program
}

/** Why the program would not take a command line; undefined when it would. What stands for an operand is taken as one. */
export async function refusalOf(line: string): Promise<string | undefined> {
  const argv = (line.match(/"[^"]*"?|'[^']*'?|[^\s"']+/g) ?? []).map((word) =>
    word.replace(/^["']|["']$/g, ''),
  )
  const session = new Session(SILENT)
  const parser = harmless(createProgram(session))
  try {
    const { operands } = parser.parseOptions(argv)
    await parser.parseAsync(await spelledOut(parser, operands, argv), { from: 'user' })
    return undefined
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined
    const message = error instanceof Error ? error.message.split('\n')[0]! : String(error)
    // a validator can't judge what only stands for a value
    const stands = argv.filter(isOperand)
    if (stands.some((word) => message.includes(`'${word}' is invalid`))) return undefined
    return message
  }
}

/** The same tree, in which no command does anything. One that is only a group refuses, as it helps nobody. */
function harmless(command: Command): Command {
  const acts = '_actionHandler' in command && command._actionHandler !== null
  if (acts) command.action(() => {})
  command.exitOverride()
  for (const child of command.commands) harmless(child)
  return command
}
