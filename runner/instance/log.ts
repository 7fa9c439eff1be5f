import { copyFileSync, fstatSync, statSync, truncateSync } from 'node:fs'

/** A log of more bytes is moved aside; one older is kept. */
export const LOG_LIMIT = 10 * 1024 * 1024

/**
 * `write`, which appends to `file`, with the file kept below the limit while it goes on: a stack that stays up for months
 * starts once. What is written elsewhere, as to a terminal, is left alone.
 */
export function rotated(
  file: string,
  write: (text: string) => void,
  { fd = 2, limit = LOG_LIMIT } = {},
): (text: string) => void {
  let size = isSame(fd, file) ? statSync(file).size : undefined
  return (text) => {
    if (size !== undefined) {
      size += Buffer.byteLength(text)
      if (size > limit) {
        // copied and not renamed: the open descriptor, which others have as well, stays with the file
        copyFileSync(file, `${file}.1`)
        truncateSync(file)
        size = Buffer.byteLength(text)
      }
    }
    write(text)
  }
}

function isSame(fd: number, file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false })
  const open = fstatSync(fd)
  return found !== undefined && found.ino === open.ino && found.dev === open.dev
}
