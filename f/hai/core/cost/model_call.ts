import type { Backend } from '../base/backends.ts'
import type { Price } from './prices.ts'
import type { Tokens } from './tokens.ts'

/** One call of a model as the ledger knows it. Each attempt's is another, though they answer the same journaled step. */
export interface ModelCall {
  /** The step's id and the lease that made the call. */
  call_id: string
  /** The journal's step that it answers. */
  step?: string
  /** Who asks; `none` when not said. */
  agent?: string
  /** `backend/model` when not said. */
  route?: string
  backend: string
  model: string
  billing: Backend['billing']
  price?: Price
  /** Tokens that it can come to; what it may cost is held until it is over. */
  most?: { input: number; output: number }
  /** Of a call that answers no task: who made it and from where. */
  requester?: string
  source?: string
}

/** What a call came to. */
export interface Spent {
  tokens: Tokens
  ms: number
  /** In the backend's own words, USD. */
  usd?: number | null
  /** The code with which it failed. */
  error?: string
  /** It was ended from here, before its answer was whole; `stopped`, too, where that repeated itself. */
  ended?: 'cancelled' | 'stopped'
  /** The tokens are what was seen of them; there may have been more. */
  at_least?: boolean
  /** Nobody was reached, so that there was no call. */
  unsent?: boolean
}
