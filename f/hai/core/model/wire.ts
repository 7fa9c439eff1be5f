import { APICallError } from '@ai-sdk/provider'
import { isRedirect, pointsTo } from '../base/network.ts'
import type { Dialect } from './dialects.ts'
import { BrokenCall } from './failure.ts'
import { type Frame, Frames, parsed } from './frames.ts'
import { inKnownForm, inOtherForm } from './other_form.ts'
import type { Reply, Said } from './reply.ts'
import {
  isPage,
  isRefusal,
  pageTitle,
  plainRefusal,
  type Refusal,
  refusalIn,
  refusalOf,
} from './server_words.ts'

/** After the reason to stop, counts may follow; a connection that stays open is not waited for any longer. */
const GRACE_MS = 2000
/** After the very last word the connection ends by itself, and can then be used again. */
const REST_MS = 250
/** No error is longer, and no document that is sent whole. */
const MOST_BYTES = 32 * 1024 * 1024

export interface Wire {
  dialect: Dialect
  /** Gets what came with the answer besides its pieces, errors told in the middle included. */
  reply: Reply
  /** Called at every byte that comes, be it a comment's. */
  sign: () => void
}

/**
 * A `fetch` for the SDKs that understands servers as they are: whatever comes is read here, and the SDK gets it in the
 * few forms that it takes. Errors keep the server's own words; what can't be read is left out and counted.
 */
export function understanding(wire: Wire): typeof fetch {
  const call = async (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    const body = inKnownForm(String(input), init?.body)
    const response = await patientFetch(input, { ...init, body: body as RequestInit['body'] })
    if (!response.body) return response
    const bytes = new Bytes(response.body, wire.sign)
    if (response.status >= 400) {
      const { status, statusText, headers } = response
      const words = await textOf(bytes)
      // it was refused for its form, and nothing was made of it
      const other = inOtherForm(String(input), body, status, words)
      if (other !== undefined) return call(input, { ...init, body: other })
      return new Response(plainRefusal(status, words), { status, statusText, headers: plainHeaders(headers) })
    }
    const url = response.url || String(input)
    const headers = { ...Object.fromEntries(response.headers), 'content-type': 'text/event-stream' }
    const answer = new Answering({ ...wire, url, headers: response.headers }, bytes)
    return new Response(answer.stream(), { headers: plainHeaders(new Headers(headers)) })
  }
  return call as typeof fetch
}

/** What a body was packed in is undone by now. */
function plainHeaders(given: Headers): Headers {
  const headers = new Headers(given)
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) headers.delete(name)
  return headers
}

/** A body's bytes, each a sign of life. */
class Bytes {
  #reader: ReadableStreamDefaultReader<Uint8Array>
  #sign: () => void

  constructor(body: ReadableStream<Uint8Array>, sign: () => void) {
    this.#reader = body.getReader()
    this.#sign = sign
  }

  /** Undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    const { value } = await this.#reader.read()
    if (value) this.#sign()
    return value
  }

  leave(): void {
    this.#reader.cancel().catch(() => {})
  }
}

async function textOf(bytes: Bytes): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for (let chunk = await bytes.next(); chunk; chunk = await bytes.next()) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length < MOST_BYTES) continue
    bytes.leave()
    break
  }
  return text + decoder.decode()
}

interface Answered extends Wire {
  url: string
  headers: Headers
}

/** One answer on its way from a server's bytes to the SDK's. */
class Answering {
  #wire: Answered
  #source: Bytes
  #frames = new Frames()
  #encoder = new TextEncoder()
  /** What has come before it was clear what it is. */
  #opening = ''
  #openingDecoder = new TextDecoder()
  #openingBytes: Uint8Array[] = []
  #form: 'unknown' | 'events' | 'document' = 'unknown'
  #document = ''

  constructor(wire: Answered, source: Bytes) {
    this.#wire = wire
    this.#source = source
  }

  stream(): ReadableStream<Uint8Array> {
    const pieces = this.#pieces()
    return new ReadableStream({
      pull: async (controller) => {
        const { done, value } = await pieces.next()
        if (done) controller.close()
        else controller.enqueue(this.#encoder.encode(value))
      },
      cancel: () => this.#source.leave(),
    })
  }

  async *#pieces(): AsyncGenerator<string> {
    const { dialect, reply } = this.#wire
    yield dialect.begin || ':\n\n'
    try {
      for (;;) {
        const bytes = await this.#next()
        const said = bytes ? this.#take(bytes) : this.#last()
        const text = said.map((one) => dialect.write(one)).join('')
        if (text !== '') yield text
        if (!bytes || reply.over || reply.error) break
      }
    } catch (error) {
      // whatever breaks after the reason to stop takes nothing away
      if (reply.end === undefined) throw error
    }
    this.#leave()
    if (reply.end === undefined && reply.over) reply.end = ''
    if (reply.end !== undefined && !reply.error) yield dialect.end
  }

  /** The next bytes; none after the end, when what may still follow has had its time. */
  async #next(): Promise<Uint8Array | undefined> {
    const next = this.#source.next()
    if (this.#wire.reply.end === undefined) return next
    next.catch(() => {})
    return Promise.race([next, after(this.#grace(), undefined)])
  }

  #graceEnds: number | undefined
  /** Counted from the last document: pings may go on for ever. */
  #grace(): number {
    this.#graceEnds ??= performance.now() + GRACE_MS
    return Math.max(0, this.#graceEnds - performance.now())
  }

  /** Lets a connection end by itself, so that it can be used again, else ends it; nobody waits for that. */
  #leave(): void {
    const rest = async () => {
      while (await this.#source.next()) {
        // what comes after the end says nothing
      }
    }
    const ended = this.#wire.reply.over
      ? Promise.race([rest(), after(REST_MS, undefined)])
      : Promise.resolve()
    ended.catch(() => {}).finally(() => this.#source.leave())
  }

  #take(bytes: Uint8Array): Said[] {
    if (this.#form === 'events') return this.#read(this.#frames.push(bytes))
    if (this.#form === 'document') {
      this.#document += this.#openingDecoder.decode(bytes, { stream: true })
      if (this.#document.length > MOST_BYTES) throw new Error('the answer is longer than any can be')
      return []
    }
    this.#openingBytes.push(bytes)
    this.#opening += this.#openingDecoder.decode(bytes, { stream: true })
    const begun = this.#opening.trimStart()
    if (begun === '') return []
    // by what it is: the type that a server gives it says little
    this.#form = /^[[{"<]/.test(begun) ? 'document' : 'events'
    this.#document = this.#opening
    return this.#form === 'events'
      ? this.#openingBytes.flatMap((one) => this.#read(this.#frames.push(one)))
      : []
  }

  /** What the end of the bytes leaves to be said. */
  #last(): Said[] {
    if (this.#form === 'document') return this.#whole(this.#document + this.#openingDecoder.decode())
    const said = this.#read(this.#frames.end())
    this.#wire.reply.words ||= this.#frames.stray.trim()
    return said
  }

  #whole(body: string): Said[] {
    const { dialect, reply } = this.#wire
    if (isPage(body)) {
      this.#failPage(body)
      return []
    }
    const document = parsed(body)
    if (document === undefined) {
      // documents that follow each other, one a line
      const said = this.#read(body.split('\n').map((line) => ({ event: undefined, data: line })))
      reply.words ||= body.trim()
      return said
    }
    const said = isRefusal(document, undefined) ? undefined : dialect.readWhole(document, reply)
    if (said) return said
    if (isRefusal(document, undefined) || refusalOf(document).message !== '') this.#fail(refusalIn(body))
    else reply.words = body
    return []
  }

  #read(frames: Frame[]): Said[] {
    const { dialect, reply } = this.#wire
    const said: Said[] = []
    for (const { event, data } of frames) {
      if (reply.over || reply.error) break
      const text = data.trim()
      if (text === '') continue
      if (text === '[DONE]') {
        reply.over = true
        break
      }
      const document = parsed(text)
      if (document === undefined) {
        if (event === 'error') this.#fail(refusalIn(text))
        else reply.broken += 1
        reply.words ||= text
        continue
      }
      if (isRefusal(document, event)) {
        // after the end there is nothing that could still go wrong with it
        if (reply.end === undefined) this.#fail(refusalOf(document))
        continue
      }
      this.#graceEnds = undefined
      const more = dialect.read(document, reply)
      said.push(...more)
      reply.began ||= more.length > 0
      if (more.length === 0) reply.words ||= refusalOf(document).message
    }
    return said
  }

  /** An error in place of an answer is as if it had come with its status; one in the middle of an answer breaks it off. */
  #fail({ message, status, error }: Refusal): void {
    const { reply, url, headers } = this.#wire
    const words = message || 'an error without a word'
    const cause =
      status &&
      new APICallError({
        message: words,
        url,
        requestBodyValues: {},
        statusCode: status,
        responseHeaders: Object.fromEntries(headers),
        responseBody: JSON.stringify({ error: { ...error, message: words } }),
      })
    reply.error =
      cause && !reply.began ? cause : new BrokenCall('backend_error', words, cause ? { cause } : {})
  }

  #failPage(page: string): void {
    const title = pageTitle(page)
    const words = `answered with a web page${title ? ` (“${title}”)` : ''} and not with an answer`
    this.#wire.reply.error = new BrokenCall('wrong_url', words)
  }
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, value).unref()
  })
}

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')
let patience: { dispatcher?: unknown } | undefined

/**
 * `fetch` gives up after five minutes of silence, in Node and in Bun: how long is waited is ours to say. Nor does it go
 * where a server points to: question and key are for the one that was configured. A redirect is `wrong_url`.
 */
export async function patientFetch(
  input: Parameters<typeof fetch>[0],
  init: RequestInit = {},
): Promise<Response> {
  if (!process.versions.bun) patience ??= await patientDispatcher()
  const ours = process.versions.bun ? { timeout: false } : patience
  const response = await fetch(input, { ...init, ...ours, redirect: 'manual' } as RequestInit)
  if (!isRedirect(response)) return response
  await response.body?.cancel()
  throw new BrokenCall('wrong_url', `${pointsTo(response, String(input))}, where nothing was sent`)
}

/** Another one of the kind that Node's `fetch` uses, which heeds the same proxies. */
async function patientDispatcher(): Promise<{ dispatcher?: unknown }> {
  // it is there once something was fetched
  await fetch('data:,')
  const known = (globalThis as Record<symbol, unknown>)[DISPATCHER]
  if (typeof known !== 'object' || known === null) return {}
  const Kind = known.constructor as new (options: object) => unknown
  return { dispatcher: new Kind({ headersTimeout: 0, bodyTimeout: 0 }) }
}
