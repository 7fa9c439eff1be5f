import { join } from 'node:path'
import { readText, stateDirOf, writePrivate } from '../files.ts'

type Env = Record<string, string | undefined>

export const HISTORY_MOST = 500
/** What is longer is brought back in the chat it was said in, and not later. */
const MESSAGE_MOST = 64 * 1024
const FILE_MOST = 1024 * 1024
/** A message is a line of the file. */
const BREAK = '⏎'

/** The messages typed into chats on this machine, the newest first. */
export function readHistory(env: Env): string[] {
  const lines = readText(fileOf(env)).split('\n').filter(Boolean).slice(0, HISTORY_MOST)
  return lines.map((line) => line.replaceAll(BREAK, '\n'))
}

/** Puts a message before the others, readable by its owner only. */
export function keepInHistory(env: Env, message: string): void {
  if (message.length > MESSAGE_MOST) return
  let kept = ''
  for (const text of [message, ...readHistory(env).filter((other) => other !== message)].slice(
    0,
    HISTORY_MOST,
  )) {
    const line = `${text.replaceAll('\n', BREAK)}\n`
    if (kept.length + line.length <= FILE_MOST) kept += line
  }
  writePrivate(fileOf(env), kept)
}

function fileOf(env: Env): string {
  return join(stateDirOf(env), 'chat-history')
}
