import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Choice, Message } from '../base/backends.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { withoutPasswordsIn } from '../base/text.ts'
import type { Tokens } from '../cost/model_call.ts'
import { reserve } from '../cost/reserve.ts'
import { settle } from '../cost/settle.ts'
import { backendAnswers, endpointOf, knownOf, rememberOllama, toldByFailure } from '../task/backend.ts'
import { type Access, modelAccess } from './access.ts'
import { callModel } from './call.ts'
import { BrokenCall, classify, type Got, isUnsent, tokensOfFailure } from './failure.ts'
import { load, withLoading } from './ollama.ts'
import { ledgerCall, mostOutput } from './prompt.ts'
import type { ModelTest } from './shape.ts'
import { limitsOf } from './watchdog.ts'

const QUESTION = 'Count from one to twenty in words, separated by commas.'
const MESSAGES: Message[] = [{ role: 'user', content: [{ type: 'text', text: QUESTION }] }]
/** What a test asks for: enough for a rate, and soon over. */
const MOST_TOKENS = 64
/** From the first piece of the answer on. */
const MOST_SECONDS = 60
/** A large model is read from a slow disk within it. */
const LOADING_SECONDS = 600

const Input = z.strictObject({ backend: z.string().optional(), model: z.string().optional() })

/** Who tries a model. */
export interface Tester {
  requester: string
  /** Aborts when nobody waits for the result any more. */
  signal: AbortSignal
}

/** `tryModel` for the model of that name, or the default one. `not_found` when there is none. */
export async function testModel(sql: Sql, input: z.input<typeof Input>, tester: Tester): Promise<ModelTest> {
  const { backend, model } = parse(Input, input)
  const access = await modelAccess(sql, backend && (model ? `${backend}/${model}` : backend))
  if ('offers' in access) {
    throw new HaiError('not_found', access.error ?? 'there is no model to try', {
      details: { next_step: access.idle?.[0]?.cure ?? 'hai model ls shows what could answer' },
    })
  }
  const endpoint = endpointOf(access)
  const known = await knownOf(sql, endpoint)
  const choice = await withLoading(access.choice, known?.ollama, (is) => rememberOllama(sql, endpoint, is))
  return tryModel(sql, { ...access, choice }, tester)
}

/**
 * Asks a model something small, times it and writes down what it used. What the backend refuses is part of the result,
 * not an error; either way others learn how the backend is. Rejects when `signal` aborts; the server is let go then.
 */
export async function tryModel(sql: Sql, access: Access, tester: Tester): Promise<ModelTest> {
  return (await busy(sql, access.choice)) ?? recorded(sql, access, tester)
}

/** A backend with a lane of its own takes so many calls at a time: one more would stand in the server's queue. */
async function busy(sql: Sql, { name, model }: Choice): Promise<ModelTest | undefined> {
  const [lane] = await sql<[{ tasks: string[]; slots: number }]>`
    select count(*)::int as slots, coalesce(array_agg(task_id) filter (where task_id is not null), '{}') as tasks
    from hai.lane_slot where lane = ${name}`
  const [task] = lane.tasks
  if (!task || lane.tasks.length < lane.slots) return undefined
  const message = `${name} is busy: it answers task ${shortId(task)}, and takes ${lane.slots} at a time`
  const next_step = `wait for it: hai task tail ${shortId(task)}`
  return { backend: name, model, ok: false, error: { code: 'busy', message, next_step } }
}

async function recorded(sql: Sql, access: Access, { requester, signal }: Tester): Promise<ModelTest> {
  const { choice } = access
  const tested = { backend: choice.name, model: choice.model }
  const maxOutput = Math.min(MOST_TOKENS, mostOutput(choice))
  const known = ledgerCall(`test:${randomUUID()}`, choice, MESSAGES, maxOutput)
  const call = { ...known, requester, source: 'model-test' }
  await reserve(sql, call)
  const began = performance.now()
  const { times, tokens, error } = await tryOut(access, maxOutput, signal)
  const spent = { tokens, ms: Math.round(performance.now() - began) }
  if (signal.aborted) {
    await settle(sql, call, { ...spent, error: 'cancelled' })
    throw new HaiError('gone', 'the test was stopped')
  }
  if (error === undefined) {
    await settle(sql, call, spent)
    await backendAnswers(sql, endpointOf(access))
    return { ...tested, ok: true, ...times }
  }
  const failure = { ...classify(error, choice), backend: choice.name, endpoint: endpointOf(access) }
  await settle(sql, call, { ...spent, error: failure.code, unsent: isUnsent(error) })
  await toldByFailure(sql, failure)
  const { code, message, next_step } = failure
  return withoutPasswordsIn({
    ...tested,
    ok: false,
    error: { code, message, ...(next_step ? { next_step } : {}) },
  })
}

interface Tried {
  tokens: Tokens
  times: Partial<ModelTest>
  /** Why there was no answer at all. */
  error?: unknown
}

async function tryOut(
  { choice, models, apiKey }: Access,
  maxOutput: number,
  signal: AbortSignal,
): Promise<Tried> {
  const clock = new Clock()
  const limit = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const got: Got = { text: '', deltas: 0 }
  const onText = () => {
    clock.text()
    timer ??= setTimeout(() => limit.abort(), MOST_SECONDS * 1000)
  }
  try {
    if (choice.loading)
      await load(
        choice,
        AbortSignal.any([signal, AbortSignal.timeout(LOADING_SECONDS * 1000)]),
        limitsOf(models, choice, MESSAGES),
      )
    clock.loaded()
    const { tokens, notices } = await callModel({
      choice,
      apiKey,
      messages: MESSAGES,
      maxOutput,
      onText,
      got,
      ...limitsOf(models, choice, MESSAGES),
      signal: AbortSignal.any([signal, limit.signal]),
    })
    return { tokens, times: { ...clock.times(got, tokens), ...(notices.length > 0 ? { notices } : {}) } }
  } catch (error) {
    const tokens = tokensOfFailure(error)
    // one that thinks may need all of its few tokens for that
    const isThought = error instanceof BrokenCall && error.code === 'no_room'
    const notice = limit.signal.aborted
      ? `stopped after ${MOST_SECONDS} s, as a test may not last longer`
      : `only thoughts came in the ${maxOutput} tokens that a test may take`
    if (signal.aborted || !(limit.signal.aborted || isThought)) return { tokens, times: {}, error }
    return { tokens, times: { ...clock.times(got, tokens), notices: [notice] } }
  } finally {
    clearTimeout(timer)
  }
}

/** Takes the times of a test, in milliseconds. */
class Clock {
  #begin = performance.now()
  #loaded = this.#begin
  #first: number | undefined
  #last = 0
  /** Pieces of text. */
  #pieces = 0

  loaded(): void {
    this.#loaded = performance.now()
  }

  text(): void {
    this.#last = performance.now()
    this.#first ??= this.#last
    this.#pieces += 1
  }

  times(got: Got, tokens: Tokens): Partial<ModelTest> {
    const first = this.#first
    return {
      load_ms: Math.round(this.#loaded - this.#begin),
      ...(first === undefined ? {} : { first_text_ms: Math.round(first - this.#loaded) }),
      total_ms: Math.round(performance.now() - this.#begin),
      output_tokens: tokens.output,
      tokens_per_second: this.#rate(got, tokens),
    }
  }

  /** Tokens after the first one, over the time from the first to the last; null where either is not known. */
  #rate({ deltas }: Got, { output, reasoning }: Tokens): number | null {
    // of what was thought the time is not known, so its tokens must be
    const isCounted = deltas === this.#pieces || (reasoning ?? 0) > 0
    const written = output === null ? this.#pieces : isCounted ? output - (reasoning ?? 0) : 0
    const ms = this.#last - (this.#first ?? this.#last)
    return written > 1 && ms >= 1 ? Math.round(((written - 1) / ms) * 10_000) / 10 : null
  }
}
