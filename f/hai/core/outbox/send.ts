import { resolveReference, storedConfig } from '../base/config.ts'
import { outage, type Sql } from '../base/db.ts'
import { workerEnvironment } from '../base/environment.ts'
import { HaiError, parse, withoutWords } from '../base/errors.ts'
import { resetSeconds } from '../base/reset_time.ts'
import { backoff, pulse, Schedule } from '../base/time.ts'
import { type Channel, Channels } from './channels.ts'
import {
  drop,
  dropStale,
  markSent,
  markUnsent,
  postponeDue,
  putBack,
  type Receipt,
  type TakenNotice,
  takeNotice,
} from './notice.ts'
import { ringAnswered, SEND } from './ring.ts'

/** Seconds between two attempts for a notice; the share lets notices not all come back at once. */
const PAUSE = { first: 30, most: 3600, jitter: 1 / 4 }
const LONGEST_ASKED_SECONDS = 6 * 3600
/** A run ends before the next one is due. */
const RUN_MS = 45_000

interface Sent {
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
    environment: workerEnvironment().environment,
    signal,
  })
  if (!trusted || !schedule) return sent
  await pulse(sql, SEND, schedule.every_seconds)
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
    told[await sendOne(notice, run)] += 1
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
async function sendOne(notice: TakenNotice, { sql, environment, channels, down }: Run): Promise<keyof Sent> {
  const wanting = channels.filter(({ channel }) => channel.notices?.includes(notice.kind) ?? true)
  if (wanting.length === 0) {
    await drop(sql, notice)
    return 'dropped'
  }
  const left = wanting.filter(({ name }) => !notice.receipts[name])
  const errors: string[] = []
  let pause = backoff(notice.attempts, PAUSE)
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

const TIMEOUT_MS = 10_000
const SAID_MAX = 200
/** It is this notice that the channel doesn't like; any other failure would meet the next one, too. */
const OWN_FAULT = new Set([400, 409, 413, 415, 422])

type Delivered =
  | { ok: true; receipt: Receipt }
  /** `down`: no use to try the channel with another notice now. */
  | { ok: false; error: string; down: boolean; retryAfterSeconds: number | undefined }

/** POSTs a notice to a channel, once. What went wrong is told without the address, the topic or the token. */
async function deliver(
  notice: TakenNotice,
  { name, channel }: { name: string; channel: Channel },
  environment: NodeJS.ProcessEnv,
): Promise<Delivered> {
  const hidden: string[] = []
  const failed = (
    what: string,
    rest: { down: boolean; retryAfterSeconds?: number | undefined },
  ): Delivered => {
    const shown = hidden.reduce((text, secret) => text.replaceAll(secret, '…'), what)
    return { ok: false, error: `${name}: ${shown}`, retryAfterSeconds: undefined, ...rest }
  }
  try {
    const resolved = (field: 'url' | 'token', text: string) =>
      resolveReference(text, { name: 'channels', field: `${name}.${field}` }, environment)
    const url = resolved('url', channel.url)
    const token = channel.token && resolved('token', channel.token)
    hidden.push(...[url, token, channel.topic].filter((secret) => secret !== undefined))
    const response = await post(url, token, notice, channel)
    const said = (await response.text()).slice(0, 4096)
    if (response.ok) return { ok: true, receipt: receiptOf(response.status, said) }
    const why = said ? `: ${said.replace(/\s+/g, ' ').slice(0, SAID_MAX)}` : ''
    const redirect = response.status >= 300 && response.status < 400
    return failed(`answered ${redirect ? 'with a redirect, ' : ''}${response.status}${why}`, {
      down: !OWN_FAULT.has(response.status),
      retryAfterSeconds: resetSeconds({ headers: Object.fromEntries(response.headers) }),
    })
  } catch (error) {
    if (error instanceof HaiError) return failed(error.message, { down: true })
    return failed(networkError(error), { down: true })
  }
}

function post(
  url: string,
  token: string | undefined,
  notice: TakenNotice,
  channel: Channel,
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      // the same at every attempt: a receiver may know by it that it has the notice
      'idempotency-key': `hai-notice-${notice.id}-${Date.parse(notice.created_at)}`,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify(messageOf(notice, channel)),
    // it would go somewhere that nobody configured
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
}

function receiptOf(status: number, said: string): Receipt {
  const at = new Date().toISOString()
  const [, id] = /^\s*\{.*?"id"\s*:\s*"?([\w.:-]{1,100})/s.exec(said) ?? []
  return { at, status, ...(id ? { id } : {}) }
}

/** Only what kind of error it is: its words may hold the address. */
function networkError(error: unknown): string {
  if (!(error instanceof Error)) return 'it could not be reached'
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`
  const { code } = (error.cause ?? error) as { code?: unknown }
  return `it could not be reached (${typeof code === 'string' ? code : error.name})`
}

/** ntfy makes a file of a longer message. */
const NTFY_BYTES = 4096
const NTFY_PRIORITY = { low: 2, normal: 3, high: 4, urgent: 5 }
/** Which ntfy shows as an emoji. */
const NTFY_TAGS: Record<string, string> = {
  budget: 'moneybag',
  cost_report: 'bar_chart',
  escalation: 'warning',
}

/** The body to POST for a notice, in the channel's format. */
function messageOf(notice: TakenNotice, { format, topic }: Channel): Record<string, unknown> {
  const { id, kind, title, text, priority, link, data, created_at } = notice
  if (format === 'json') return { id, kind, title, text, priority, link, created_at, ...data }
  return {
    topic,
    title,
    message: cut(text, NTFY_BYTES),
    priority: NTFY_PRIORITY[priority],
    tags: NTFY_TAGS[kind] ? [NTFY_TAGS[kind]] : [],
    ...(link ? { click: link } : {}),
  }
}

/** The text in at most so many bytes of UTF-8, cut between two letters. */
function cut(text: string, bytes: number): string {
  const encoded = new TextEncoder().encode(text)
  if (encoded.length <= bytes) return text
  const kept = new TextDecoder().decode(encoded.subarray(0, bytes - 3)).replace(/\uFFFD+$/, '')
  return `${kept}…`
}
