import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Accepted } from '../../f/hai/core/task/shape.ts'
import { stateDirOf, tilde, writePrivate } from '../files.ts'
import type { Session } from '../session.ts'
import { misnamedSettings, settingsFolder } from './local.ts'

/** How the bundle calls a configuration that may be a file or a resource. */
const EITHER = /\b[a-z_]+ configuration \(([a-z_]+)\.yaml, on Windmill (u\/operator\/hai_[a-z_]+)\)/g
/** Whether a sentence says that a configuration is not in force. */
export const isOfSettings = (sentence: string): boolean => sentence.search(EITHER) === 0

const SHOWN = 2
const DAY_MS = 86_400_000

/** A sentence about a setting with the place where it is: on this machine the operator's file, on a server Windmill's resource. */
export async function inPlace(session: Session, sentence: string): Promise<string> {
  if (sentence.search(EITHER) < 0) return sentence
  if (!(await session.profile()).local) return sentence.replace(EITHER, '$2')
  const folder = tilde(await settingsFolder(session), session.io.env)
  return sentence.replace(EITHER, (_, name: string) => join(folder, `${name}.yaml`))
}

const told = new WeakMap<Session, Set<string>>()

/** Says on stderr what is wrong with the settings that a task goes by: once a run, and guards that are off once a day. */
export async function tellSettings(
  session: Session,
  { problems = [], guards = [] }: Accepted,
): Promise<void> {
  const misnamed = await misnamedSettings(session)
  const lines = [
    ...(await Promise.all(problems.map((problem) => inPlace(session, problem)))),
    ...misnamed.map(({ text, fix }) => `${text} → ${fix}`),
    ...(guards.length > 0 ? notToldToday(session, guards) : []),
  ]
  const before = told.get(session) ?? new Set()
  told.set(session, before)
  const fresh = lines.filter((line) => !before.has(line))
  for (const line of fresh) before.add(line)
  for (const line of fresh.slice(0, SHOWN)) session.warn(line)
  if (fresh.length > SHOWN) session.warn(`${fresh.length - SHOWN} more: hai doctor`)
}

/** Those that were not told within a day; from now on they were. */
function notToldToday({ io: { env } }: Session, guards: string[]): string[] {
  const file = join(stateDirOf(env), 'told.json')
  const now = Date.now()
  const recent = Object.entries(readTold(file)).filter(([, at]) => now - at < DAY_MS)
  const known = new Map(recent)
  const fresh = guards.filter((guard) => !known.has(idOf(guard)))
  if (fresh.length === 0) return []
  for (const guard of fresh) known.set(idOf(guard), now)
  try {
    writePrivate(file, `${JSON.stringify(Object.fromEntries(known))}\n`)
  } catch {
    // told again at the next command: better than not at all
  }
  return fresh
}

const idOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)

function readTold(file: string): Record<string, number> {
  try {
    const all: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof all === 'object' && all !== null ? (all as Record<string, number>) : {}
  } catch {
    // missing or broken: told again
    return {}
  }
}
