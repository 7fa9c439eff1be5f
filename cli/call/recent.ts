import { join } from 'node:path'
import { Failure } from '../failure.ts'
import { readBytes, stateDirOf, writePrivate } from '../files.ts'
import { NUMBERED } from '../show/words.ts'

type Env = Record<string, string | undefined>

/** A task or todo that was touched from here; a task's conversation, where it is known, is what `hai reply` goes on with. */
export interface Recent {
  id: string
  conversation_id?: string
}

export type Kind = 'task' | 'todo'

const FILES: Record<Kind, { touched: string; listed: string }> = {
  task: { touched: 'recent.json', listed: 'listed-tasks.json' },
  todo: { touched: 'recent-todos.json', listed: 'listed-todos.json' },
}

const KEPT = 20
/** So many digits may also be the end of an id. */
const ID_DIGITS = 3

/** Puts tasks, or todos, in front of what the profile last touched, the first of them as the newest. */
export function remember(env: Env, profile: string, kind: Kind, items: Recent[]): void {
  change(env, profile, FILES[kind].touched, (known) => {
    const fresh = items.map((item) => ({ ...known.find(({ id }) => id === item.id), ...item }))
    return [...fresh, ...known.filter(({ id }) => items.every((item) => item.id !== id))].slice(0, KEPT)
  })
}

/** Keeps the rows of a list as it was shown, for the numbers that stood before them. */
export function rememberList(env: Env, profile: string, kind: Kind, rows: Recent[]): void {
  change(env, profile, FILES[kind].listed, () => rows.slice(0, NUMBERED))
}

/**
 * What is meant by `@`, `@1` (the same) or `@2`, the ones last touched, or by the number of a row of the list last shown;
 * undefined when the text is not of that form.
 */
export function recall(env: Env, profile: string, kind: Kind, text: string): Recent | undefined {
  if (/^\d{1,3}$/.test(text)) return row(env, profile, kind, text)
  const match = /^@(\d*)$/.exec(text)
  if (!match) return undefined
  const recent = readAll(fileOf(env, FILES[kind].touched))[profile] ?? []
  const item = recent[Number(match[1] || 1) - 1]
  if (item) return item
  const known =
    [`no ${kind} was`, `only 1 ${kind} was`][recent.length] ?? `only ${recent.length} ${kind}s were`
  throw new Failure('usage', `${text} is no ${kind}: ${known} touched from here yet`, {
    next: `hai ${kind} ls shows their ids`,
  })
}

function row(env: Env, profile: string, kind: Kind, text: string): Recent | undefined {
  const rows = readAll(fileOf(env, FILES[kind].listed))[profile]
  const item = rows?.[Number(text) - 1]
  if (item || text.length === ID_DIGITS) return item
  const why = rows
    ? `the list of ${kind}s last shown from here had ${rows.length === 1 ? '1 row' : `${rows.length} rows`}`
    : `no list of ${kind}s was shown from here yet`
  throw new Failure('usage', `${text} is no ${kind}: ${why}`, {
    next: `hai ${kind} ls numbers its rows on a terminal; an id will do, too`,
  })
}

function change(env: Env, profile: string, name: string, to: (known: Recent[]) => Recent[]): void {
  const file = fileOf(env, name)
  const all = readAll(file)
  writePrivate(file, `${JSON.stringify({ ...all, [profile]: to(all[profile] ?? []) }, null, 2)}\n`)
}

const fileOf = (env: Env, name: string): string => join(stateDirOf(env), name)

function readAll(file: string): Record<string, Recent[]> {
  const text = readBytes(file)?.toString('utf8')
  if (text === undefined) return {}
  try {
    const all: unknown = JSON.parse(text)
    if (isRecents(all)) return all
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new Failure('usage', `${file} is broken, so @ and numbers cannot be looked up`, {
    next: `remove it: rm ${file}`,
  })
}

function isRecents(value: unknown): value is Record<string, Recent[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every(
    (list) => Array.isArray(list) && list.every((item) => typeof item?.id === 'string'),
  )
}
