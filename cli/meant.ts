import type { Command } from 'commander'
import { nearest } from '../f/hai/core/base/text.ts'
import { quoted } from './show/shell.ts'

/** `@2`, `3`, and the end of an id, which is no word as it has a digit in it. */
const REFERENCE = /^(@\d*|\d{1,3}|(?=.*\d)[0-9a-z]{3,26})$/i
const OPTION = /^--?[a-z]/i
/** Other programs' words for what verbs do here; of several the first that the noun has. */
const VERBS: Record<string, string[]> = {
  ad: ['add'],
  del: ['drop', 'cancel', 'rm'],
  l: ['ls'],
  list: ['ls'],
  rm: ['drop', 'cancel'],
  sl: ['ls'],
}

/** The same, where only what follows tells a verb from a text: `close 3`, and not `close the window`. */
const VERBS_OF_IDS: Record<string, string[]> = {
  abort: ['cancel'],
  again: ['retry', 'reopen'],
  cancel: ['drop'],
  change: ['edit'],
  check: ['done'],
  close: ['done', 'cancel'],
  complete: ['done'],
  delete: ['drop', 'cancel', 'rm'],
  do: ['done', 'run'],
  finish: ['done'],
  follow: ['tail'],
  get: ['show', 'result'],
  info: ['show'],
  kill: ['cancel'],
  modify: ['edit'],
  open: ['reopen', 'show'],
  remove: ['drop', 'cancel', 'rm'],
  rerun: ['retry'],
  start: ['run'],
  stop: ['cancel'],
  tag: ['edit'],
  update: ['edit'],
  view: ['show'],
  watch: ['tail'],
}

/** Long enough for a slip in one to be told from another word. */
const LONG_VERBS = Object.keys(VERBS_OF_IDS).filter((verb) => verb.length > 4)
/** Of todos, though no verb of theirs. */
const UNDO = 'undo'

/** Words that name no command, with the commands that do it. */
const COMMANDS: Record<string, string[]> = {
  configure: ['config show'],
  history: ['task ls'],
  init: ['up'],
  list: ['todo ls', 'task ls'],
  login: ['auth set-token'],
  new: ['todo add', 'task add'],
  note: ['todo add'],
  plan: ['todo add'],
  ps: ['task ls'],
  question: ['ask'],
  remember: ['todo add'],
  remind: ['todo add'],
  rm: ['todo drop', 'task cancel'],
  run: ['task add', 'todo run'],
  setup: ['up', 'doctor'],
  spend: ['cost'],
  spent: ['cost'],
  start: ['up'],
  stop: ['down'],
  tell: ['ask'],
  usage: ['cost'],
  version: ['--version'],
  watch: ['task tail'],
}

/** The verb of `todo` that these words likely stand for, though none of them is typed as it is: a slip, or `3 done`. */
export function meantIn(todo: Command, words: string[]): string | undefined {
  const names = namesOf(todo)
  const [first = '', second = ''] = words.map((word) => word.toLowerCase())
  if (isReference(first) && names.includes(second)) return `${second} ${words[0]}`
  if (first === 'help' && names.includes(second)) return `${second} --help`
  const onlyIds = words.slice(1).every(isReference)
  if (first === UNDO && onlyIds) return `hai ${words.join(' ')}`
  const verb = verbOf(names, first, isReference(second)) ?? nearest(first, names)
  return verb ?? (onlyIds ? verbOf(names, nearest(first, LONG_VERBS) ?? first, true) : undefined)
}

/**
 * The command that these words of one text are, its slips mended; undefined of what is more likely a question. A slip
 * counts where no sentence goes on after it.
 */
export function commandIn(program: Command, words: string[]): string[] | undefined {
  const [first = '', ...rest] = words
  const typed = childOf(program, first.toLowerCase())
  const near = program.commands.filter((command) => nearest(first, [command.name()]))
  for (const noun of typed ? [typed] : near) {
    const meant = restOf(noun, noun === typed, rest)
    if (meant) return [noun.name(), ...meant]
  }
}

function restOf(noun: Command, exact: boolean, [second, ...rest]: string[]): string[] | undefined {
  if (second === undefined) return exact ? [] : undefined
  if (OPTION.test(second)) return [second, ...rest]
  const verb = nearest(second, namesOf(noun))
  if (verb) {
    const sure = second.toLowerCase() === verb && (exact || verb === 'add')
    const ends = rest.length === 0 || rest.some((word) => isReference(word) || OPTION.test(word))
    return sure || ends ? [verb, ...rest] : undefined
  }
  const [named] = noun.registeredArguments
  const whole = rest.length === 0 && named !== undefined && !named.variadic
  return exact && whole && (isReference(second) || second.startsWith('#')) ? [second] : undefined
}

/** What to do instead of `words`, of which the first is no command of `parent`; nothing where nobody can tell. */
export function insteadOf(parent: Command, words: string[]): string {
  const [word = ''] = words
  const names = namesOf(parent)
  const known = word.toLowerCase()
  const near = names.filter((name) => nearest(known, [name]))
  const typed = quoted(words.join(' '))
  if (parent.parent) {
    if (parent.name() === 'todo' && known === UNDO) return `to take back the last change: hai ${UNDO};`
    const verb = verbOf(names, known, true)
    const meant = verb ? [verb] : near
    if (meant.length === 0 && parent.name() === 'todo')
      return `to put it down as a todo: hai todo add ${typed};`
    return question(meant)
  }
  const sure = COMMANDS[known] ?? nounsWith(parent, VERBS[known]?.[0] ?? known)
  if (sure.length > 0) return question(sure)
  const slips =
    near.length > 0
      ? near
      : nounsWith(
          parent,
          nearest(
            known,
            WORK.flatMap((noun) => namesOf(childOf(parent, noun))),
          ),
        )
  if (slips.length > 0 && words.length < 3) return question(slips)
  const text = words.length > 1 ? `to ask it: hai ask ${typed}; to put it down: hai todo add ${typed};` : ''
  return `${question(slips)} ${text}`.trim()
}

const isReference = (word: string): boolean => REFERENCE.test(word)

function verbOf(names: string[], word: string, ofIds: boolean): string | undefined {
  const verbs = [VERBS[word], ofIds ? VERBS_OF_IDS[word] : undefined].flatMap((some) => some ?? [])
  return verbs.find((verb) => names.includes(verb))
}

const WORK = ['todo', 'task']

/** `todo ls` and `task ls` for `ls`. */
function nounsWith(program: Command, verb: string | undefined): string[] {
  const nouns = program.commands.filter((noun) => verb !== undefined && namesOf(noun).includes(verb))
  const work = WORK.filter((name) => nouns.some((noun) => noun.name() === name))
  const all = work.length > 0 ? work : nouns.map((noun) => noun.name()).slice(0, 3)
  return all.map((name) => `${name} ${verb}`)
}

const question = (meant: string[]): string => (meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : '')

const childOf = (parent: Command, name: string) => parent.commands.find((child) => child.name() === name)

const namesOf = (command?: Command): string[] => command?.commands.map((child) => child.name()) ?? []
