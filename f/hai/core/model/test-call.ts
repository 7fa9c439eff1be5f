import { z } from 'zod'
import type { ModelTest } from '../contract.ts'
import type { Sql } from '../db.ts'
import { HaiError, parse } from '../errors.ts'
import { type Access, modelAccess } from './access.ts'
import { type Answer, callModel } from './call.ts'
import { classify } from './failure.ts'
import { load } from './ollama.ts'

const QUESTION = 'Count from one to twenty in words, separated by commas.'

const Input = z.strictObject({ backend: z.string().optional(), model: z.string().optional() })

/** Asks a model something small and times it. What the backend refuses is part of the result, not an error. */
export async function testModel(sql: Sql, input: z.input<typeof Input>): Promise<ModelTest> {
  const { backend, model } = parse(Input, input)
  const access = await modelAccess(sql, backend && model ? `${backend}/${model}` : undefined)
  if ('offers' in access) {
    throw new HaiError('not_found', `no model ${backend ?? ''} to try; see hai model ls`)
  }
  return timed(access)
}

async function timed({ choice, models, apiKey }: Access): Promise<ModelTest> {
  const { name, model } = choice
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
      messages: [{ role: 'user', content: [{ type: 'text', text: QUESTION }] }],
      livenessSeconds: models.liveness_seconds,
      signal,
      onText: () => {
        first ??= performance.now()
      },
    })
    return {
      backend: name,
      model,
      ok: true,
      load_ms: Math.round(loaded - begin),
      first_text_ms: Math.round((first ?? loaded) - loaded),
      total_ms: Math.round(performance.now() - begin),
      ...speed(answer, performance.now() - (first ?? loaded)),
    }
  } catch (error) {
    const { code, message, next_step } = classify(error, choice)
    return { backend: name, model, ok: false, error: { code, message, ...(next_step ? { next_step } : {}) } }
  }
}

/** Tokens after the first one, over the time they took. */
function speed({ tokens }: Answer, ms: number) {
  if (tokens.output === null) return { output_tokens: null, tokens_per_second: null }
  const rate = ms > 0 ? Math.round((tokens.output / ms) * 10_000) / 10 : null
  return { output_tokens: tokens.output, tokens_per_second: rate }
}
