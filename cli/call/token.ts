import { readFileSync, statSync } from 'node:fs'
import { Failure } from '../failure.ts'

/** The token in a file; undefined when there is none. `warn` hears of a file that others can read. */
export function readToken(file: string, warn: (message: string) => void): string | undefined {
  let text: string
  let mode: number
  try {
    text = readFileSync(file, 'utf8')
    mode = statSync(file).mode
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Failure('denied', `cannot read the token file ${file}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (mode & 0o077) warn(`others on this machine can read ${file}; close it: chmod 600 ${file}`)
  return checkToken(text, file)
}

/** A token that fits an HTTP header, without the line break around it; `where` names its origin in the refusal. */
export function checkToken(text: string, where: string): string {
  const token = text.trim()
  if (token === '')
    throw new Failure('usage', `the token in ${where} is empty`, { next: 'hai auth set-token' })
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Failure('usage', `the token in ${where} has spaces or special characters; a token is one word`)
  }
  return token
}
