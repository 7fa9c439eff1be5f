import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ModelTest } from '../contract.ts'
import type { Sql } from '../db.ts'
import { HaiError, parse } from '../errors.ts'
import { reserve } from '../money/reserve.ts'
import { settle } from '../money/settle.ts'
import { type Access, modelAccess } from './access.ts'
import { backendAnswers, rememberOllama, toldByFailure } from './backend-state.ts'
import { type Answer, callModel } from './call.ts'
import type { Message } from './config.ts'
import { endpointOf, knownOf } from './endpoint.ts'
import { classify, tokensOfFailure } from './failure.ts'
import { ledgerCall, mostOutput } from './ledger-call.ts'
import { limitsOf } from './limits.ts'
import { load, withLoading } from './ollama.ts'

const QUESTION = 'Count from one to twenty in words, separated by commas.'
const MESSAGES: Message[] = [{ role: 'user', content: [{ type: 'text', text: QUESTION }] }]

const Input = z.strictObject({ backend: z.string().optional(), model: z.string().optional() })

/**
 * Asks a model something small, times it and writes down what it used. What the backend refuses is part of the result,
 * not an error; either way others learn how the backend is.
 */
export async function testModel(
  sql: Sql,
  input: z.input<typeof Input>,
  requester: string,
): Promise<ModelTest> {
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
  return recorded(sql, { ...access, choice }, requester)
}

async function recorded(sql: Sql, access: Access, requester: string): Promise<ModelTest> {
  const { choice } = access
  const tested = { backend: choice.name, model: choice.model }
  const call = { ...ledgerCall(`test:${randomUUID()}`, choice, MESSAGES), requester, source: 'model-test' }
  await reserve(sql, call)
  const began = performance.now()
  const { answer, times, error } = await tryOut(access)
  if (answer) {
    await settle(sql, call, answer)
    await backendAnswers(sql, endpointOf(access))
    return { ...tested, ok: true, ...times }
  }
  const failure = { ...classify(error, choice), backend: choice.name, endpoint: endpointOf(access) }
  const spent = { tokens: tokensOfFailure(error), ms: Math.round(performance.now() - began) }
  await settle(sql, call, { ...spent, error: failure.code })
  await toldByFailure(sql, failure)
  const { code, message, next_step } = failure
  return { ...tested, ok: false, error: { code, message, ...(next_step ? { next_step } : {}) } }
}

interface Tried {
  answer?: Answer
  times?: Partial<ModelTest>
  error?: unknown
}

async function tryOut({ choice, models, apiKey }: Access): Promise<Tried> {
  const signal = new AbortController().signal
  const begin = performance.now()
  let loaded = begin
  let first: number | undefined
  try {
    if (choice.loading) await load(choice, signal)
    loaded = performance.now()
    const answer = await callModel({
      choice,
      apiKey,
      messages: MESSAGES,
      maxOutput: mostOutput(choice),
      ...limitsOf(models, choice, MESSAGES),
      signal,
      onText: () => {
        first ??= performance.now()
      },
    })
    const times = {
      load_ms: Math.round(loaded - begin),
      first_text_ms: Math.round((first ?? loaded) - loaded),
      total_ms: Math.round(performance.now() - begin),
      ...speed(answer, performance.now() - (first ?? loaded)),
    }
    return { answer, times }
  } catch (error) {
    return { error }
  }
}

/** Tokens after the first one, over the time they took. */
function speed({ tokens }: Answer, ms: number) {
  if (tokens.output === null) return { output_tokens: null, tokens_per_second: null }
  const rate = ms > 0 ? Math.round((tokens.output / ms) * 10_000) / 10 : null
  return { output_tokens: tokens.output, tokens_per_second: rate }
}
