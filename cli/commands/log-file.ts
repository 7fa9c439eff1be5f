import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { Io } from '../io.ts'

const CHUNK = 64 * 1024
const LOOK_MS = 200

/** Writes the last lines of a file and returns where it ended, in bytes; undefined when there is no file. */
export function lastLines(file: string, count: number, write: (text: string) => void): number | undefined {
  const end = sizeOf(file)
  if (end === undefined) return undefined
  let start = end
  let tail = Buffer.alloc(0)
  while (start > 0 && newlines(tail) <= count) {
    const from = Math.max(0, start - CHUNK)
    tail = Buffer.concat([read(file, from, start), tail])
    start = from
  }
  const lines = tail.toString().split('\n')
  const whole = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  const wanted = whole.slice(-count)
  if (wanted.length > 0) write(`${wanted.join('\n')}\n`)
  return end
}

/** Writes what is added to a file, from that byte on, until Ctrl-C. A file that shrank is read from its beginning. */
export async function followFile(
  file: string,
  from: number,
  write: (text: string) => void,
  io: Io,
): Promise<void> {
  let at = from
  await new Promise<void>((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        const end = sizeOf(file) ?? 0
        if (end < at) at = 0
        if (end > at) write(read(file, at, end).toString())
        at = end
      } catch (error) {
        clearInterval(timer)
        reject(error)
      }
    }, LOOK_MS)
    io.onInterrupt(() => {
      clearInterval(timer)
      resolve()
    })
  })
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size
}

function read(file: string, from: number, to: number): Buffer {
  const handle = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(to - from)
    return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, from))
  } finally {
    closeSync(handle)
  }
}

function newlines(bytes: Buffer): number {
  return bytes.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0)
}
