import { type Choice, MAX_OUTPUT } from '../base/backends.ts'
import { own } from '../base/own.ts'
import { MOST_TOKENS } from '../cost/model_call.ts'
import type { Answer } from './call.ts'
import type { Learnt, ModelAt, ModelFact } from './facts.ts'
import type { HeldTask } from './held_task.ts'
import type { Overflow } from './overflow.ts'
import type { Fit, Mostly, Prompt } from './prompt.ts'
import type { CallFailure } from './refusal.ts'

/** For a model whose window nobody has named, in tokens: what Ollama gives a model unless it is told otherwise. */
const SMALL_WINDOW = 4096
/** Seconds after which a server is asked anew for its window: as a rule, and when something would have to be left out. */
const ASKED_EVERY = 86_400
const ASKED_AGAIN = 60
/** Any window holds a prompt of so many tokens. */
const SHORT_PROMPT = 512
/** Below that a prompt is mostly what servers add of their own; in tokens. */
const TELLING_PROMPT = 500
/** Windows are multiples of so many tokens. */
const WINDOWS_STEP = 256
/** A count beyond that is of something else than this prompt. */
const MOST_RATIO = 3
/** What was said before may be denser than what was counted: it is taken to have half of its estimate at least. */
const LEAST_SAID = 1 / 2
/** When a server refuses and gives no number: as much less is tried. */
const WITHOUT_NUMBERS = 0.5

/** A prompt, and what it was made to fit. */
export interface Fitting {
  choice: Choice
  fit: Fit
  prompt: Prompt
}

export const modelAt = ({ backend, model }: Choice): ModelAt => ({ url: backend.url, model })

/**
 * Whether the server of `choice` is to be asked for its window: where something would have to be left out, unless it was
 * asked just now; and a local one from a prompt on that is not short, once a day. An Ollama tells it with what it has loaded.
 */
export function isWorthAsking(
  { backend, loading }: Choice,
  fact: ModelFact | undefined,
  prompt: Prompt | undefined,
): boolean {
  const asked = fact?.asked_seconds ?? Number.POSITIVE_INFINITY
  if (backend.kind !== 'openai-compatible' || loading !== undefined) return false
  if (!prompt || prompt.notices.length > 0) return asked > ASKED_AGAIN
  return backend.billing === 'local' && prompt.tokens.most > SHORT_PROMPT && asked > ASKED_EVERY
}

/** Asks it, and gives what is known then; undefined when it says nothing. */
export async function askWindow(
  handle: HeldTask,
  choice: Choice,
  apiKey: string | undefined,
): Promise<ModelFact | undefined> {
  const at = modelAt(choice)
  const listed = await listedWindow(choice, apiKey)
  if (listed === undefined) return undefined
  await handle.learnModel(at, { listed })
  return handle.modelFact(at)
}

/** What a prompt for it must fit. What the operator says of a window or an answer is an upper bound, and a server's less wins. */
export function fitOf({ context, backend, model }: Choice, fact: ModelFact | undefined): Fit {
  const windows = [context, fact?.listed, fact?.refused].filter((window) => typeof window === 'number')
  const known = windows.length > 0
  const usual = known || backend.billing !== 'local' ? MAX_OUTPUT : SMALL_WINDOW
  const output = Math.min(
    own(backend.models, model)?.max_output ?? usual,
    fact?.output ?? Number.POSITIVE_INFINITY,
  )
  const counted = fact?.ratio ?? 1
  return {
    window: known ? Math.min(...windows) : SMALL_WINDOW,
    known,
    // a question, and what is attached, may be of another kind than anything that was counted
    ratio: rounded(Math.max(1, counted)),
    said: rounded(Math.max(LEAST_SAID, counted)),
    output,
  }
}

/** In steps: where a conversation begins is not to move with each count. */
const rounded = (ratio: number) => Math.ceil(ratio * 8) / 8

/** What fits after a refusal; undefined when that is no less than what was refused. */
export function smaller(
  fit: Fit,
  { tokens, fill }: Prompt,
  { sent, window, output }: Overflow,
): Fit | undefined {
  if (output) return output < fit.output ? { ...fit, output } : undefined
  if (!sent && !window) {
    const held = Math.min(fit.window, fill)
    return { ...fit, known: true, window: Math.max(1, Math.floor(held * WITHOUT_NUMBERS)) }
  }
  const told = window ?? fit.window
  const smallest = fit.known ? Math.min(told, fit.window) : told
  // a window that is none too small means that the prompt is more than estimated, though nobody says by how much
  const unexplained = !sent && smallest === fit.window ? fit.ratio / WITHOUT_NUMBERS : fit.ratio
  const ratio = Math.max(unexplained, sent ? rounded(sent / tokens.most) : 1)
  return { ...fit, known: true, window: smallest, ratio, said: ratio }
}

/** What a refusal says of the model for later calls. */
export function learntBy({ tokens, fill }: Prompt, told: Overflow, next: Fit | undefined): Learnt {
  const { sent, window, output } = told
  const refused = window ?? (sent || output ? undefined : next?.window)
  // what fills a window that it was to fit has as many tokens at least
  const atLeast = sent ?? (window && fill <= window && fill > window / 2 ? window : undefined)
  return {
    ...(refused ? { refused } : {}),
    ...(output ? { output } : {}),
    ...(atLeast ? { ratio: Math.min(MOST_RATIO, atLeast / tokens.most) } : {}),
  }
}

/** A question, or what can't be left out besides, that no window of this model holds. */
export function tooLong(choice: Choice, mostly: Mostly, said: string): CallFailure {
  const larger = 'a model with a larger context'
  const next: Record<Mostly, string> = {
    question: `shorten the question, or put its long part into a file: hai ask "…" -f FILE keeps its beginning and end; or ask ${larger}`,
    attached: `ask with less attached text, or ${larger}`,
    history: `begin anew: hai ask "…", as hai reply sends what was said before; or ask ${larger}`,
    chat: `shorten the instructions or the question, or have ${larger} answer: hai model ls`,
  }
  return {
    code: 'context_too_long',
    message: `${choice.name}/${choice.model}: ${said}`,
    retryable: false,
    next_step: next[mostly],
  }
}

/** What the server's own count of a prompt teaches, and what is to be said of it. */
export function countTaught(
  fit: Fit,
  { tokens: { least, most } }: Prompt,
  { tokens: { input } }: Answer,
): { notice?: string; ratio?: number; refused?: number } {
  if (input === null) return {}
  if (fit.known && input >= fit.window - 1)
    return {
      notice: `the prompt fills the whole window of ${fit.window} tokens, so the server has cut it without a word, likely at its beginning; ask with less, or give the model a larger window`,
      ratio: Math.min(MOST_RATIO, fit.window / most + 1 / 8),
    }
  if (least >= TELLING_PROMPT && input < least)
    return {
      notice: `the server counted ${input} tokens of a prompt of at least ${least}: it may have cut it without a word; ask with less, or give the model a larger window`,
      // some count only what no cache held; a window is a round number
      ...(input > 0 && input % WINDOWS_STEP === 0 ? { refused: input } : {}),
    }
  if (most < TELLING_PROMPT || input < least || input > most * MOST_RATIO) return {}
  return { ratio: input / most }
}

/** A list is small and valueAt hand, or it is not worth waiting for. */
const ASK_MS = 2000

/** Where servers tell the window of a model that they serve; the least of those that are there holds. */
const FIELDS = [
  ['meta', 'n_ctx'], // llama.cpp
  ['max_model_len'], // vLLM, SGLang
  ['context_length'], // OpenRouter, Together, Fireworks
  ['top_provider', 'context_length'],
  ['context_window'], // Groq
  ['max_context_length'], // Mistral
  ['loaded_context_length'], // LM Studio, whose max_context_length is what the model could have
  ['metadata', 'context_length'], // DeepInfra
]

/**
 * The window in tokens that the server of `choice` names for its model; null when it answers and names none, undefined
 * when it doesn't answer, or is not ready yet.
 */
export async function listedWindow(
  { backend, model }: Choice,
  apiKey: string | undefined,
): Promise<number | null | undefined> {
  const listed = await modelsAt(`${backend.url.replace(/\/+$/, '')}/models`, apiKey)
  if (!listed) return undefined
  const told = windowIn(listed, model)
  if (told !== null || backend.billing !== 'local') return told
  // LM Studio tells it in a list of its own
  const native = await modelsAt(`${new URL(backend.url).origin}/api/v0/models`, apiKey)
  return native ? windowIn(native, model) : null
}

async function modelsAt(url: string, apiKey: string | undefined): Promise<object[] | undefined> {
  try {
    const headers = new Headers(apiKey ? { authorization: `Bearer ${apiKey}` } : {})
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(ASK_MS) })
    const text = await response.text()
    if (response.status >= 500 || response.status === 429) return undefined
    return response.ok ? modelsIn(parsed(text)) : []
  } catch (error) {
    // who is there and too busy for that is not asked valueAt each call; of who isn't there, the call itself will tell
    return error instanceof Error && error.name === 'TimeoutError' ? [] : undefined
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function modelsIn(body: unknown): object[] {
  const list = Array.isArray(body) ? body : (valueAt(body, ['data']) ?? valueAt(body, ['models']))
  return Array.isArray(list) ? list.filter((one) => typeof one === 'object' && one !== null) : []
}

/** Of the model by that name, or of the only one: a server with one answers by whatever name it is asked. */
function windowIn(models: object[], model: string): number | null {
  const called = (one: object) => {
    const aliases = valueAt(one, ['aliases'])
    return valueAt(one, ['id']) === model || (Array.isArray(aliases) && aliases.includes(model))
  }
  const found = models.find(called) ?? (models.length === 1 ? models[0] : undefined)
  const told = FIELDS.map((path) => valueAt(found, path)).filter(
    (value): value is number =>
      typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= MOST_TOKENS,
  )
  return told.length > 0 ? Math.min(...told) : null
}

function valueAt(value: unknown, path: string[]): unknown {
  let found = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Record<string, unknown>)[name]
  }
  return found
}
