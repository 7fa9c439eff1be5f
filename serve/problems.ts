import { Failure } from '../cli/failure.ts'
import { type Code, HaiError, STATUS } from '../f/hai/core/base/errors.ts'
import { plainly, type Refusal, refusalOf } from '../f/hai/core/surface/openai_answer.ts'
import { Refused } from './requests.ts'
import { Ended } from './streams.ts'
import { BrokenOff } from './telling.ts'

const NO_SCOPE = 'the token is known and not for this; one that was made with --allow chat is'
const AWAY = 'the server behind this can’t be reached right now; try again in a while'
const OWN = 'this failed by a mistake of the server’s own; whoever runs it finds it in the log'
const OLD = 'the release behind this is too old to answer here'

/** What went wrong, as a client is told: no address of the house, and nothing of what was sent. */
export function problemOf(error: unknown): Refusal {
  if (error instanceof HaiError) return refusalOf(plainly(error))
  if (error instanceof Refused) {
    const { status, code, message, param } = error
    return problem(status, code, message, param)
  }
  if (error instanceof Ended || error instanceof BrokenOff)
    return problem(503, 'broken_off', `${error.message}; ask again`)
  if (error instanceof Failure) return problemOfFailure(error)
  return problem(500, 'internal_error', OWN)
}

/** What a call of a webhook came to. */
function problemOfFailure({ code, message, details }: Failure): Refusal {
  if (code === 'unauthorized') return problem(401, 'invalid_api_key', 'the token is not known here')
  if (code === 'forbidden') return problem(403, 'forbidden', NO_SCOPE)
  if (code === 'no_door') return problem(503, code, OLD)
  if (code === 'crash') return problem(503, code, OWN)
  if (code && code in STATUS) return refusalOf({ code: code as Code, message, details })
  // nothing was taken that a second call would take twice: a client may come again of itself
  return problem(503, 'unavailable', AWAY, null, {})
}

function problem(
  status: number,
  code: string,
  message: string,
  param: string | null = null,
  headers: Record<string, string> = { 'x-should-retry': 'false' },
): Refusal {
  const type = status < 500 ? 'invalid_request_error' : 'server_error'
  return { status, headers, body: { error: { message, type, param, code } } }
}

/** Whether it is a mistake of this program's own. */
export const isMistake = ({ status }: Refusal): boolean => status === 500
