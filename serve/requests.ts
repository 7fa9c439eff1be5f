import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { MOST_LEVELS } from '../f/hai/core/base/errors.ts'
import { isTooDeep } from '../f/hai/core/surface/request.ts'

/** Bytes; more than a task with all that may be attached to it. */
const LONGEST = 16 * 1024 * 1024
/** So much of a body that is refused is still read, as the answer would else be lost with the connection. */
const DRAINED = 64 * 1024 * 1024

/** A request that is refused before anything of it is handed on: the HTTP status, and what to do in a sentence. */
export class Refused extends Error {
  status: number
  code: string
  /** The field, where it is one's. */
  param: string | null

  constructor(status: number, code: string, message: string, param: string | null = null) {
    super(message)
    this.status = status
    this.code = code
    this.param = param
  }
}

/** The bearer token that a request brings, whatever its spelling; undefined when it brings none. */
export function tokenIn(header: string | undefined): string | undefined {
  return /^\s*Bearer\s+([\x21-\x7e]+)\s*$/i.exec(header ?? '')?.[1]
}

/** Characters; no task has a longer one. */
const LONGEST_KEY = 200

/** The `Idempotency-Key` that a request brings; undefined when it brings none. Throws `Refused`. */
export function keyIn(header: string | undefined): string | undefined {
  const key = header?.trim()
  if (!key || key.length <= LONGEST_KEY) return key || undefined
  throw new Refused(
    400,
    'invalid',
    `Idempotency-Key: expected at most ${LONGEST_KEY} characters`,
    'Idempotency-Key',
  )
}

/** The client's own name for the request where it is one, else a new one. */
export function requestIdOf(header: string | undefined): string {
  return header && /^[\w.:-]{1,128}$/.test(header) ? header : `req_${randomUUID().replaceAll('-', '')}`
}

/** A body of JSON, read as one whatever else its type may be called. Rejects with `Refused`. */
export async function jsonIn(request: IncomingMessage): Promise<unknown> {
  refuseType(request)
  const bytes = await bytesIn(request)
  let text: string
  try {
    // takes the mark of its order off, which some clients put before it
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Refused(400, 'invalid_body', 'the body is not UTF-8 text; send JSON in UTF-8')
  }
  if (text.trim() === '') throw new Refused(400, 'invalid_body', 'the body is empty; send JSON')
  if (isTooDeep(text))
    throw new Refused(
      400,
      'invalid_body',
      `the body goes more than ${MOST_LEVELS} levels deep; send it flatter`,
    )
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // its message shows what it met
    throw new Refused(400, 'invalid_body', 'the body is not valid JSON')
  }
}

const JSON_TYPE = /^(application|text)\/(json|[\w.-]+\+json)$/i

function refuseType({ headers }: IncomingMessage): void {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim())
  const charset = parameters.map((one) => /^charset="?([\w-]+)"?$/i.exec(one)?.[1]).find(Boolean)
  const how = 'send JSON with content-type: application/json'
  if (type !== '' && !JSON_TYPE.test(type)) {
    const what =
      type.toLowerCase() === 'application/x-www-form-urlencoded' ? ' (what curl -d sends by itself)' : ''
    throw new Refused(415, 'unsupported_media_type', `this content type is not taken${what}; ${how}`)
  }
  if (charset && !/^(utf-?8|us-ascii)$/i.test(charset))
    throw new Refused(415, 'unsupported_media_type', `this charset is not taken; send the JSON in UTF-8`)
  const coding = headers['content-encoding']
  if (coding && coding.toLowerCase() !== 'identity')
    throw new Refused(415, 'unsupported_media_type', 'the body is compressed; send it as it is')
}

async function bytesIn(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size <= LONGEST) chunks.push(chunk as Buffer)
    if (size > DRAINED) break
  }
  if (size > LONGEST)
    throw new Refused(
      413,
      'request_too_large',
      `the body is larger than ${LONGEST / 1024 / 1024} MiB; send less`,
    )
  return Buffer.concat(chunks)
}

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

/**
 * Why a request is none of a client's own: a page of another place has a browser send it, or a name of another place leads
 * to this machine. Undefined for all others. `allowed` are origins that the operator lists; `loopback`, whether nobody but
 * this machine is meant to call.
 */
export function foreignness(
  { host = '', origin }: { host?: string | undefined; origin?: string | undefined },
  { allowed, loopback }: { allowed: readonly string[]; loopback: boolean },
): string | undefined {
  const names = allowed.flatMap((one) => (URL.canParse(one) ? [new URL(one).host] : []))
  if (loopback && !LOOPBACK.test(host) && !names.includes(host.toLowerCase()))
    return 'this address serves localhost and no other name'
  const own = origin === undefined || origin.toLowerCase().replace(/^https?:\/\//, '') === host.toLowerCase()
  if (own || allowed.includes(origin)) return undefined
  return 'the page that sends this is of another place; the operator lists those that may: allow_origins in config.yaml, or --allow-origin'
}
