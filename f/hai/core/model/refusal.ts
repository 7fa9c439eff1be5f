import type { APICallError } from '@ai-sdk/provider'
import type { Choice } from '../base/backends.ts'
import { resetSeconds, saysWhen } from '../base/reset_time.ts'

/** Why a call failed, in the words that `fail` takes. */
export interface CallFailure {
  code: string
  message: string
  retryable: boolean
  retry_after_seconds?: number
  /** False where waiting is all that is wrong: the task goes back as if it had not been tried. */
  uses_attempt?: boolean
  next_step?: string
}

/** The longest that a task may be put off, seconds. */
const LONGEST = 7 * 86_400

const TOO_LONG = /context (length|window|size)|maximum context|(prompt|input) is too long|too many tokens/i
/** What no waiting brings back. */
const NO_CREDIT =
  /credit balance|insufficient[_ ](?:quota|credits?|balance|funds)|exceeded your current quota|API usage limits|(?:not enough|out of|no) credits?\b|payment required|billing (?:hard )?limit/i
/** Of those, what some servers also say of a rate: then they say until when. */
const CREDIT_OR_RATE = /exceeded your current quota|API usage limits/i
const LOADING =
  /\bloading (?:the )?model\b|model\b.{0,80}\b(?:is|being|still)\b.{0,20}\bload(?:ing|ed)\b|"type":\s*"unavailable_error"/i
const NO_SLOT = /\bslot/i
const OVERLOADED =
  /overloaded|over capacity|at capacity|server (?:is )?busy|maximum pending requests|no deployments available/i
/** Of a gateway, a proxy or a server that can't now: 52x are Cloudflare's, 529 is Anthropic's. */
const NOT_NOW = new Set([502, 503, 504, 520, 521, 522, 523, 524, 529, 530])
const NO_MODEL =
  /model_not_found|model_not_exist|\bmodel\b.{0,120}?(?:does not exist|not exist|not found|not_found|is unknown)|unknown model|no such model/is
const LIMIT =
  /\b(?:hit|reached|exceeded)\b[^.\n]{0,40}\blimit\b|\blimit\b[^.\n]{0,20}\b(?:reached|hit|exceeded|resets?|will reset)\b|\b(?:usage|session|weekly|daily|monthly|hour|hourly|opus|sonnet) limit\b|\bout of (?:extra )?usage\b/i
const OTHER_LIMIT = /\b(?:context|token|size|length|output|upload|file|page)s? limit\b/i

/** What a server refused with a status of 400 or more. */
export function ofStatus(error: APICallError, status: number, choice: Choice): CallFailure {
  const { name, model, backend } = choice
  const message = `${name} answered ${status}: ${error.message}`
  const body = `${error.message}\n${error.responseBody ?? ''}`
  const answer = { headers: error.responseHeaders, text: body }
  const told = () => resetSeconds(answer)
  const final = (code: string, next_step: string) => ({ code, message, retryable: false, next_step })
  if (status === 402 || (status !== 404 && NO_CREDIT.test(body))) {
    const rate = CREDIT_OR_RATE.test(body) && !/insufficient_quota/i.test(body)
    if (rate && saysWhen(answer)) return putOff('quota_exhausted', message, told(), name)
    return final('quota_exhausted', addCredit(name))
  }
  if (status === 401 || status === 403)
    return final('login_expired', `give ${name} a valid api_key in models.yaml; then hai model test ${name}`)
  if (status === 429) return putOff('rate_limited', message, told(), name)
  if (status === 413 || TOO_LONG.test(body))
    return final('context_too_long', 'ask with less attached text, or a model with a larger context')
  if (status === 404 && /try pulling/.test(body)) return final('model_missing', `ollama pull ${model}`)
  if ((status === 404 && /model/i.test(body)) || (status === 400 && NO_MODEL.test(body)))
    return final('model_missing', otherModel(choice))
  if (status === 404 || status === 405) return final('wrong_url', otherUrl(name, backend.url))
  if (status >= 500 && LOADING.test(body) && !NO_SLOT.test(error.message))
    return putOff('loading', message, told(), name)
  if (NOT_NOW.has(status) || (status >= 500 && OVERLOADED.test(body)))
    return putOff('unavailable', message, told(), name)
  const again = told()
  // the same question would be refused again
  if (status !== 408 && status !== 425 && status < 500)
    return { code: 'backend_error', message, retryable: false, next_step: ASK_ANEW }
  if (again !== undefined && again > LONGEST) return putOff('backend_error', message, again, name)
  return {
    code: 'backend_error',
    message,
    retryable: true,
    ...(again === undefined ? {} : { retry_after_seconds: again }),
  }
}

const ASK_ANEW = 'change what it objects to, and ask anew: hai ask "…"'

const addCredit = (name: string) =>
  `add credit or raise the limit at ${name}, or have another backend answer: hai model ls`

const otherModel = ({ name, model, backend }: Choice): string =>
  backend.kind === 'openai-compatible'
    ? `correct the model's name in models.yaml; it is ${model}. What there is: hai model add ${backend.url} ${name}`
    : `correct the model's name in models.yaml; it is ${model}`

export const otherUrl = (name: string, url: string): string =>
  `correct the url of ${name}; it is ${url}: hai model add URL ${name}`

/** A failure for which nothing but waiting is needed, for so many seconds if that was said. */
export function putOff(
  code: string,
  message: string,
  seconds: number | undefined,
  name: string,
): CallFailure {
  if (seconds !== undefined && seconds > LONGEST) {
    const until = new Date(Math.min(Date.now() + seconds * 1000, 8e15)).toISOString()
    const when = `${until.slice(0, 16).replace('T', ' ')} UTC`
    return {
      code,
      message: `${message}; not before ${when}, and a task waits 7 days at most`,
      retryable: false,
      next_step: `have another backend answer: hai model ls; or wait for ${name}`,
    }
  }
  return {
    code,
    message,
    retryable: true,
    uses_attempt: false,
    ...(seconds === undefined ? {} : { retry_after_seconds: seconds }),
  }
}

/** Whether a sentence tells of a limit of use, and until when it lasts where it says so. */
export function limitIn(said: string): { seconds: number | undefined } | undefined {
  if (!LIMIT.test(said) || (OTHER_LIMIT.test(said) && !/\bresets?\b/i.test(said))) return undefined
  return { seconds: resetSeconds({ text: said }) }
}

/** What a backend said in words alone, without a status; undefined when they tell no more than that it failed. */
export function ofWords(said: string, message: string, choice: Choice): CallFailure | undefined {
  const { name } = choice
  const limit = limitIn(said)
  if (limit) return putOff('quota_exhausted', message, limit.seconds, name)
  if (NO_CREDIT.test(said))
    return { code: 'quota_exhausted', message, retryable: false, next_step: addCredit(name) }
  // asked again, it would not be there either
  if (NO_MODEL.test(said))
    return { code: 'model_missing', message, retryable: false, next_step: otherModel(choice) }
  const again = resetSeconds({ text: said })
  const [, status] = /\b(?:API Error|status(?: code)?|HTTP)\b:?\s*\(?([45]\d\d)\b/i.exec(said) ?? []
  if (status === '429' || /\brate.?limit/i.test(said)) return putOff('rate_limited', message, again, name)
  if (/\bloading model\b/i.test(said)) return putOff('loading', message, again, name)
  if (NOT_NOW.has(Number(status)) || OVERLOADED.test(said)) return putOff('unavailable', message, again, name)
  return undefined
}
