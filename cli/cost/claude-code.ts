import { createReadStream, type Dirent, existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Failure } from '../failure.ts'
import { expandHome } from '../files.ts'

/** Claude Code may still be writing the last lines of a call that is younger. */
const FRESH_MS = 5 * 60_000

/** The calls of one session file, and what it held besides. */
export interface SessionFile {
  calls: FoundCall[]
  /** Of these, how many whose last count was never written down. */
  partial: number
  /** How many are not over yet, and not among `calls`. */
  running: number
  /** Lines that could not be understood, by number, and why. */
  odd: { line: number; why: string }[]
}

export interface FoundCall extends ClaudeCall {
  /** Of the file, where it was read. */
  line: number
}

/** Where Claude Code keeps its sessions: `dir`, else CLAUDE_CONFIG_DIR, else ~/.claude. Fails when nothing is there. */
export function sessionFolder(dir: string | undefined, env: Record<string, string | undefined>): string {
  const config = resolve(expandHome(dir || env.CLAUDE_CONFIG_DIR || '~/.claude', env))
  const projects = join(config, 'projects')
  if (existsSync(projects)) return projects
  if (dir !== undefined && existsSync(config)) return config
  throw new Failure('notFound', `there is no ${dir === undefined ? projects : config}`, {
    next: 'hai cost import claude-code DIR, with the folder that holds projects/ (usually ~/.claude)',
  })
}

/** All session files below a folder, in a fixed order; links are not followed. */
export function sessionFiles(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort(byName)
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sessionFiles(path)
    return entry.isFile() && entry.name.endsWith('.jsonl') ? [path] : []
  })
}

/** Reads a session file line by line. A call that stands in several lines is one, at its highest count. */
export async function readSession(path: string, now = Date.now()): Promise<SessionFile> {
  const calls = new Map<string, FoundCall>()
  const odd: SessionFile['odd'] = []
  let number = 0
  for await (const text of jsonLines(path)) {
    number += 1
    const line = text === undefined ? { odd: 'is too long' } : readLine(text, now)
    if (line === 'none') continue
    if ('odd' in line) odd.push({ line: number, why: line.odd })
    else calls.set(line.call_id, fuller(calls.get(line.call_id), { ...line, line: number }))
  }
  const all = [...calls.values()]
  const over = all.filter(({ complete, at }) => complete || now - Date.parse(at) > FRESH_MS)
  return {
    calls: over,
    partial: over.filter(({ complete }) => !complete).length,
    running: all.length - over.length,
    odd,
  }
}

/**
 * Of two lines on one call: a last count is the fuller, else the greater, as counts grow from line to line; the earlier
 * tells when the call was made.
 */
export function fuller<Call extends ClaudeCall>(one: Call | undefined, other: Call): Call {
  if (!one) return other
  const at = one.at < other.at ? one.at : other.at
  const size = (call: Call) => [
    call.complete ? 1 : 0,
    ...[call.output, call.input, call.cache_read, call.cache_write, call.cache_write_1h],
  ]
  const was = size(one)
  const [difference = 0] = size(other).flatMap((value, i) => (value === was[i] ? [] : [value - was[i]!]))
  return { ...(difference > 0 ? other : one), at }
}

const byName = (a: Dirent, b: Dirent) => (a.name < b.name ? -1 : 1)

/** Tokens of one call, as the ledger counts them: `input` includes what the cache gave and took. */
export interface ClaudeCall {
  /** The same for every copy of the call, in whatever file it stands. */
  call_id: string
  at: string
  model: string
  input: number
  output: number
  cache_read: number
  /** With what is kept for an hour. */
  cache_write: number
  cache_write_1h: number
  /** Claude Code wrote its last count down; without it, `output` is at least this much. */
  complete: boolean
}

/** `none`: it tells of no call. With `odd`, why it can't be counted although it seems to tell of one. */
export type Line = ClaudeCall | 'none' | { odd: string }

interface LogRecord {
  type?: unknown
  timestamp?: unknown
  requestId?: unknown
  message?: {
    id?: unknown
    model?: unknown
    stop_reason?: unknown
    usage?: { [kind: string]: unknown } | null
  } | null
}

/** Claude Code's own name for what it says itself when a call failed: no model was asked. */
const NO_MODEL = '<synthetic>'
const MODEL = /^[\x20-\x7e]{1,200}$/
/** Anthropic's, and a gateway's such as `chatcmpl-12ab`; what is made anew for each copy, as by base64, names no call. */
const ID = /^[\w.:-]{1,100}$/
/** The ledger's largest. */
const MOST = 2_147_483_647
/** As the ledger allows for a clock that is wrong. */
const AHEAD_MS = 24 * 3_600_000
const FIRST_YEAR = 2000
const SHOWN = 40

/** What one line of a session file tells of a call. Only lines of an assistant's message do. */
export function readLine(line: string, now = Date.now()): Line {
  // a crash may leave a file's end, and with it the beginning of the next line, full of NUL
  const text = line.replace(/^\0+/, '').trim()
  if (text === '') return line.includes('\0') ? { odd: 'holds nothing but NUL' } : 'none'
  // a tool's result may be megabytes: what can't be a call is not parsed
  if (text.startsWith('{') && text.endsWith('}') && !text.includes('"assistant"')) return 'none'
  const record = parsed(text)
  if (!record) return { odd: 'is no JSON object' }
  if (record.type !== 'assistant') return 'none'
  if (record.message?.model === NO_MODEL) return 'none'
  try {
    return callOf(record, now)
  } catch (error) {
    if (error instanceof Odd) return { odd: error.message }
    throw error
  }
}

/** Why a record can't be counted. */
class Odd extends Error {}

function parsed(text: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function callOf({ timestamp, requestId, message }: LogRecord, now: number): ClaudeCall {
  const { id, model, usage, stop_reason } = message ?? {}
  if (typeof usage !== 'object' || usage === null) throw odd('usage', usage, 'expected counts of tokens')
  if (!matches(MODEL, model)) throw odd('model', model, 'expected its name')
  const read = count(usage, 'cache_read_input_tokens', 0)
  const write = writes(usage)
  const input = count(usage, 'input_tokens') + read + write.all
  if (input > MOST) throw new Odd(`its ${input} input tokens are more than ${MOST}`)
  return {
    call_id: `claude-code:${identity(id, requestId)}`,
    at: time(timestamp, now),
    model,
    input,
    output: count(usage, 'output_tokens'),
    cache_read: read,
    cache_write: write.all,
    cache_write_1h: write.anHour,
    complete: typeof stop_reason === 'string',
  }
}

/** A message's own id is enough, and its copies need not name the request. */
function identity(id: unknown, requestId: unknown): string {
  if (matches(ID, id)) return id
  if ((id === undefined || id === null) && matches(ID, requestId)) return requestId
  throw odd('message.id', id, 'expected an id')
}

/** When it was made, RFC 3339 in UTC. */
function time(timestamp: unknown, now: number): string {
  const at = new Date(typeof timestamp === 'string' ? timestamp : Number.NaN)
  if (Number.isNaN(at.getTime()) || at.getUTCFullYear() < FIRST_YEAR)
    throw odd('timestamp', timestamp, 'expected a time')
  if (at.getTime() >= now + AHEAD_MS) throw odd('timestamp', timestamp, 'expected a time that has passed')
  return at.toISOString()
}

/** Tokens written to the cache, and which of them are kept for an hour: newer versions tell both. */
function writes(usage: { [kind: string]: unknown }): { all: number; anHour: number } {
  const all = count(usage, 'cache_creation_input_tokens', 0)
  const kinds = usage.cache_creation
  if (typeof kinds !== 'object' || kinds === null) return { all, anHour: 0 }
  const anHour = count(kinds as typeof usage, 'ephemeral_1h_input_tokens', 0)
  const minutes = count(kinds as typeof usage, 'ephemeral_5m_input_tokens', 0)
  return { all: Math.max(all, anHour + minutes), anHour }
}

/** A count of tokens; one that is not there is `otherwise`, where it may be missing. */
function count(usage: { [kind: string]: unknown }, kind: string, otherwise?: number): number {
  const value = usage[kind] ?? otherwise
  if (Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MOST) return Number(value)
  throw odd(kind, usage[kind], `expected a whole number up to ${MOST}`)
}

const matches = (pattern: RegExp, value: unknown): value is string =>
  typeof value === 'string' && pattern.test(value)

function odd(field: string, value: unknown, expected: string): Odd {
  if (value === undefined) return new Odd(`${field} is missing: ${expected}`)
  const text = JSON.stringify(value)
  const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
  return new Odd(`${field} is ${shown}: ${expected}`)
}

const LINE_FEED = 0x0a
/** A longer one is no record of a call; bytes. */
const LONGEST = 64 * 1024 * 1024

/**
 * The lines of a file of JSON documents, ended by line feeds alone: what else a terminal or a reader of lines takes for the
 * end of one may stand within a text. The mark that some editors put before the first is skipped. Undefined is a line
 * that is too long to be read.
 */
export async function* jsonLines(path: string): AsyncGenerator<string | undefined> {
  let pieces: Buffer[] = []
  let size = 0
  let first = true
  const line = () => {
    const text = size > LONGEST ? undefined : Buffer.concat(pieces).toString('utf8')
    pieces = []
    size = 0
    const start = first && text?.startsWith('\uFEFF') ? 1 : 0
    first = false
    return text?.slice(start)
  }
  const add = (piece: Buffer) => {
    size += piece.length
    if (size <= LONGEST) pieces.push(piece)
    else pieces = []
  }
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, end))
      yield line()
      from = end + 1
    }
    add(chunk.subarray(from))
  }
  if (size > 0) yield line()
}
