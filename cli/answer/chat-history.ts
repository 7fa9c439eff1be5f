import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../failure.ts'
import { stateDirOf, writePrivate } from '../files.ts'

type Env = Record<string, string | undefined>

export const HISTORY_LINES = 500

/** The lines typed into chats on this machine, the newest first. */
export function readHistory(env: Env): string[] {
  const file = fileOf(env)
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).slice(0, HISTORY_LINES)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new Failure('usage', `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** Keeps the lines, the newest first, readable by their owner only. */
export function keepHistory(env: Env, lines: string[]): void {
  writePrivate(fileOf(env), lines.map((line) => `${line}\n`).join(''))
}

function fileOf(env: Env): string {
  return join(stateDirOf(env), 'chat-history')
}
