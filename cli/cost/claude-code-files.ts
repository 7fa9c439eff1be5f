import { type Dirent, existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Failure } from '../failure.ts'
import { expandHome } from '../files.ts'
import { type ClaudeCall, readLine } from './claude-code-line.ts'
import { jsonLines } from './json-lines.ts'

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
