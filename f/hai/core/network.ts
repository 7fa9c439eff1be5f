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
  /\s*(For more information, pass `verbose: true`[^.]*\.?|Is the computer able to access the url\?)/g
