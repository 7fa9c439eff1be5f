import { STATUS_CODES } from 'node:http'
import { field, parsed } from './frames.ts'

/** What a server said was wrong, whatever the form it said it in. */
export interface Refusal {
  message: string
  /** An HTTP status that it told in its words, or that its word for the error means. */
  status: number | undefined
  /** The error as it stood there, under `message` what is above. */
  error: Record<string, unknown>
}

const MESSAGE_CHARACTERS = 2000
/** Where a message may stand, the most telling place first. */
const PLACES = [
  'error',
  'message',
  'msg',
  'detail',
  'details',
  'errors',
  'reason',
  'error_description',
] as const
const LATE_PLACES = ['error_message', 'errorMessage', 'Message', 'title', 'description'] as const

/** Statuses that a word for an error stands for, where no number does. */
const MEANT: [RegExp, number][] = [
  [/rate.?limit|too.?many|resource.?exhausted|throttl/i, 429],
  [/insufficient.?quota|quota/i, 429],
  [/overloaded/i, 529],
  [/billing|payment|insufficient.?(credit|balance|funds)/i, 402],
  [/authentication|unauthorized|unauthenticated|invalid.?api.?key|token.?expired/i, 401],
  [/permission|forbidden/i, 403],
  [/not.?found/i, 404],
  [/context.?(size|length|window)|too.?long/i, 400],
  [/invalid.?request|bad.?request|invalid.?argument/i, 400],
  [/unavailable/i, 503],
  [/timeout|timed.?out/i, 504],
  [/server.?error|internal|api.?error/i, 500],
]

/** What a body says of an error: JSON of any shape, a page, or plain text. */
export function refusalIn(body: string): Refusal {
  const document = parsed(body)
  if (document !== undefined && document !== null) {
    const refusal = refusalOf(document)
    return refusal.message === '' ? { ...refusal, message: short(body.trim()) } : refusal
  }
  const message = isPage(body) ? pageTitle(body) : body.trim()
  return { message: short(message), status: undefined, error: {} }
}

/** The same for a document that was read already. */
export function refusalOf(document: unknown): Refusal {
  const inner = field(document, 'error')
  const holder = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : document
  const first = Array.isArray(holder) ? (field(holder[0], 'error') ?? holder[0]) : holder
  const error = typeof first === 'object' && first !== null ? (first as Record<string, unknown>) : {}
  return { message: short(wordsOf(document)), status: statusIn(error, document), error }
}

/** Whether a document tells of an error, rather than being one of the many things that a stream may hold. */
export function isRefusal(document: unknown, event: string | undefined): boolean {
  if (event === 'error') return true
  if (Array.isArray(document)) return document.some((one) => isRefusal(one, event))
  const error = field(document, 'error')
  if (typeof error === 'string' ? error !== '' : Array.isArray(error) ? error.length > 0 : isFilled(error))
    return true
  return error === true || field(document, 'type') === 'error' || field(document, 'object') === 'error'
}

/** Some send the whole of its fields with each piece, and nothing in them. */
const isFilled = (value: unknown) =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).some((one) => one !== null && one !== undefined && one !== '')

function wordsOf(value: unknown, depth = 0, isError = false): string {
  if (depth > 6) return ''
  if (typeof value === 'string') return unwrapped(value, depth)
  if (Array.isArray(value)) {
    const each = value.slice(0, 3).map((one) => wordsOf(one, depth + 1))
    return each.filter((one) => one !== '').join('; ')
  }
  if (typeof value !== 'object' || value === null) return ''
  const found = [...PLACES, ...LATE_PLACES]
    .map((name) => ({ name, words: wordsOf(field(value, name), depth + 1, name === 'error') }))
    .filter(({ words }) => words !== '')
  const [first, second] = found
  if (!first) return isError ? placeless(value) : ''
  // a bare word for the kind of error is no message, where there is one
  const both = first.name === 'error' && second && typeof field(value, 'error') === 'string'
  const words = both && second.words !== first.words ? `${first.words}: ${second.words}` : first.words
  return [located(value), words, raw(value, depth)].filter((part) => part !== '').join(': ')
}

/** Where in the request the trouble is, as FastAPI tells it. */
function located(value: object): string {
  const place = field(value, 'loc')
  return Array.isArray(place) ? place.join('.') : ''
}

/** What a router was told by the server behind it. */
function raw(value: object, depth: number): string {
  return wordsOf(field(field(value, 'metadata'), 'raw'), depth + 1)
}

function placeless(value: object): string {
  const word = field(value, 'code') ?? field(value, 'type') ?? field(value, 'status')
  return typeof word === 'string' ? word : ''
}

/** Some hand on what another server said as a string, braces and all. */
function unwrapped(text: string, depth: number): string {
  const inner = /^\s*[[{]/.test(text) ? parsed(text) : undefined
  const words = typeof inner === 'object' ? wordsOf(inner, depth + 1) : ''
  return words === '' ? text.trim() : words
}

function statusIn(...documents: unknown[]): number | undefined {
  for (const document of documents) {
    for (const name of ['status', 'status_code', 'statusCode', 'http_code', 'code']) {
      const told = Number(field(document, name))
      if (Number.isInteger(told) && told >= 400 && told <= 599) return told
    }
  }
  const words = documents.flatMap((document) =>
    ['code', 'type', 'status']
      .map((name) => field(document, name))
      .filter((word) => typeof word === 'string'),
  )
  for (const word of words) {
    const known = MEANT.find(([pattern]) => pattern.test(word))
    if (known) return known[1]
  }
  return undefined
}

export const isPage = (text: string): boolean =>
  /^\s*(<!doctype html|<html|<head|<body|<\?xml|<!--)/i.test(text)

/** What a page calls itself, else its first words. */
export function pageTitle(page: string): string {
  const title = /<title[^<>]*>([^<]*)/i.exec(page)?.[1] ?? /<h1[^<>]*>([^<]*)/i.exec(page)?.[1] ?? ''
  const plain = withoutCode(page).replace(/<[^<>]*>/g, ' ')
  return (title.trim() || plain).replace(/\s+/g, ' ').trim().slice(0, 200)
}

/** Without scripts and styles; one that nothing ends is all that is left. */
function withoutCode(page: string): string {
  const kept: string[] = []
  let from = 0
  for (const { index, 1: name } of page.matchAll(/<(script|style)\b/gi)) {
    if (index < from) continue
    kept.push(page.slice(from, index))
    const end = name!.toLowerCase() === 'script' ? /<\/script\s*>/gi : /<\/style\s*>/gi
    end.lastIndex = index
    if (!end.exec(page)) return kept.join(' ')
    from = end.lastIndex
  }
  return [...kept, page.slice(from)].join(' ')
}

const short = (text: string) =>
  text.length > MESSAGE_CHARACTERS ? `${text.slice(0, MESSAGE_CHARACTERS)}…` : text

/** An error's body in the one form that both SDKs read, with all that stood in it. */
export function plainRefusal(status: number, body: string): string {
  const { message, error } = refusalIn(body)
  const words = message || STATUS_CODES[status] || 'no reason was given'
  const type = typeof error.type === 'string' ? error.type : 'error'
  const code = typeof error.code === 'string' || typeof error.code === 'number' ? error.code : null
  return JSON.stringify({ type: 'error', error: { ...error, message: words, type, code } })
}
