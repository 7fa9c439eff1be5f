import type { LanguageModelV3Prompt } from '@ai-sdk/provider'
import { z } from 'zod'
import { EXPECTED, REFERENCE } from './config.ts'

/** Dearer by far than any token; more is a slip of the pen. */
const DEAREST = 1_000_000

const each = z.number().nonnegative().max(DEAREST).optional()

/** USD per million tokens; a price that isn't given is unknown, never 0. */
export const Rates = z.strictObject({
  input: each,
  output: each,
  cache_read: each,
  /** Of what is kept for minutes. */
  cache_write: each,
  /** Of what is kept for an hour; twice `input` when not given, as those who sell it have it. */
  cache_write_1h: each,
  /** Of what a model thought; counted as output when not given. */
  reasoning: each,
})
export type Rates = z.output<typeof Rates>

const Dated = Rates.extend({
  /** The first day (UTC) on which these prices hold. */
  from: z.iso.date({ error: 'expected a day, such as 2026-11-27' }),
  /** Where they were read. */
  source: z.string().max(300).optional(),
})

/** Prices of one model over time, in any order. */
export const Prices = z.array(Dated).superRefine((prices, context) => {
  for (const [at, { from }] of prices.entries()) {
    if (prices.findIndex((other) => other.from === from) === at) continue
    context.addIssue({ code: 'custom', path: [at, 'from'], message: 'expected each day once; merge the two' })
  }
})
export type Prices = z.output<typeof Prices>

const Model = Rates.extend({
  /** Tokens that question, history and answer may have together. */
  context: z.int().positive().optional(),
  /** Tokens that an answer may have at most: what a call can cost follows from it. */
  max_output: z.int().positive().optional(),
  /** By the day from which they hold; before the first of them the prices beside them do. */
  prices: Prices.optional(),
})

/** Unless a model's `max_output` says otherwise. */
export const MAX_OUTPUT = 8192

const Pattern = z
  .string()
  .regex(
    /^[^*]+\*?$/,
    'expected the name of a model, or the beginning of one and *, such as claude-sonnet-4-*',
  )

/** `models: [a, b]`, `models: a` and `a:` with nothing after it are what people write; whatever else it is goes on as it is. */
function named(given: unknown): unknown {
  if (typeof given === 'string') return { [given]: {} }
  if (given === null) return {}
  if (Array.isArray(given) && given.every((name) => typeof name === 'string'))
    return Object.fromEntries(given.map((name) => [name, {}]))
  if (typeof given !== 'object' || Array.isArray(given)) return given
  return Object.fromEntries(Object.entries(given).map(([name, model]) => [name, model ?? {}]))
}

const Backend = z
  .strictObject({
    kind: z.enum(['openai-compatible', 'anthropic', 'claude-code']),
    /** A server's bare address means `/v1` of it. Only Claude's have one of their own. */
    url: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).optional(),
    /** `$env:NAME` names a variable of the worker's environment. Never the key itself. */
    api_key: z.string().regex(REFERENCE, EXPECTED).optional(),
    billing: z.enum(['local', 'metered', 'subscription']),
    enabled: z.boolean().default(true),
    /** Called only by workers elsewhere (`hai worker run --backend NAME`): tasks wait for one in a lane of its name. */
    external: z.boolean().optional(),
    /**
     * How many calls of it there may be at once, from here or from workers elsewhere; more wait their turn. When not said
     * one of a local model and two of any other; a metered one or a subscription that is asked from here has no such limit.
     */
    slots: z.int().min(1).max(100).optional(),
    /** By name; a list of names, and a name with nothing after it, say no more of them. */
    models: z.preprocess(named, z.record(z.string(), Model)).default({}),
    /** Prices of models that are not listed, by name or by the beginning of one and `*`; of a subscription, list prices. */
    prices: z.record(Pattern, Prices).optional(),
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
  /** Seconds until the first byte of an answer after which a call counts as stalled; see `limitsOf` for the usual ones. */
  first_byte_seconds: z.number().positive().max(86_400).optional(),
  /** Seconds of silence after that byte which count so. */
  liveness_seconds: z.number().positive().max(3600).default(120),
  backends: z
    .record(z.string().regex(/^(?!(?:builtin|interactive|batch)$)[\w-]+$/), Backend, {
      error: ({ code }) =>
        code === 'invalid_key'
          ? 'expected a name of letters, digits, - or _, and not builtin, interactive or batch, where the tasks of all wait'
          : undefined,
    })
    .default({}),
})
export type Models = z.output<typeof Models>

/** One turn of what a model is given. */
export type Message = LanguageModelV3Prompt[number]

/** What answers a task, and why it was chosen. */
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

/** Where each kind is when no URL says so. */
export const HOME = {
  anthropic: 'https://api.anthropic.com/v1',
  'claude-code': 'claude',
  'openai-compatible': '',
}
/** Where a backend is asked. */
export const urlOf = ({ kind, url }: Pick<Backend, 'kind' | 'url'>): string =>
  url ? withVersion(url) : HOME[kind]

/** A server's bare address is what its own documentation names; both protocols live under `/v1` of it. */
function withVersion(given: string): string {
  const url = new URL(given)
  return url.pathname === '/' ? `${url.origin}/v1` : given
}
