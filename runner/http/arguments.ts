import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { ApiError } from '../api-error.ts'
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
  /** It is neither JSON nor a form: only its text is handed on, asked for or not. */
  isText?: true
}

/** The input of a run: the payload of a GET, else the body. */
export async function inputOf(call: Call): Promise<Input> {
  const sent = await routeInputOf(call)
  const input = call.req.method === 'GET' ? { ...sent, ...payloadOf(call) } : sent
  const wrapped = call.req.query('wrap_body') === 'true' ? { body: input.body } : input.args
  return { ...input, args: { ...wrapped, ...extraOf(call), ...rawOf(input, isRaw(call)) } }
}

const isRaw = (call: Call): boolean => call.req.query('raw') === 'true'

/** The text of a body where it is handed on. */
export const rawOf = ({ isText, text }: Input, asked: boolean): { raw_string?: string } =>
  isText || asked ? { raw_string: text } : {}

/** What the body of a call brings, whatever its method. */
export async function routeInputOf(call: Call): Promise<Input> {
  return fromBody(await readBody(call.env.incoming), call.req.header('content-type'))
}

/** What a script's preprocessor gets of a webhook call. */
export function webhookEvent(call: Call, input: Input): Args {
  const { raw_string = null } = rawOf(input, isRaw(call))
  return { kind: 'webhook', body: input.body, raw_string, query: queryOf(call), headers: allHeaders(call) }
}

/** All parameters of a call; of several of one name the last. */
export const queryOf = (call: Call): Record<string, string> =>
  Object.fromEntries(new URL(call.req.url).searchParams)

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
  if (isArgs(value)) return value
  throw new ApiError(400, 'the body is not a JSON object')
}

/** By how its type begins, in Windmill's spelling; a type that it doesn't know is text, and no error. */
function fromBody(bytes: Buffer, type: string | undefined): Input {
  const isOf = (...types: string[]) => types.some((known) => type?.startsWith(known))
  if (type === undefined || isOf('application/json')) {
    // many clients name the type of a body that they don't send
    return bytes.length === 0 ? { args: {}, body: {}, text: '' } : fromJson(textOf(bytes))
  }
  if (isOf('application/x-www-form-urlencoded')) {
    const text = textOf(bytes)
    const fields = Object.fromEntries(new URLSearchParams(text))
    return { args: fields, body: fields, text }
  }
  if (isOf('multipart/form-data'))
    throw new ApiError(400, 'multipart/form-data needs object storage, which the local stack has not')
  const isText = isUtf8(bytes) || isOf('text/plain', 'text/xml', 'application/xml')
  return { args: {}, body: {}, text: isText ? textOf(bytes) : bytes.toString('base64'), isText: true }
}

function fromJson(text: string): Input {
  const body = parseJson(text)
  // as Windmill decides it: a blank in front makes another thing of an object
  return { args: text.startsWith('{') ? (body as Args) : { body }, body, text }
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

function payloadOf(call: Call): Pick<Input, 'args' | 'body'> {
  const payload = call.req.query('payload')
  if (payload === undefined) return { args: {}, body: {} }
  const body = parseJson(Buffer.from(payload, 'base64').toString())
  if (isArgs(body)) return { args: body, body }
  throw new ApiError(400, 'payload is not a JSON object in base64')
}

const isArgs = (value: unknown): value is Args =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What the query names of headers and of itself; what the call has not is not there. */
function extraOf(call: Call): Args {
  const given = queryOf(call)
  const query = list(given.include_query).map((name) => [name, given[name]])
  const headers = list(given.include_header).map((name) => [
    name.toLowerCase().replaceAll('-', '_'),
    call.req.header(name),
  ])
  return Object.fromEntries([...query, ...headers].filter(([, value]) => value !== undefined))
}

function list(names: string | undefined): string[] {
  return names ? names.split(',') : []
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

type Body = Record<string, unknown>

const PATH = /^[fu](\/[\w-]+){2,}$/

/** A field that must be text. */
export function textField(body: Body, field: string): string {
  const value = body[field]
  if (typeof value === 'string') return value
  throw new ApiError(400, `${field} is ${value === undefined ? 'missing' : 'not text'}: expected text`)
}

/** The field `path`, which says where something is put. */
export function pathField(body: Body): string {
  const path = textField(body, 'path')
  if (PATH.test(path)) return path
  throw new ApiError(400, `path "${path}" is not accepted; expected f/<folder>/<name> or u/<user>/<name>`)
}

/** A field that is text when it is given. */
export function optionalText(body: Body, field: string): string | undefined {
  return body[field] === undefined || body[field] === null ? undefined : textField(body, field)
}

/** A field that must be true or false. */
export function flagField(body: Body, field: string): boolean {
  const value = body[field]
  if (typeof value === 'boolean') return value
  throw new ApiError(400, `${field} is ${JSON.stringify(value)}: expected true or false`)
}

/** Refuses to move a thing to another path, which is not implemented. */
export function refuseMove(body: Body, path: string): void {
  if (body.path === undefined || body.path === path) return
  throw new ApiError(501, `not implemented by the local runner: renaming ${path}`)
}

/** Levels of a body that anybody has a use for; a few thousand overflow the stack of whoever walks through them. */
export const MOST_LEVELS = 200

const QUOTE = 34
const BACKSLASH = 92
const OPEN = new Set([91, 123])
const CLOSE = new Set([93, 125])

/** Whether JSON nests deeper than `MOST_LEVELS`, told without parsing it: in linear time and no stack. */
export function isTooDeep(json: string): boolean {
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
