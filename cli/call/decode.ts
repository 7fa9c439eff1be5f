import { CONTRACT } from '../../f/hai/core/base/contract.ts'
import { exitOfCode, Failure } from '../failure.ts'
import { oneLine } from '../show/width.ts'
import type { Answer } from './http.ts'

/** What a message may say about the server that answered. */
interface Answerer {
  name: string
  local: boolean
  endpoint: string
  workspace: string
  token_from: string
}

interface Problem {
  code?: unknown
  name?: unknown
  message?: unknown
  stack?: unknown
  details?: Record<string, unknown>
}

/**
 * A door's result, or the Failure it stands for. A status of 400 and more or an `error` in the body is a failure;
 * `result.error` is read before `error`, so that sync, async and flow answers are understood alike.
 */
export function decode(answer: Answer, path: string, from: Answerer): unknown {
  const { known, value } = parse(answer.body)
  const problem = known ? problemIn(value, answer.status) : undefined
  if (problem && typeof problem.code === 'string') throw refusal(problem, from)
  if (problem && answer.status === 422) throw crash(problem, path)
  if (answer.status < 300 && known && !problem) return value
  throw unexpected(answer, path, from)
}

/** Why a bundle of that contract and this CLI don't understand each other; undefined when they do. */
export function contractProblem(contract: number, from: Answerer): string | undefined {
  if (contract === CONTRACT) return undefined
  const older = contract > CONTRACT
  const cure = older ? 'update hai here: git pull && npm ci' : `deploy this version's bundle to ${from.name}`
  return `this hai speaks contract ${CONTRACT}, the server ${contract}: ${cure}`
}

function refusal(problem: Problem, from: Answerer): Failure {
  const code = String(problem.code)
  const details = problem.details ?? {}
  const candidates = Array.isArray(details.candidates)
    ? `one of: ${details.candidates.join(', ')}`
    : undefined
  const said = typeof details.next_step === 'string' ? details.next_step : candidates
  const next = code === 'unauthorized' ? (said ?? tokenAdvice(from)) : said
  return new Failure(exitOfCode(code), oneLine(String(problem.message)), {
    code,
    details,
    ...(next ? { next } : {}),
  })
}

function crash(problem: Problem, path: string): Failure {
  const failure = new Failure('bug', `f/hai/${path} failed: ${oneLine(String(problem.message))}`, {
    code: 'crash',
    next: 'this is a bug; HAI_DEBUG=1 shows where',
  })
  if (typeof problem.stack === 'string') failure.stack = problem.stack
  return failure
}

/** An answer that no door gave: the server itself, or something in between. */
function unexpected(answer: Answer, path: string, from: Answerer): Failure {
  const { status } = answer
  const said = oneLine(answer.body).slice(0, 200)
  if (status === 401) {
    return new Failure('denied', `${from.name} does not accept the token from ${from.token_from}`, {
      code: 'unauthorized',
      next: tokenAdvice(from),
    })
  }
  if (status === 403) {
    const next = from.local ? {} : { next: 'this token is not for that; ask the operator' }
    return new Failure('denied', `${from.name} refused: ${said}`, { code: 'forbidden', ...next })
  }
  if (status === 404) {
    const where = `workspace ${from.workspace} at ${from.endpoint}`
    return new Failure('notFound', `${where} has no f/hai/${path}`, {
      code: 'no_door',
      next: from.local ? 'hai down && hai up' : 'hai doctor; is the bundle deployed there?',
    })
  }
  if (status >= 300 && status < 400) {
    const why = 'is that the address of Windmill itself, or of a login in front of it?'
    return new Failure('unreachable', `${from.endpoint} answered with a redirect (${status}); ${why}`)
  }
  const odd = status < 300 ? 'an answer that is not JSON' : `${status}`
  return new Failure('unreachable', `${from.endpoint} answered ${odd}${said ? `: ${said}` : ''}`, {
    next: 'is that the address of a hai? hai profile ls',
  })
}

function tokenAdvice(from: Answerer): string {
  return from.local ? 'hai down && hai up' : `hai auth set-token --profile ${from.name}`
}

function parse(body: string): { known: boolean; value?: unknown } {
  try {
    return { known: true, value: JSON.parse(body) }
  } catch (error) {
    if (error instanceof SyntaxError) return { known: false }
    throw error
  }
}

/** The error an answer stands for. A result with an id is a task: its `error` is what became of it, not of the call. */
function problemIn(value: unknown, status: number): Problem | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const body = value as { error?: unknown; result?: unknown; id?: unknown; wm_failure?: unknown }
  if (status < 300 && body.id !== undefined && body.wm_failure === undefined) return undefined
  const inner = (body.result as { error?: unknown } | null | undefined)?.error
  return asProblem(inner) ?? asProblem(body.error)
}

function asProblem(value: unknown): Problem | undefined {
  return typeof value === 'object' && value !== null && 'message' in value ? value : undefined
}
