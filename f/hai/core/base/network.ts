/** What the codes of the system mean; both Node and Bun put them on the errors of `fetch`. */
const MEANING: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was closed before the end',
  EPIPE: 'the connection was closed before the end',
  UND_ERR_SOCKET: 'the connection was closed before the end',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'no way leads to that host',
  ENETUNREACH: 'no way leads to that network',
  ETIMEDOUT: 'no answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  EPROTO: 'it does not speak TLS on that port, or no version of it that is known here',
}

/**
 * Why a call over the network failed: the system's code and what it means. `fetch`'s own words are for who wrote the
 * program, and give advice that nobody can follow. Says no address: whoever calls knows it, and whether it may be shown.
 */
export function networkReason(error: unknown): string {
  let at = error
  while (at instanceof Error && at.cause instanceof Error) at = at.cause
  if (!(at instanceof Error)) return String(at)
  // a name with several addresses fails once for each, and the whole has no message
  if (at instanceof AggregateError && at.errors.length > 0)
    return [...new Set(at.errors.map(networkReason))].join(', ')
  if (at.name === 'TimeoutError') return 'no answer in time'
  const { code } = at as { code?: unknown }
  const meaning = typeof code === 'string' ? MEANING[code] : undefined
  return meaning ? `${code}: ${meaning}` : at.message.replace(ADVICE, '').trim()
}

const ADVICE =
  /(?<!\s)\s*(For more information, pass `verbose: true`[^.]*\.?|Is the computer able to access the url\?)/g

/** Whether a server points elsewhere instead of answering; for what was fetched with `redirect: 'manual'`. */
export const isRedirect = ({ status }: Response): boolean => status >= 300 && status < 400

const MOST_HOST = 100

/** Where it points to, in words: the host and no more of an address that may carry a key or a password. */
export function pointsTo({ status, headers }: Response, asked: string): string {
  const to = headers.get('location') ?? ''
  if (to === '' || !URL.canParse(to, asked)) return `it answered ${status} and points to no place`
  const { protocol, host } = new URL(to, asked)
  const shown = host.length > MOST_HOST ? `${host.slice(0, MOST_HOST)}…` : host
  return `it points to ${host === '' ? `another kind of place (${protocol})` : `${protocol}//${shown}`} (status ${status})`
}
