import type { ListSource } from '../cost/shape.ts'
import type { TaskError } from '../task/shape.ts'

export type WindowSource = 'settings' | 'server' | 'earlier_call'

/** One model that may be asked, or could be. Prices are USD per million tokens. */
export interface ModelRow {
  backend: string
  model: string
  kind: string
  url: string | null
  billing: 'local' | 'metered' | 'subscription'
  /** Found where it usually is, without being configured. */
  found: boolean
  enabled: boolean
  /** In memory now; null where the backend doesn't say. */
  loaded: boolean | null
  /** What it lacks to answer now; not there when nothing is known to be missing. */
  trouble?: { code: 'missing' | 'no_key' | 'unreachable'; text: string }
  /** The window in force, in tokens: the least of what is known; null is unknown. */
  context: number | null
  /** Who says so: models.yaml, its server's list of models, or what the server refused or cut at an earlier call. */
  context_from?: WindowSource
  price: { input?: number; output?: number; cache_read?: number; cache_write?: number } | null
  /** Whose list the price is of, where the operator has set none. */
  list_price?: ListSource
}

export interface ModelList {
  /** Who looks, where that is no operator: what is to be done is the operator's to do. */
  for?: 'member'
  /** `backend/model` that answers when nothing else is said, and why. */
  default: string | null
  reason?: string
  /** The default can't be used, which is what the reason says then. */
  unusable?: true
  models: ModelRow[]
  /** Backends that are there and are not used before they are enabled. */
  offers: { backend: string; how: string }[]
  /** What is wrong with the operator's file; the last good one is in force. */
  error?: string
  problems?: string[]
}

/** How a real round trip went; times in milliseconds. */
export interface ModelTest {
  backend: string
  model: string
  ok: boolean
  load_ms?: number
  first_text_ms?: number
  total_ms?: number
  output_tokens?: number | null
  /** Between the first token and the last; null where that is not known. */
  tokens_per_second?: number | null
  /** What is to be said of it besides. */
  notices?: string[]
  error?: TaskError
}
