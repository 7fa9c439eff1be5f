import { HaiError } from '../base/errors.ts'
import { resolveReference } from '../base/reference.ts'
import type { Channel } from './channels.ts'
import { messageOf } from './message.ts'
import type { HeldNotice, Receipt } from './notice.ts'

const TIMEOUT_MS = 10_000
const SAID_MAX = 200
/** It is this notice that the channel doesn't like; any other failure would meet the next one, too. */
const OWN_FAULT = new Set([400, 409, 413, 415, 422])

export type Delivered =
  | { ok: true; receipt: Receipt }
  /** `down`: no use to try the channel with another notice now. */
  | { ok: false; error: string; down: boolean; retryAfterSeconds: number | undefined }

/** POSTs a notice to a channel, once. What went wrong is told without the address, the topic or the token. */
export async function deliver(
  notice: HeldNotice,
  { name, channel }: { name: string; channel: Channel },
  environment: NodeJS.ProcessEnv,
): Promise<Delivered> {
  const hidden: string[] = []
  const failed = (
    what: string,
    rest: { down: boolean; retryAfterSeconds?: number | undefined },
  ): Delivered => {
    const shown = hidden.reduce((text, secret) => text.replaceAll(secret, '…'), what)
    return { ok: false, error: `${name}: ${shown}`, retryAfterSeconds: undefined, ...rest }
  }
  try {
    const resolved = (field: 'url' | 'token', text: string) =>
      resolveReference(text, { name: 'channels', field: `${name}.${field}` }, environment)
    const url = resolved('url', channel.url)
    const token = channel.token && resolved('token', channel.token)
    hidden.push(...[url, token, channel.topic].filter((secret) => secret !== undefined))
    const response = await post(url, token, notice, channel)
    const said = (await response.text()).slice(0, 4096)
    if (response.ok) return { ok: true, receipt: receiptOf(response.status, said) }
    const why = said ? `: ${said.replace(/\s+/g, ' ').slice(0, SAID_MAX)}` : ''
    const redirect = response.status >= 300 && response.status < 400
    return failed(`answered ${redirect ? 'with a redirect, ' : ''}${response.status}${why}`, {
      down: !OWN_FAULT.has(response.status),
      retryAfterSeconds: retryAfter(response.headers.get('retry-after')),
    })
  } catch (error) {
    if (error instanceof HaiError) return failed(error.message, { down: true })
    return failed(networkError(error), { down: true })
  }
}

function post(
  url: string,
  token: string | undefined,
  notice: HeldNotice,
  channel: Channel,
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      // the same at every attempt: a receiver may know by it that it has the notice
      'idempotency-key': `hai-notice-${notice.id}-${Date.parse(notice.created_at)}`,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify(messageOf(notice, channel)),
    // it would go somewhere that nobody configured
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
}

function receiptOf(status: number, said: string): Receipt {
  const at = new Date().toISOString()
  const [, id] = /^\s*\{.*?"id"\s*:\s*"?([\w.:-]{1,100})/s.exec(said) ?? []
  return { at, status, ...(id ? { id } : {}) }
}

/** Only what kind of error it is: its words may hold the address. */
function networkError(error: unknown): string {
  if (!(error instanceof Error)) return 'it could not be reached'
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`
  const { code } = (error.cause ?? error) as { code?: unknown }
  return `it could not be reached (${typeof code === 'string' ? code : error.name})`
}

/** Seconds in a Retry-After, which may be a date; undefined when there is none. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return seconds >= 0 ? seconds : undefined
}
