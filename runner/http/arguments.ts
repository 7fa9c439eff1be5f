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
  /** What the body says, before anything is added. */
  body: Args
  /** The body as it came. */
  text: string
}

/** The input of a run: the payload of a GET, else the body. */
export async function inputOf(call: Call): Promise<Input> {
  if (call.req.method === 'GET') {
    const body = payloadOf(call)
    return { args: { ...body, ...extraOf(call) }, body, text: '' }
  }
  const text = await readBody(call.env.incoming)
  const body = fromBody(text, call.req.header('content-type'))
  const raw = call.req.query('raw') === 'true' ? { raw_string: text } : {}
  const wrapped = call.req.query('wrap_body') === 'true' ? { body } : body
  return { args: { ...wrapped, ...raw, ...extraOf(call) }, body, text }
}

/** What a script's preprocessor gets of a webhook call; of headers and query only what the query names. */
export function webhookEvent(call: Call, { body, text }: Input): Args {
  const raw = call.req.query('raw') === 'true' ? text : null
  return { kind: 'webhook', body, raw_string: raw, query: queryOf(call), headers: headersOf(call) }
}

/** A body that is any JSON. */
export async function bodyOf(call: Call): Promise<unknown> {
  return parseJson(await readBody(call.env.incoming))
}

/** A body that is one JSON object, as the routes outside of runs take it. */
export async function objectOf(call: Call): Promise<Args> {
  const text = await readBody(call.env.incoming)
  const value = text.trim() === '' ? {} : parseJson(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Args
  throw new ApiError(400, 'the body is not a JSON object')
}

function fromBody(text: string, contentType: string | undefined): Args {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  switch (type) {
    case '':
    case 'application/json':
      return fromJson(text, type)
    case 'application/x-www-form-urlencoded':
      return Object.fromEntries(new URLSearchParams(text))
    case 'text/plain':
    case 'text/xml':
    case 'application/xml':
      return { raw_string: text }
    case 'multipart/form-data':
      throw new ApiError(400, 'multipart/form-data needs object storage, which the local stack has not')
    default:
      throw new ApiError(415, '')
  }
}

function fromJson(text: string, type: string): Args {
  const trimmed = text.trim()
  if (trimmed === '' && type === '') return {}
  const value = parseJson(text)
  return trimmed.startsWith('{') ? (value as Args) : { body: value }
}

function parseJson(text: string): unknown {
  if (isTooDeep(text))
    throw new ApiError(400, `the JSON nests deeper than ${MOST_LEVELS} levels; send it flatter`)
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new ApiError(400, `invalid json: ${error.message}`)
  }
}

function payloadOf(call: Call): Args {
  const payload = call.req.query('payload')
  if (payload === undefined) return {}
  return fromJson(Buffer.from(payload, 'base64').toString(), 'application/json')
}

function extraOf(call: Call): Args {
  const headers = Object.entries(headersOf(call)).map(([name, value]) => [name.replaceAll('-', '_'), value])
  return { ...queryOf(call), ...Object.fromEntries(headers) }
}

function queryOf(call: Call): Record<string, string | null> {
  const names = list(call.req.query('include_query'))
  return Object.fromEntries(names.map((name) => [name, call.req.query(name) ?? null]))
}

function headersOf(call: Call): Record<string, string | null> {
  const names = list(call.req.query('include_header'))
  return Object.fromEntries(names.map((name) => [name.toLowerCase(), call.req.header(name) ?? null]))
}

function list(names: string | undefined): string[] {
  return names ? names.split(',').map((name) => name.trim()) : []
}

/** Read from Node's request itself, as it ends at the limit, whatever Content-Length said. */
async function readBody(request: IncomingMessage): Promise<string> {
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
  return Buffer.concat(chunks).toString()
}

function tooLarge(): ApiError {
  return new ApiError(413, `the body is larger than ${BODY_LIMIT / 1024 / 1024} MB; send less`)
}
