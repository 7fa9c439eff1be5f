import { join } from 'node:path'
import { readBytes, stateDirOf, writePrivate } from '../files.ts'

type Env = Record<string, string | undefined>

/** What a person has seen from here: since when `hai` tells what finished, when it began to, and answers that were read. */
interface Looked {
  since?: string
  begun?: string
  read: string[]
}

/** Who looks twice within so long is shown the same again. */
const SAME_LOOK_MS = 10 * 60_000
const KEPT = 100

/** What `home` is to leave out as no news; nothing at the first look. */
export function newsSince(
  env: Env,
  profile: string,
  now = new Date(),
): { looked_at?: string; read: string[] } {
  const { begun, since, read } = lookedOf(env, profile)
  const fresh = begun !== undefined && now.getTime() - Date.parse(begun) < SAME_LOOK_MS
  const at = fresh ? since : begun
  return at === undefined ? { read } : { looked_at: at, read }
}

/** Takes down that what was there at `as_of` (RFC 3339) has been looked at. */
export function lookedNow(env: Env, profile: string, as_of: string, now = new Date()): void {
  const { begun, ...before } = lookedOf(env, profile)
  if (begun !== undefined && now.getTime() - Date.parse(begun) < SAME_LOOK_MS) return
  write(env, profile, { ...before, ...(begun === undefined ? {} : { since: begun }), begun: as_of })
}

/** Takes down that a task's answer was shown to a person. */
export function answerRead(env: Env, profile: string, id: string): void {
  const { read, ...before } = lookedOf(env, profile)
  write(env, profile, { ...before, read: [id, ...read.filter((other) => other !== id)].slice(0, KEPT) })
}

const fileOf = (env: Env) => join(stateDirOf(env), 'looked.json')

function write(env: Env, profile: string, looked: Looked): void {
  writePrivate(fileOf(env), `${JSON.stringify({ ...readAll(env), [profile]: looked }, null, 2)}\n`)
}

function lookedOf(env: Env, profile: string): Looked {
  const { since, begun, read } = readAll(env)[profile] ?? {}
  return {
    ...(isTime(since) ? { since } : {}),
    ...(isTime(begun) ? { begun } : {}),
    read: Array.isArray(read) ? read.filter((id) => typeof id === 'string') : [],
  }
}

const isTime = (value: unknown): value is string =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value))

/** A broken file is as none: what it kept is only news again. */
function readAll(env: Env): Record<string, Partial<Looked> | undefined> {
  try {
    const all: unknown = JSON.parse(readBytes(fileOf(env))?.toString('utf8') ?? '{}')
    return typeof all === 'object' && all !== null ? (all as Record<string, Partial<Looked>>) : {}
  } catch {
    return {}
  }
}
