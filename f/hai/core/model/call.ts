import {
  APICallError,
  JSONParseError,
  type LanguageModelV3,
  type LanguageModelV3StreamPart,
  type LanguageModelV3Usage,
  TypeValidationError,
} from '@ai-sdk/provider'
import type { Tokens } from '../money/tokens.ts'
import { runClaudeCode } from './claude-code.ts'
import type { Choice, Message } from './config.ts'
import { BrokenCall, type Got, isMissingProgram, rootMessage } from './failure.ts'
import type { Limits } from './limits.ts'
import { surroundings } from './surroundings.ts'

/** Why an answer stopped: `whole` is as the model wanted it, all others leave it less than that. */
export type Ending = 'whole' | 'length' | 'window' | 'content_filter' | 'refusal' | 'repeats' | 'other'

export interface Answer {
  text: string
  tokens: Tokens
  ending: Ending
  /** What is to be said of it once, to whoever asked. */
  notices: string[]
  /** Which model answered, in the server's own words, where those mean another one than was asked. */
  model?: string
  ms: number
  /** What the backend itself says that it cost. */
  usd?: number
}

export interface Call extends Limits {
  choice: Choice
  apiKey: string | undefined
  messages: Message[]
  /** Tokens that the answer may have. */
  maxOutput: number
  signal: AbortSignal
  onText: (text: string) => void
  /** Filled while the answer comes, so that it can be counted whatever ends the call, an abort too. */
  got?: Got
}

/**
 * One streamed model call, never repeated in here: whoever journals it decides. Throws the SDK's errors, `BrokenCall`,
 * or the signal's reason.
 */
export async function callModel(call: Call): Promise<Answer> {
  const started = performance.now()
  const life = new Liveness(call.livenessSeconds, call.signal)
  try {
    const { text, finish } = await read(await streamOf(call, life.signal), life, call)
    if (!finish) throw new BrokenCall('cut', 'the answer broke off in the middle')
    const tokens = tokensOf(finish.usage)
    if (text.trim() === '') throw new BrokenCall('empty_answer', 'the answer was empty', { tokens })
    const ending = finish.reason === 'length' ? 'length' : 'whole'
    const { usd } = finish
    return {
      text,
      tokens,
      ending,
      notices: [],
      ms: Math.round(performance.now() - started),
      ...(usd === undefined ? {} : { usd }),
    }
  } catch (error) {
    call.signal.throwIfAborted()
    throw life.silent ? new BrokenCall('stalled', `no sign of life for ${call.livenessSeconds} s`) : error
  } finally {
    life.end()
  }
}

type Parts = AsyncIterable<LanguageModelV3StreamPart>

async function streamOf(call: Call, signal: AbortSignal): Promise<Parts> {
  const { choice, messages } = call
  if (choice.backend.kind === 'claude-code') {
    const metered = choice.backend.billing === 'metered'
    return runClaudeCode({ model: choice.model, messages, metered, env: surroundings().environment, signal })
  }
  const model = await modelOf(call)
  // raw chunks as well: while a model thinks in silence, pings may be its only sign of life
  const { stream } = await model.doStream({
    prompt: messages,
    abortSignal: signal,
    includeRawChunks: true,
    maxOutputTokens: call.maxOutput,
  })
  return stream as unknown as Parts
}

/** The providers are loaded when first used: a worker that answers from built-ins never pays for them. */
async function modelOf({ choice, apiKey }: Call): Promise<LanguageModelV3> {
  const { kind, url } = choice.backend
  if (kind === 'anthropic') {
    const { createAnthropic } = await import('@ai-sdk/anthropic')
    // given even when there is none: the SDK would take one from the environment, and send it to whatever `url` names
    return createAnthropic({ baseURL: url, apiKey: apiKey ?? '' })(choice.model)
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
  const key = apiKey === undefined ? {} : { apiKey }
  const provider = createOpenAICompatible({ name: choice.name, baseURL: url, includeUsage: true, ...key })
  return provider.chatModel(choice.model)
}

interface Finish {
  reason: string
  usage: LanguageModelV3Usage
  usd: number | undefined
}

async function read(stream: Parts, life: Liveness, { onText, got }: Call) {
  let text = ''
  let finish: Finish | undefined
  try {
    for await (const part of stream) {
      life.sign()
      if (part.type === 'error') throw part.error
      if (got && (part.type === 'text-delta' || part.type === 'reasoning-delta')) got.deltas += 1
      if (part.type === 'text-delta') {
        // PostgreSQL keeps no NUL, and an answer with one could never be stored
        const piece = part.delta.replaceAll('\0', '')
        text += piece
        if (got) got.text = text
        onText(piece)
      }
      if (part.type === 'finish') {
        const told = part.providerMetadata?.cost?.usd
        const usd = typeof told === 'number' ? told : undefined
        finish = { reason: part.finishReason.unified, usage: part.usage, usd }
      }
    }
  } catch (error) {
    throw brokenBy(error)
  }
  // a stream of Anthropic's that just ends is finished by the SDK with reason "other" and no count of anything
  const broken =
    finish?.reason === 'error' ||
    (finish?.reason === 'other' && finish.usage.outputTokens.total === undefined)
  return { text, finish: broken ? undefined : finish }
}

/** What ended an answer that had begun: the backend's own words, a frame that is none, or a broken connection. */
function brokenBy(error: unknown): unknown {
  // the SDK calls a connection that drops in the middle an APICallError as well, with the status 200 it began with
  if (APICallError.isInstance(error) && (error.statusCode ?? 0) >= 400) return error
  if (error instanceof BrokenCall || isMissingProgram(error)) return error
  if (JSONParseError.isInstance(error) || TypeValidationError.isInstance(error))
    return new BrokenCall('garbled', 'sent what is no part of an answer')
  if (error instanceof Error)
    return new BrokenCall('cut', `the answer broke off in the middle (${rootMessage(error)})`)
  const said = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
  return new BrokenCall('backend_error', typeof said === 'string' ? said : JSON.stringify(said))
}

function tokensOf({ inputTokens, outputTokens }: LanguageModelV3Usage): Tokens {
  return {
    input: inputTokens.total ?? null,
    output: outputTokens.total ?? null,
    cache_read: inputTokens.cacheRead ?? null,
    cache_write: inputTokens.cacheWrite ?? null,
    reasoning: outputTokens.reasoning ?? null,
  }
}

/** Ends a call that shows no sign of life; never one that is merely long. */
class Liveness {
  readonly signal: AbortSignal
  silent = false
  #timer: NodeJS.Timeout

  constructor(seconds: number, outer: AbortSignal) {
    const stop = new AbortController()
    this.signal = AbortSignal.any([outer, stop.signal])
    this.#timer = setTimeout(() => {
      this.silent = true
      stop.abort()
    }, seconds * 1000)
  }

  sign(): void {
    this.#timer.refresh()
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
