import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { ApiError } from '../api-error.ts'
import { isTooDeep, MOST_LEVELS } from '../json-depth.ts'
import type { Call } from './context.ts'

const BODY_LIMIT = 12 * 1024 * 1024

type Args = Record<string, unknown>

/** What a call brings for a run. */
export interface Input {
  /** By Windmill's rules for the body's type, and what the query asks to add to it. */
  args: Args
  /** What the body says, be it an object or not, before anything is added. */
  body: unknown
  /** The body as it came; in base64 where it is no text. */
  text: string
}

/** The input of a run: the payload of a GET, else the body. */
export async function inputOf(call: Call): Promise<Input> {
  if (call.req.method === 'GET') {
    const { args, body } = payloadOf(call)
    return { args: { ...args, ...extraOf(call) }, body, text: '' }
  }
  const { args, body, text } = await routeInputOf(call)
  const raw = call.req.query('raw') === 'true' ? { raw_string: text } : {}
  const wrapped = call.req.query('wrap_body') === 'true' ? { body } : args
  return { args: { ...wrapped, ...raw, ...extraOf(call) }, body, text }
}

/** What the body of a call brings, whatever its method. */
export async function routeInputOf(call: Call): Promise<Input> {
  return fromBody(await readBody(call.env.incoming), call.req.header('content-type'))
}

/** What a script's preprocessor gets of a webhook call. */
export function webhookEvent(call: Call, { body, text }: Input): Args {
  const raw = call.req.query('raw') === 'true' ? text : null
  return { kind: 'webhook', body, raw_string: raw, query: call.req.query(), headers: allHeaders(call) }
}

/** The headers of a call by their names in lower case. */
export const allHeaders = (call: Call): Record<string, string> => call.req.header()

/** A body that is any JSON. */
export async function bodyOf(call: Call): Promise<unknown> {
  return parseJson(textOf(await readBody(call.env.incoming)))
}

/** A body that is one JSON object, as the routes outside of runs take it. */
export async function objectOf(call: Call): Promise<Args> {
  const text = textOf(await readBody(call.env.incoming))
  const value = text.trim() === '' ? {} : parseJson(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Args
  throw new ApiError(400, 'the body is not a JSON object')
}

function fromBody(bytes: Buffer, contentType: string | undefined): Input {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  switch (type) {
    case '':
    case 'application/json':
      return fromJson(textOf(bytes), type)
    case 'application/x-www-form-urlencoded': {
      const text = textOf(bytes)
      const fields = Object.fromEntries(new URLSearchParams(text))
      return { args: fields, body: fields, text }
    }
    case 'text/plain':
    case 'text/xml':
    case 'application/xml': {
      const text = textOf(bytes)
      return { args: { raw_string: text }, body: {}, text }
    }
    case 'multipart/form-data':
      throw new ApiError(400, 'multipart/form-data needs object storage, which the local stack has not')
    default:
      return { args: {}, body: {}, text: isUtf8(bytes) ? bytes.toString() : bytes.toString('base64') }
  }
}

function fromJson(text: string, type: string): Input {
  const trimmed = text.trim()
  if (trimmed === '' && type === '') return { args: {}, body: {}, text }
  const body = parseJson(text)
  return { args: trimmed.startsWith('{') ? (body as Args) : { body }, body, text }
}

function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  throw new ApiError(400, 'invalid utf8: the body is not text in UTF-8')
}

function parseJson(text: string): unknown {
  if (isTooDeep(text))
    throw new ApiError(400, `the JSON nests deeper than ${MOST_LEVELS} levels; send it flatter`)
  const value = read(text)
  // kept as JSON, its Infinity would become null without a word
  if (hasBeyond(value)) throw new ApiError(400, 'invalid json: number out of range')
  return value
}

/** Whether a number in it is larger than any that can be told apart from infinity, such as `1e999`. */
function hasBeyond(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasBeyond)
}

function read(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // without the piece of it that is wrong
    throw new ApiError(400, `invalid json: ${error.message.replace(/, .*is not valid JSON$/s, '')}`)
  }
}

function payloadOf(call: Call): Input {
  const payload = call.req.query('payload')
  if (payload === undefined) return { args: {}, body: {}, text: '' }
  return fromJson(Buffer.from(payload, 'base64').toString(), 'application/json')
}

/** What the query names of headers and of itself; what the call has not is not there. */
function extraOf(call: Call): Args {
  const { include_query, include_header } = call.req.query()
  const query = list(include_query).map((name) => [name, call.req.query(name)])
  const headers = list(include_header).map((name) => [
    name.toLowerCase().replaceAll('-', '_'),
    call.req.header(name),
  ])
  return Object.fromEntries([...query, ...headers].filter(([, value]) => value !== undefined))
}

function list(names: string | undefined): string[] {
  return names ? names.split(',').map((name) => name.trim()) : []
}

/** Read from Node's request itself, as it ends at the limit, whatever Content-Length said. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > BODY_LIMIT) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length
      if (size > BODY_LIMIT) throw tooLarge()
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
    throw new ApiError(400, 'the connection broke in the middle of the body')
  }
  return Buffer.concat(chunks)
}

function tooLarge(): ApiError {
  return new ApiError(413, `the body is larger than ${BODY_LIMIT / 1024 / 1024} MB; send less`)
}
