import { APICallError } from '@ai-sdk/provider'
import type { Choice } from '../base/backends.ts'
import { networkReason } from '../base/network.ts'
import { secondsUntil } from '../base/reset_time.ts'
import { storable } from '../base/text.ts'
import { NO_TOKENS, type Spent, type Tokens, UNCOUNTED } from '../cost/model_call.ts'
import { isLeaseLost } from '../task/lease.ts'
import { overflowOf } from './overflow.ts'
import { type CallFailure, ofStatus, ofWords, otherUrl, putOff } from './refusal.ts'

/** What had come of an answer that was not to be. */
export interface Got {
  text: string
  /** Pieces in which it came, thoughts included: at least so many tokens. */
  deltas: number
  /** Where the backend had counted by then. */
  tokens?: Tokens
}

/** A call that was taken and went wrong after that: made by us, where the SDK has no word for it. */
export class BrokenCall extends Error {
  code:
    | 'stalled'
    | 'cut'
    | 'empty_answer'
    | 'garbled'
    | 'backend_error'
    | 'login_expired'
    | 'quota_exhausted'
    | 'tool_call'
    | 'no_room'
    | 'refused'
    | 'wrong_url'
    | 'unusable'
  /** What it used, where the backend still said so. */
  tokens: Tokens | undefined
  /** When a limit is lifted, where it was said. */
  until: Date | undefined
  got: Got | undefined
  /** The setting that ended it. */
  setting: string | undefined

  constructor(
    code: BrokenCall['code'],
    message: string,
    {
      tokens,
      until,
      setting,
      cause,
    }: ErrorOptions & {
      tokens?: Tokens | undefined
      until?: Date
      setting?: string
    } = {},
  ) {
    super(message, { cause })
    this.name = 'BrokenCall'
    this.code = code
    this.tokens = tokens
    this.until = until
    this.setting = setting
  }
}

const UNTRUSTED = /certificate|self.signed|CERT_/i
/** Nothing was sent. */
const NO_CONNECTION =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|CONNECT_TIMEOUT|connect timeout|Unable to connect|ConnectionRefused|FailedToOpenSocket/i
/** It was sent, and the connection went before a byte came back. */
const LOST_CONNECTION =
  /ECONNRESET|EPIPE|ETIMEDOUT|socket hang up|other side closed|UND_ERR_SOCKET|socket connection was closed|ConnectionClosed/i
/** `https` to a server that speaks plain HTTP. */
const NO_TLS = /wrong version number|packet length too long|EPROTO/i

/** Puts any error of a call into one of a few classes; what nobody has named may be passing, and is tried again. */
export function classify(error: unknown, choice: Choice): CallFailure {
  const failure = classified(error, choice)
  return { ...failure, message: storable(failure.message) }
}

function classified(error: unknown, choice: Choice): CallFailure {
  if (error instanceof BrokenCall) return ofBroken(error, choice)
  if (APICallError.isInstance(error) && error.statusCode && error.statusCode >= 400)
    return ofStatus(error, error.statusCode, choice)
  const { name, backend } = choice
  const message = networkReason(error)
  if (isMissingProgram(error)) {
    return {
      code: 'missing',
      message: `${name}: there is no claude on the worker's PATH`,
      retryable: false,
      next_step: `install Claude Code where the worker runs, or have another backend answer: hai model disable ${name}; where there is none: hai model add URL`,
    }
  }
  const where = `${name} at ${backend.url}: ${message}`
  const final = (code: string, next_step: string) => ({ code, message: where, retryable: false, next_step })
  if (UNTRUSTED.test(message))
    return final('certificate', 'set NODE_EXTRA_CA_CERTS to its authority, then hai down')
  if (NO_TLS.test(message)) return final('wrong_url', otherUrl(name, backend.url))
  // a metered answer may have been made, and is not to be paid for again and again
  const waits = isNever(error) || (backend.billing !== 'metered' && LOST_CONNECTION.test(told(error)))
  if (!waits) return { code: 'unreachable', message: where, retryable: true }
  const others = 'hai model ls shows what else could answer'
  return {
    ...putOff('unreachable', where, undefined, name),
    next_step: backend.billing === 'local' ? `start ${name}, or mend its url; ${others}` : others,
  }
}

/** An error's message with its code, which some runtimes give in one of them only. */
function told(error: unknown): string {
  const root = rootOf(error)
  const code = root instanceof Error && 'code' in root ? root.code : ''
  return `${networkReason(error)} ${code}`
}

/** Whether nothing was sent at all. */
const isNever = (error: unknown): boolean => NO_CONNECTION.test(told(error))

const REFUSALS = new Set<string>(['login_expired', 'quota_exhausted', 'wrong_url', 'unusable'])

/** What a failed call used: nothing when the backend refused it or was never reached, else what is known of it. */
export function tokensOfFailure(error: unknown): Tokens {
  if (error instanceof BrokenCall) return error.tokens ?? (REFUSALS.has(error.code) ? NO_TOKENS : UNCOUNTED)
  if (APICallError.isInstance(error) && (error.statusCode ?? 0) >= 400) return NO_TOKENS
  return isUnsent(error) ? NO_TOKENS : UNCOUNTED
}

/** Whether a call failed before anything of it reached the backend: there is no program or no connection, or no trust in it. */
export function isUnsent(error: unknown): boolean {
  // a program that is there and can't be run
  if (error instanceof BrokenCall) return error.code === 'unusable' && error.cause instanceof Error
  if (APICallError.isInstance(error) && (error.statusCode ?? 0) >= 400) return false
  const reason = networkReason(error)
  return isMissingProgram(error) || UNTRUSTED.test(reason) || NO_TLS.test(reason) || isNever(error)
}

/** Whether a program that was to be run is not there. */
export const isMissingProgram = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** What is not better the next time, and what to do then. */
const FINAL: Partial<Record<BrokenCall['code'], (choice: Choice) => string>> = {
  tool_call: () => 'ask in other words, or have another model answer: hai model ls',
  no_room: ({ model }) => `raise max_output of ${model} in models.yaml, or ask for less`,
  refused: () => 'ask in other words, or have another model answer: hai model ls',
  wrong_url: ({ name, backend }) => `correct the url of ${name}; it is ${backend.url}`,
  unusable: () => 'run claude where the worker runs, and see what it wants',
}

function ofBroken(
  { code, message: said, until, setting, cause, got }: BrokenCall,
  choice: Choice,
): CallFailure {
  const message = `${choice.name}: ${said}`
  // an error in the middle of an answer is one of those that come with a status
  if (APICallError.isInstance(cause) && (cause.statusCode ?? 0) >= 400)
    return begun({ ...ofStatus(cause, cause.statusCode!, choice), message }, got)
  const final = FINAL[code]?.(choice)
  if (final) return { code, message, retryable: false, next_step: final }
  if (setting) return { code, message, retryable: true, next_step: `raise ${setting} in models.yaml` }
  if (code === 'login_expired') return { code, message, retryable: false, next_step: 'claude, then /login' }
  if (code === 'quota_exhausted') {
    const seconds = secondsUntil(until)
    return putOff(code, message, seconds, choice.name)
  }
  const words = code === 'backend_error' || code === 'cut' ? ofWords(said, message, choice) : undefined
  return words ? begun(words, got) : { code, message, retryable: true }
}

/** What was made of the answer is made again each time: limits are waited for, what breaks down in it uses attempts. */
function begun(failure: CallFailure, got: Got | undefined): CallFailure {
  const { uses_attempt: _, ...counted } = failure
  const isLimit = failure.code === 'rate_limited' || failure.code === 'quota_exhausted'
  return isLimit || !got?.deltas ? failure : counted
}

function rootOf(error: unknown): unknown {
  let at = error
  while (at instanceof Error && at.cause instanceof Error) at = at.cause
  return at
}

/** What a call used that was ended before it was whole, as far as it was seen: a piece of the answer is at least a token. */
export function atLeast({ deltas, tokens }: Got): Pick<Spent, 'tokens' | 'at_least'> {
  const known = tokens ?? UNCOUNTED
  return { tokens: { ...known, output: Math.max(known.output ?? 0, deltas) }, at_least: true }
}

/** What a failed call used: as the backend counted it, else as much as was seen of it. */
export function usedBy(error: unknown, got: Got): Pick<Spent, 'tokens' | 'at_least'> {
  // a prompt that is too long is refused unread, in whatever form that is told
  const refused = got.deltas === 0 && overflowOf(error) !== undefined
  const tokens = refused ? NO_TOKENS : tokensOfFailure(error)
  const unknown = tokens.input === null || tokens.output === null
  return unknown && (got.deltas > 0 || got.tokens) ? atLeast(got) : { tokens }
}

/** Why a call was ended from here: its task was cancelled, or its worker must stop. */
export function endedBy({ reason }: AbortSignal): NonNullable<Spent['ended']> {
  const state = isLeaseLost(reason) ? (reason as { details?: { state?: string } }).details?.state : undefined
  return state === 'cancelled' ? 'cancelled' : 'stopped'
}
