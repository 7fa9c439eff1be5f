import { type Choice, MAX_OUTPUT, type Message } from '../base/backends.ts'
import { own } from '../base/own.ts'
import type { ModelCall } from '../cost/model_call.ts'
import { priceAt } from '../cost/prices.ts'
import { promptTokens } from './prompt.ts'

/** A call of `choice` as the ledger is to know it, with the most that it can come to: `ratio` true tokens for one estimated. */
export function ledgerCall(
  call_id: string,
  choice: Choice,
  messages: Message[],
  maxOutput: number,
  ratio = 1,
): ModelCall {
  const { name, model, backend } = choice
  const price = priceAt(backend, model, new Date())
  return {
    call_id,
    backend: name,
    model,
    billing: backend.billing,
    ...(price ? { price } : {}),
    most: { input: Math.ceil(promptTokens(messages).most * ratio), output: maxOutput },
  }
}

/** Tokens that an answer may have when its prompt is short. */
export function mostOutput({ model, backend }: Choice): number {
  return own(backend.models, model)?.max_output ?? MAX_OUTPUT
}
