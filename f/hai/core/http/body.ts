import { HaiError, MOST_LEVELS } from '../errors.ts'
import type { RequestEvent } from './request.ts'

/** Characters; more than a task with all that may be attached to it. */
const LONGEST = 12 * 1024 * 1024

const QUOTE = 34
const BACKSLASH = 92
const OPEN = new Set([91, 123])
const CLOSE = new Set([93, 125])

/**
 * What a request's body says, read from the text that came. What Windmill has read of it itself is never looked at: each
 * text in it that begins like a reference has become what that names, with the rights of the route's owner. `invalid`.
 */
export function jsonOf(raw: unknown): unknown {
  if (typeof raw !== 'string' || raw.trim() === '') throw notJson()
  if (raw.length > LONGEST) throw notTaken(`longer than ${LONGEST} characters; send less`)
  if (isTooDeep(raw)) throw notTaken(`goes more than ${MOST_LEVELS} levels deep; send it flatter`)
  try {
    return JSON.parse(raw)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // its message shows what it met
    throw notJson()
  }
}

/**
 * A body's text as a preprocessor may pass it on. Where a request doesn't say that it is JSON, Windmill may have put a
 * secret in the place of all of it: what doesn't begin as JSON that a route takes rests in no job.
 */
export function jsonText({ raw_string: raw }: RequestEvent): string {
  return typeof raw === 'string' && /^\s*[{[]/.test(raw) ? raw : ''
}

const notJson = () => notTaken('expected JSON; send it with content-type: application/json')

const notTaken = (why: string) => new HaiError('invalid', `body: ${why}`)

/** Told without parsing, which takes as much memory as there are levels. */
function isTooDeep(json: string): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) at = endOfString(json, at)
    else if (OPEN.has(code)) {
      depth += 1
      if (depth > MOST_LEVELS) return true
    } else if (CLOSE.has(code)) depth -= 1
  }
  return false
}

function endOfString(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}
