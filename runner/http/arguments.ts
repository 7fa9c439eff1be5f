import type { IncomingMessage } from 'node:http'
import { ApiError } from '../api-error.ts'
import type { Call } from './context.ts'

const BODY_LIMIT = 12 * 1024 * 1024

type Args = Record<string, unknown>

/** The arguments of a run: the body by Windmill's rules, and what the query asks to add to it. */
export async function argumentsOf(call: Call): Promise<Args> {
  if (call.req.method === 'GET') return { ...payloadOf(call), ...extraOf(call) }
  const text = await readBody(call.env.incoming)
  const args = fromBody(text, call.req.header('content-type'))
  const raw = call.req.query('raw') === 'true' ? { raw_string: text } : {}
  const wrapped = call.req.query('wrap_body') === 'true' ? { body: args } : args
  return { ...wrapped, ...raw, ...extraOf(call) }
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
  const query = list(call.req.query('include_query')).map((name) => [name, call.req.query(name) ?? null])
  const headers = list(call.req.query('include_header')).map((name) => [
    name.toLowerCase().replaceAll('-', '_'),
    call.req.header(name) ?? null,
  ])
  return Object.fromEntries([...query, ...headers])
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
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length
    if (size > BODY_LIMIT) throw tooLarge()
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

function tooLarge(): ApiError {
  return new ApiError(413, `the body is larger than ${BODY_LIMIT / 1024 / 1024} MB; send less`)
}
