import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tokens } from './behaviour.ts'

/** How the stand-in's runs go. */
export interface ClaudeScript {
  /**
   * `silent` hangs before the first line, `hang` after `text`; `crash` is a SIGKILL of its own after `text`;
   * `garbage` comes instead of the result.
   */
  mode?:
    | 'answer'
    | 'login_expired'
    | 'quota_exhausted'
    | 'api_error'
    | 'silent'
    | 'hang'
    | 'crash'
    | 'garbage'
  text?: string[]
  /** Milliseconds before each piece of `text`. */
  pauseMs?: number
  tokens?: Partial<Omit<Tokens, 'reasoning'>>
  costUsd?: number
  stopReason?: 'end_turn' | 'max_tokens'
  /** For `quota_exhausted`: seconds since the epoch, and whether a `rate_limit_event` says so too (it does). */
  resetsAt?: number
  rateLimitEvent?: boolean
  /** For `api_error`. */
  status?: number
  /** What a failure says, where another wording than the usual is wanted. */
  message?: string
  /** Says on stderr that it ignores SIGTERM, and does. */
  stubborn?: boolean
}

/** What one run of the stand-in got. */
export interface ClaudeRun {
  argv: string[]
  /** What it was to be told in place of its own instructions. */
  system?: string
  stdin: string
  env: Record<string, string>
  cwd: string
  pid: number
}

export interface FakeClaude {
  /** The folder with a program named `claude`, to put on PATH. */
  bin: string
  /** What the environment must hold besides. */
  env: Record<string, string>
  /** Every run so far that got as far as reading its input, in order. */
  runs(): Promise<ClaudeRun[]>
}

/** Puts a `claude` that goes by `script` into `folder`. */
export async function fakeClaude(folder: string, script: ClaudeScript = {}): Promise<FakeClaude> {
  const bin = join(folder, 'bin')
  const log = join(folder, 'claude.log')
  const standIn = join(import.meta.dirname, 'claude-stand-in.mjs')
  await mkdir(bin, { recursive: true })
  // no `env node`: the PATH that a test gives may hold nothing but this folder
  await writeFile(join(bin, 'claude'), `#!/bin/sh\nexec '${process.execPath}' '${standIn}' "$@"\n`, {
    mode: 0o755,
  })
  await writeFile(log, '', { mode: 0o600 })
  return {
    bin,
    env: { FAKE_CLAUDE: JSON.stringify(script), FAKE_CLAUDE_LOG: log },
    runs: async () =>
      (await readFile(log, 'utf8'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line): ClaudeRun => JSON.parse(line)),
  }
}
