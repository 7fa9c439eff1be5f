import { join } from 'node:path'
import { Failure } from '../failure.ts'
import { readBytes, stateDirOf, writePrivate } from '../files.ts'

type Env = Record<string, string | undefined>

/** A task that was touched from here; its conversation, where it is known, is what `hai reply` goes on with. */
export interface Recent {
  id: string
  conversation_id?: string
}

const KEPT = 20

/** The tasks last touched on this profile, the newest first: `@` is the first of them. */
export function readRecent(env: Env, profile: string): Recent[] {
  return readAll(fileOf(env))[profile] ?? []
}

/** Puts a task in front of the profile's list. */
export function remember(env: Env, profile: string, task: Recent): void {
  const file = fileOf(env)
  const all = readAll(file)
  const known = all[profile] ?? []
  const before = known.find((other) => other.id === task.id)
  const list = [{ ...before, ...task }, ...known.filter((other) => other.id !== task.id)].slice(0, KEPT)
  writePrivate(file, `${JSON.stringify({ ...all, [profile]: list }, null, 2)}\n`)
}

/** The task meant by `@`, `@1` (the same) or `@2`; undefined when the text is not of that form. */
export function recall(env: Env, profile: string, text: string): Recent | undefined {
  const match = /^@(\d*)$/.exec(text)
  if (!match) return undefined
  const recent = readRecent(env, profile)
  const task = recent[Number(match[1] || 1) - 1]
  if (task) return task
  const known = ['no task was', 'only 1 task was'][recent.length] ?? `only ${recent.length} tasks were`
  throw new Failure('usage', `${text} is no task: ${known} touched from here yet`, {
    next: 'hai task ls shows their ids',
  })
}

function fileOf(env: Env): string {
  return join(stateDirOf(env), 'recent.json')
}

function readAll(file: string): Record<string, Recent[]> {
  const text = readBytes(file)?.toString('utf8')
  if (text === undefined) return {}
  try {
    const all: unknown = JSON.parse(text)
    if (isRecents(all)) return all
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new Failure('usage', `${file} is broken, so @ cannot be looked up`, { next: `remove it: rm ${file}` })
}

function isRecents(value: unknown): value is Record<string, Recent[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every(
    (list) => Array.isArray(list) && list.every((item) => typeof item?.id === 'string'),
  )
}
