import { storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { surroundings } from '../base/environment.ts'
import { HaiError, parse, withoutWords } from '../base/errors.ts'
import { Schedule } from '../base/instant.ts'
import { outage } from '../base/outage.ts'
import { type Channel, Channels } from './channels.ts'
import { deliver } from './deliver.ts'
import {
  drop,
  dropStale,
  type HeldNotice,
  markSent,
  markUnsent,
  postponeDue,
  putBack,
  takeNotice,
} from './notice.ts'
import { ringAnswered, SEND } from './ring.ts'

const FIRST_PAUSE_SECONDS = 30
const LONGEST_PAUSE_SECONDS = 3600
const LONGEST_ASKED_SECONDS = 6 * 3600
/** A run ends before the next one is due. */
const RUN_MS = 45_000

export interface Sent {
  sent: number
  /** To be tried again. */
  later: number
  /** Given up. */
  failed: number
  /** That nobody is to be told. */
  dropped: number
}

/** Whoever rings for it. */
interface Ring {
  /** As a schedule says, whose pulse is its name's; one that only rings has none. */
  every_seconds: number | undefined
  trusted: boolean
  signal: AbortSignal
  jobId: string
}

/**
 * Sends what is due to the configured channels. Safe to run twice at once, and whoever rings: only one who is `trusted`
 * writes the schedule's pulse. It tells numbers alone: who may read its job may not be who is told.
 */
export async function sendOutbox(sql: Sql, ring: Ring): Promise<Sent> {
  const { every_seconds: every } = ring
  const schedule = every === undefined ? undefined : parse(Schedule, { every_seconds: every })
  try {
    return await answerRing(sql, ring, schedule)
  } catch (error) {
    if (error instanceof HaiError || outage(error)?.code === 'unavailable') throw error
    throw withoutWords(error)
  }
}

async function answerRing(
  sql: Sql,
  { trusted, signal, jobId }: Ring,
  schedule: Schedule | undefined,
): Promise<Sent> {
  const channels = await storedConfig(sql, 'channels', Channels)
  await ringAnswered(sql, jobId)
  const sent = await sendNotices(sql, channels, {
    environment: surroundings().environment,
    signal,
  })
  if (!trusted || !schedule) return sent
  await sql`
    insert into hai.pulse (name, every_seconds, last_at) values (${SEND}, ${schedule.every_seconds}, now())
    on conflict (name) do update set every_seconds = excluded.every_seconds, last_at = now()`
  return sent
}

/** Sends what is due until nothing is, or no channel answers. */
export async function sendNotices(
  sql: Sql,
  channels: Channels,
  { environment, signal }: { environment: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<Sent> {
  const enabled = Object.entries(channels).filter(([, { enabled }]) => enabled)
  const run: Run = {
    sql,
    environment,
    channels: enabled.map(([name, channel]) => ({ name, channel })),
    down: new Map(),
  }
  const told: Sent = { sent: 0, later: 0, failed: 0, dropped: await dropStale(sql) }
  const deadline = Date.now() + RUN_MS
  while (run.channels.length > run.down.size && !signal.aborted && Date.now() < deadline) {
    const notice = await takeNotice(sql)
    if (!notice) return told
    told[await send(notice, run)] += 1
  }
  if (run.down.size > 0 && run.down.size === run.channels.length) {
    await postponeDue(sql, Math.min(...run.down.values()))
  }
  return told
}

interface Run {
  sql: Sql
  environment: NodeJS.ProcessEnv
  channels: { name: string; channel: Channel }[]
  /** Channels that did not answer in this run, and for how many seconds to leave them alone. */
  down: Map<string, number>
}

/** One attempt for one notice: to each channel that wants it, has not got it yet, and is not down. */
async function send(notice: HeldNotice, { sql, environment, channels, down }: Run): Promise<keyof Sent> {
  const wanting = channels.filter(({ channel }) => channel.notices?.includes(notice.kind) ?? true)
  if (wanting.length === 0) {
    await drop(sql, notice)
    return 'dropped'
  }
  const left = wanting.filter(({ name }) => !notice.receipts[name])
  const errors: string[] = []
  let pause = backoff(notice.attempts)
  for (const to of left.filter(({ name }) => !down.has(name))) {
    const delivered = await deliver(notice, to, environment)
    if (delivered.ok) {
      notice.receipts[to.name] = delivered.receipt
      continue
    }
    errors.push(delivered.error)
    pause = Math.max(pause, Math.min(delivered.retryAfterSeconds ?? 0, LONGEST_ASKED_SECONDS))
    if (delivered.down) down.set(to.name, pause)
  }
  if (errors.length > 0) return markUnsent(sql, notice, { error: errors.join('; '), seconds: pause })
  const missing = left.filter(({ name }) => !notice.receipts[name])
  if (missing.length === 0) {
    await markSent(sql, notice)
    return 'sent'
  }
  await putBack(sql, notice, Math.max(...missing.map(({ name }) => down.get(name) ?? 0)))
  return 'later'
}

/** Doubles from attempt to attempt, with up to a quarter more, so that notices don't all come back at once. */
function backoff(attempt: number): number {
  const pause = Math.min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
  return pause * (1 + Math.random() / 4)
}
