import { priceAt } from '../money/prices.ts'
import { type Choice, MAX_OUTPUT, type Message, type ModelCall } from './config.ts'

/** A token has at least so many bytes, all but always; a bound that is too low is paid once, by one call. */
const BYTES_PER_TOKEN = 3
/** What a server adds of its own to what it is sent. */
const OWN_TOKENS = 64
/** Of a model's window, unless its `max_output` says otherwise: what a prompt leaves free. */
const ANSWER_SHARE = 0.25

/** A call of `choice` as the ledger is to know it, with the most that it can come to. */
export function ledgerCall(call_id: string, choice: Choice, messages: Message[]): ModelCall {
  const { name, model, backend } = choice
  const price = priceAt(backend, model, new Date())
  return {
    call_id,
    backend: name,
    model,
    billing: backend.billing,
    ...(price ? { price } : {}),
    most: { input: mostInput(messages), output: mostOutput(choice) },
  }
}

function mostInput(messages: Message[]): number {
  return Math.ceil(Buffer.byteLength(JSON.stringify(messages)) / BYTES_PER_TOKEN) + OWN_TOKENS
}

/** Tokens that the answer may have. */
export function mostOutput({ model, backend, context }: Choice): number {
  const share = context === undefined ? MAX_OUTPUT : Math.floor(context * ANSWER_SHARE)
  return backend.models[model]?.max_output ?? Math.min(MAX_OUTPUT, share)
}
