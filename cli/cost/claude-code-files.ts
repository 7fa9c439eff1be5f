import { type Dirent, existsSync, readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Failure } from '../failure.ts'
import { expandHome } from '../paths.ts'
import { type ClaudeCall, readLine } from './claude-code-line.ts'

/** Claude Code may still be writing the last lines of a call that is younger. */
const FRESH_MS = 5 * 60_000

/** The calls of one session file, and what it held besides. */
export interface SessionFile {
  calls: ClaudeCall[]
  /** Of these, how many whose last count was never written down. */
  partial: number
  /** How many are not over yet, and not among `calls`. */
  running: number
  /** Lines that could not be understood, by number. */
  odd: number[]
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
  const calls = new Map<string, ClaudeCall>()
  const odd: number[] = []
  let number = 0
  const file = await open(path)
  for await (const text of file.readLines()) {
    number += 1
    const line = readLine(text)
    if (line === 'odd') odd.push(number)
    else if (line !== 'none') calls.set(line.call_id, fuller(calls.get(line.call_id), line))
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

/** Counts grow from line to line, so the highest is the last; the first line tells when the call was made. */
function fuller(before: ClaudeCall | undefined, line: ClaudeCall): ClaudeCall {
  if (!before) return line
  const complete = before.complete || line.complete
  return { ...(line.output >= before.output ? line : before), at: before.at, complete }
}

const byName = (a: Dirent, b: Dirent) => (a.name < b.name ? -1 : 1)
