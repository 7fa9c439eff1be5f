import type { LanguageModelV3Prompt } from '@ai-sdk/provider'
import { z } from 'zod'

/** USD per million tokens; a price that isn't given is unknown, never 0. */
const Price = z.strictObject({
  input: z.number().nonnegative().optional(),
  output: z.number().nonnegative().optional(),
  cache_read: z.number().nonnegative().optional(),
  cache_write: z.number().nonnegative().optional(),
})
export type Price = z.output<typeof Price>

const Model = Price.extend({
  /** Tokens that question, history and answer may have together. */
  context: z.int().positive().optional(),
})

const Backend = z
  .strictObject({
    kind: z.enum(['openai-compatible', 'anthropic', 'claude-code']),
    /** A server's bare address means `/v1` of it. Only Claude's have one of their own. */
    url: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).optional(),
    /** `$var:f/…` names a Windmill variable, `$env:NAME` a variable of the worker's environment. Never the key itself. */
    api_key: z
      .string()
      .regex(
        /^\$(var:[fu]\/.+|env:[A-Z][A-Z0-9_]*)$/,
        'expected $var:u/operator/… or $env:NAME, not the key itself',
      )
      .optional(),
    billing: z.enum(['local', 'metered', 'subscription']),
    enabled: z.boolean().default(true),
    /** Called only by workers elsewhere (`hai worker run --backend NAME`): tasks wait for one in a lane of its name. */
    external: z.boolean().optional(),
    /** How many tasks such a lane lets run at once; 2 when not said. */
    slots: z.int().min(1).max(100).optional(),
    models: z.record(z.string(), Model).default({}),
  })
  .refine(({ kind, url }) => url || kind !== 'openai-compatible', {
    path: ['url'],
    error: 'expected the http or https URL of the server',
  })
export type Backend = z.output<typeof Backend>

/** The `models` configuration: which backends there are, and which model answers when nothing else is said. */
export const Models = z.strictObject({
  default: z
    .string()
    .regex(/^[\w-]+\/.+$/, 'expected backend/model, such as ollama/llama3.1:8b')
    .optional(),
  /** Seconds without a sign of life from a backend after which a call counts as stalled. */
  liveness_seconds: z.number().positive().max(3600).default(120),
  backends: z
    .record(z.string().regex(/^[\w-]+$/), Backend, {
      error: ({ code }) =>
        code === 'invalid_key' ? 'expected a name of letters, digits, - or _' : undefined,
    })
    .default({}),
})
export type Models = z.output<typeof Models>

/** One turn of what a model is given. */
export type Message = LanguageModelV3Prompt[number]

/** Tokens as the backend counted them; null where it didn't say. */
export interface Tokens {
  input: number | null
  output: number | null
  cache_read: number | null
  cache_write: number | null
  reasoning: number | null
}

/** Who answers a task, and why he was chosen. */
export interface Choice {
  name: string
  backend: Backend & { url: string }
  model: string
  /** Tokens; undefined when nobody has said. */
  context: number | undefined
  reason: string
  /** An Ollama that was found, and must load the model first. */
  loading?: boolean
}

/** One call of a model as the ledger knows it. Each attempt's is another, though they answer the same journaled step. */
export interface ModelCall {
  /** The step's id and the lease that made the call. */
  call_id: string
  backend: string
  model: string
  billing: Backend['billing']
  price?: Price
}

/** What a call came to. */
export interface Spent {
  tokens: Tokens
  ms: number
  /** What the backend itself says that it cost. */
  usd?: number | null
}
