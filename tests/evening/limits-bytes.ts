import type { Bytes } from './bytes.ts'

/** A refusal that asks to come again, and in how many seconds at the earliest and the latest. */
export interface Refusal {
  bytes: Bytes
  from: number
  to: number
  /** What it is: a limit of the rate, a quota, a model that is loaded, a server that is busy. */
  code: RegExp
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Bytes => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const openAi = (message: string, more: object = {}) => ({
  error: { message, type: 'requests', code: 'rate_limit_exceeded', ...more },
})
const RATE = /rate_limited/
const LOADING = /loading|unavailable|busy|overloaded|unreachable/
/** When nobody says how long: some seconds to some minutes. */
const SOME = { from: 0.5, to: 900 }
const inSeconds = (seconds: number) => ({ from: seconds - 2, to: seconds + 10 })
const soon = (now: Date, seconds: number) => new Date(now.getTime() + seconds * 1000)

export const REFUSALS = (now: Date): Record<string, Refusal> => ({
  'seconds in a header': {
    bytes: json(429, openAi('slow down'), { 'retry-after': '40' }),
    ...inSeconds(40),
    code: RATE,
  },
  'a fraction in a header': {
    bytes: json(429, openAi('slow down'), { 'retry-after': '40.5' }),
    ...inSeconds(40),
    code: RATE,
  },
  'a date in a header': {
    bytes: json(429, openAi('slow down'), { 'retry-after': soon(now, 90).toUTCString() }),
    ...inSeconds(90),
    code: RATE,
  },
  'milliseconds in a header': {
    bytes: json(429, openAi('slow down'), { 'retry-after-ms': '30000' }),
    ...inSeconds(30),
    code: RATE,
  },
  'nothing at all': { bytes: json(429, openAi('slow down')), ...SOME, code: RATE },
  'prose with minutes and seconds': {
    bytes: json(
      429,
      openAi(
        'Rate limit reached for model `m` in organization `org` on tokens per minute (TPM): Limit 6000, Used 5900, Requested 1400. Please try again in 7m12.5s. Visit https://example.com for more information.',
      ),
    ),
    ...inSeconds(432),
    code: RATE,
  },
  'prose with seconds': {
    bytes: json(429, openAi('Rate limit reached. Please try again in 50.597142857s.')),
    ...inSeconds(50),
    code: RATE,
  },
  'prose with milliseconds': {
    bytes: json(429, openAi('Rate limit reached. Please try again in 850ms.')),
    from: 0,
    to: 15,
    code: RATE,
  },
  'prose with words': {
    bytes: json(429, openAi('Too many requests. Please retry after 25 seconds.')),
    ...inSeconds(25),
    code: RATE,
  },
  'details of a list': {
    bytes: json(429, [
      {
        error: {
          ...{ code: 429, message: 'You exceeded your rate.', status: 'RESOURCE_EXHAUSTED' },
          details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' }],
        },
      },
    ]),
    ...inSeconds(34),
    code: RATE,
  },
  'a reset in a header': {
    bytes: json(429, openAi('slow down'), {
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '2m5s',
    }),
    from: 60,
    to: 200,
    code: RATE,
  },
  'an error with the status of success': {
    bytes: json(200, {
      error: { message: 'No deployments available for selected model', type: 'None', code: '429' },
    }),
    ...SOME,
    code: RATE,
  },
  'an error in the stream': {
    bytes: { body: `data: ${JSON.stringify({ error: { message: 'Rate limit exceeded', code: 429 } })}\n\n` },
    ...SOME,
    code: RATE,
  },
  'a model that is loaded': {
    bytes: json(503, { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } }),
    ...SOME,
    code: LOADING,
  },
  'a model that is loaded, by a string': {
    bytes: json(503, { error: 'Model is loading, try later' }),
    ...SOME,
    code: LOADING,
  },
  'a time to load': {
    bytes: json(503, { error: 'Model org/m is currently loading', estimated_time: 20 }),
    ...SOME,
    code: LOADING,
  },
  'a server that is busy': {
    bytes: json(503, {
      error: {
        message: 'server busy, please try again.  maximum pending requests exceeded',
        type: 'api_error',
      },
    }),
    ...SOME,
    code: LOADING,
  },
  'a server that restarts behind a proxy': {
    bytes: json(503, '<html><head><title>503 Service Temporarily Unavailable</title></head></html>', {
      'content-type': 'text/html',
      'retry-after': '20',
    }),
    ...inSeconds(20),
    code: LOADING,
  },
})
