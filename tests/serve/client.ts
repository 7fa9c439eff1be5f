import { request as send } from 'node:http'

export interface Got {
  status: number
  headers: Record<string, string>
  text: string
  /** Each piece as it came, and when, on the process's clock in milliseconds. */
  pieces: { at: number; text: string }[]
}

export interface Sending {
  method?: string
  headers?: Record<string, string | undefined>
  body?: unknown
  /** Hears each piece as it comes. */
  onPiece?: (text: string) => void
  signal?: AbortSignal
}

/** One request to the door, with what came of it in the order it came; a body that is no text goes out as JSON. */
export function ask(
  url: string,
  { method, headers = {}, body, onPiece, signal }: Sending = {},
): Promise<Got> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const type = text === undefined ? {} : { 'content-type': 'application/json' }
  const all = Object.entries({ ...type, ...headers }).filter(([, value]) => value !== undefined)
  return new Promise((resolve, reject) => {
    const sent = send(url, {
      // a connection of its own: one that is kept may lead to a process that was killed
      agent: false,
      method: method ?? (text === undefined ? 'GET' : 'POST'),
      headers: Object.fromEntries(all) as Record<string, string>,
      ...(signal ? { signal } : {}),
    })
    sent.on('response', (response) => {
      const got: Got = {
        status: response.statusCode ?? 0,
        headers: response.headers as Record<string, string>,
        text: '',
        pieces: [],
      }
      response.setEncoding('utf8').on('data', (piece: string) => {
        got.text += piece
        got.pieces.push({ at: performance.now(), text: piece })
        onPiece?.(piece)
      })
      response.on('end', () => resolve(got)).on('error', reject)
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

/** The chunks of an event stream, without the word of its end. */
export const chunksIn = (text: string) =>
  [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json]) => JSON.parse(json!))

/** The text that such chunks make together. */
export const saidIn = (text: string): string =>
  chunksIn(text)
    .map(({ choices }) => choices?.[0]?.delta.content ?? '')
    .join('')
