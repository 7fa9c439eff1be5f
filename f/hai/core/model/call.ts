import { APICallError, type LanguageModelV3, type LanguageModelV3StreamPart } from '@ai-sdk/provider'
import type { Choice, Message } from '../base/backends.ts'
import { workerEnvironment } from '../base/environment.ts'
import { networkReason } from '../base/network.ts'
import { storable } from '../base/text.ts'
import type { Spent, Tokens } from '../cost/model_call.ts'
import { inAnthropicForm, inOpenAiForm, type Wanted } from './answer_form.ts'
import { askClaudeCode } from './claude_prompt.ts'
import { anthropic, openai } from './dialects.ts'
import { atLeast, BrokenCall, type Got, isMissingProgram } from './failure.ts'
import { Heard, type Left, withoutThoughts } from './heard.ts'
import { isSameModel, Reply, type Said } from './reply.ts'
import { type Shape, shaped } from './shaping.ts'
import { type Limits, Watchdog } from './watchdog.ts'
import { understanding } from './wire.ts'

/** Why an answer stopped: `whole` is as the model wanted it, all others leave it less than that. */
export type Ending = 'whole' | 'length' | 'window' | 'content_filter' | 'refusal' | 'repeats' | 'other'

export interface Answer extends Pick<Spent, 'tokens' | 'ended' | 'at_least'> {
  text: string
  ending: Ending
  /** It might have no more tokens than its asker wanted. */
  asked_length?: boolean
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
  /** What a chat asks of it besides. */
  wanted?: Wanted
  signal: AbortSignal
  onText: (text: string) => void
  /** Filled while the answer comes, so that it can be counted whatever ends the call, an abort too. */
  got?: Got
}

/**
 * One streamed model call, never repeated in here: whoever journals it decides. The end of an answer is what its server
 * says is the end, and what has come until then is the answer, whatever its numbers and characters are. Throws the
 * SDK's errors, `BrokenCall`, or the signal's reason.
 */
export async function callModel(call: Call): Promise<Answer> {
  const started = performance.now()
  const got = call.got ?? { text: '', deltas: 0 }
  const watchdog = new Watchdog(call, call.signal)
  const reply = new Reply()
  const shape = shapeOf(call)
  const heard = new Heard({ ...call, shape }, got)
  try {
    const left = await heard.all(said(call, reply, watchdog))
    if (left) watchdog.stop()
    const heardOf = { reply, heard, shape, left, ending: left ? LEFT[left] : endOf(reply) }
    return { ...answered(call, heardOf), ms: Math.round(performance.now() - started) }
  } catch (error) {
    call.signal.throwIfAborted()
    got.tokens = reply.tokens
    throw brokenBy(watchdog.bite ?? reply.error ?? error, got)
  } finally {
    watchdog.end()
  }
}

const NOTHING: Wanted = { answer: {} }

/** What is seen to here, as far as its server may not do it, or do it otherwise. */
function shapeOf({ choice, wanted = NOTHING }: Call): Shape {
  const { begun, answer } = wanted
  const { kind } = choice.backend
  return {
    begun,
    trimmed: kind !== 'openai-compatible',
    stop: answer.stop,
    // it takes no limit, and calls it an error where one in its environment is met
    ...(kind === 'claude-code' ? { most: answer.max_tokens } : {}),
  }
}

const LEFT: Record<Left, Ending> = { repeats: 'repeats', stop: 'whole', length: 'length' }

/** What a backend says, piece by piece; all else that comes is in `reply`. */
async function* said(call: Call, reply: Reply, watchdog: Watchdog): AsyncGenerator<Said> {
  const { choice, messages, wanted } = call
  const { signal, sign } = watchdog
  if (choice.backend.kind === 'claude-code') {
    const metered = choice.backend.billing === 'metered'
    const env = workerEnvironment().environment
    const instructed = (wanted?.instructions ?? '').trim() !== ''
    yield* askClaudeCode({ model: choice.model, messages, instructed, metered, env, signal, sign, reply })
    return
  }
  const model = await modelOf(call, reply, sign)
  const { stream } = await model.doStream({
    prompt: messages,
    abortSignal: signal,
    maxOutputTokens: call.maxOutput,
    ...(choice.backend.kind === 'anthropic' ? inAnthropicForm(call.wanted ?? NOTHING) : {}),
  })
  for await (const part of stream as unknown as AsyncIterable<LanguageModelV3StreamPart>) {
    // that it misses an end is seen below, and what is wrong was understood before
    if (part.type === 'error' && reply.end !== undefined) throw part.error
    if (part.type === 'text-delta') yield { text: part.delta }
    if (part.type === 'reasoning-delta') yield { thought: part.delta }
  }
  if (reply.error) throw reply.error
}

/** The providers are loaded when first used: a worker that answers from built-ins never pays for them. */
async function modelOf(
  { choice, apiKey, wanted = NOTHING }: Call,
  reply: Reply,
  sign: () => void,
): Promise<LanguageModelV3> {
  const { kind, url } = choice.backend
  if (kind === 'anthropic') {
    const { createAnthropic } = await import('@ai-sdk/anthropic')
    const fetch = understanding({ dialect: anthropic, reply, sign })
    // given even when there is none: the SDK would take one from the environment, and send it to whatever `url` names
    return createAnthropic({ baseURL: url, apiKey: apiKey ?? '', fetch })(choice.model)
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
  const fetch = understanding({ dialect: openai, reply, sign })
  const key = apiKey === undefined ? {} : { apiKey }
  const provider = createOpenAICompatible({
    name: choice.name,
    baseURL: url,
    includeUsage: true,
    fetch,
    // the SDK would give a schema another name, and know no form but its own
    transformRequestBody: (body) => ({ ...body, ...inOpenAiForm(wanted) }),
    ...key,
  })
  return provider.chatModel(choice.model)
}

/** Reasons to stop by all their names; what is none of these is `other`. */
const ENDINGS: [RegExp, Ending][] = [
  [/^(stop|stop_sequence|end_turn|end|eos|eos_token|eos_found|complete|completed|done|finished?)$/i, 'whole'],
  [/^(length|max_tokens|max_output_tokens|max_completion_tokens|model_length|max_length)$/i, 'length'],
  [/context/i, 'window'],
  [
    /^(content.?filter(ed)?|safety|recitation|blocklist|prohibited_content|spii|sensitive|moderation|language)$/i,
    'content_filter',
  ],
  [/^(refusal|refused)$/i, 'refusal'],
]

function endOf({ end, refused, broken, words }: Reply): Ending {
  if (end === undefined) {
    if (broken > 0)
      throw new BrokenCall('garbled', `sent what is no part of an answer, and no end of it${quoted(words)}`)
    throw new BrokenCall('cut', `the answer broke off in the middle${quoted(words)}`)
  }
  if (end === 'error') throw new BrokenCall('backend_error', `ended the answer with an error${quoted(words)}`)
  const known = ENDINGS.find(([pattern]) => pattern.test(end))?.[1] ?? 'other'
  return refused && known === 'whole' ? 'refusal' : known
}

const quoted = (words: string) => (words === '' ? '' : ` (${words.slice(0, 200)})`)

interface HeardOf {
  reply: Reply
  heard: Heard
  shape: Shape
  left: Left | undefined
  ending: Ending
}

function answered(call: Call, { reply, heard, shape, left, ending }: HeardOf): Omit<Answer, 'ms'> {
  const { choice } = call
  const text = told(heard.end(), reply, shape)
  const tokens = reply.sane(text !== '' && !left)
  if (text.trim() === '' && !mayBeEmpty(call, ending, reply)) throw emptyBy(reply, heard, ending, tokens)
  // who is left in the middle has not told what the whole is
  const spent = left ? { ...atLeast({ ...heard.got, tokens }), ended: 'stopped' as const } : { tokens }
  const { name } = choice
  const notices = [reply.oddity(name)]
  if (reply.broken > 0)
    notices.push(
      `${name} sent ${reply.broken === 1 ? 'a part' : `${reply.broken} parts`} that could not be read: some of the answer may be missing`,
    )
  const wantsTool = reply.tool !== undefined || /^(tool_calls?|tool_use|function_call)$/.test(reply.end ?? '')
  if (wantsTool) notices.push(`the model asked for ${toolOf(reply)}, which nobody offered it`)
  else if (ending === 'other')
    notices.push(
      reply.end
        ? `${name} ended the answer with “${storable(reply.end.slice(0, 80))}”`
        : `${name} did not say why the answer ends`,
    )
  const model = reply.model && storable(reply.model.slice(0, 150))
  const other = model && !isSameModel(choice.model, model) ? model : undefined
  if (other) notices.push(`${other} answered, though ${name} was asked for ${choice.model}`)
  const named = other ?? (choice.model === 'default' ? model : undefined)
  return {
    text,
    ...spent,
    ending,
    notices: notices.filter((notice) => notice !== undefined),
    ...(named ? { model: named } : {}),
    ...(reply.usd === undefined ? {} : { usd: reply.usd }),
  }
}

/** What the backend says the whole is, where it does: pieces are for showing. */
const told = (text: string, { whole }: Reply, shape: Shape): string =>
  whole === undefined ? text : shaped(withoutThoughts(storable(whole)), shape)

/** Whether whoever asked may have left no room for a word: it ended where it was to end, or had all that it was given. */
function mayBeEmpty({ wanted = NOTHING, maxOutput }: Call, ending: Ending, { tool }: Reply): boolean {
  const { begun, answer } = wanted
  if (ending === 'length') return answer.max_tokens === maxOutput
  return ending === 'whole' && tool === undefined && (begun !== undefined || answer.stop !== undefined)
}

const toolOf = ({ tool }: Reply) => (tool ? `the tool ${storable(tool.slice(0, 80))}` : 'a tool')

/** Why there is no text: asked again, some would say the same. */
function emptyBy(reply: Reply, heard: Heard, ending: Ending, tokens: Tokens): BrokenCall {
  if (reply.tool !== undefined)
    return new BrokenCall(
      'tool_call',
      `asked for ${toolOf(reply)} and said nothing, though no tool was offered`,
      { tokens },
    )
  if (ending === 'length' || ending === 'window')
    return new BrokenCall('no_room', 'the model thought until it might write no more, and said nothing', {
      tokens,
    })
  if (ending === 'content_filter' || ending === 'refusal')
    return new BrokenCall('refused', `the answer was withheld (${reply.end || 'refusal'})`, { tokens })
  if (ending === 'repeats')
    return new BrokenCall('empty_answer', 'the model repeated the same thought and said nothing')
  const words = heard.onlyThought ? 'the model thought and said nothing' : 'the answer was empty'
  return new BrokenCall('empty_answer', words, { tokens })
}

/** What ended an answer that had begun: the backend's own words, or a broken connection. */
function brokenBy(error: unknown, got: Got): unknown {
  if (error instanceof BrokenCall) {
    error.got = got
    return error
  }
  // the SDK calls a connection that drops in the middle an APICallError as well, with the status 200 it began with
  if (APICallError.isInstance(error) && error.statusCode !== 200) return error
  if (isMissingProgram(error) || (got.deltas === 0 && !APICallError.isInstance(error))) return error
  const broken = new BrokenCall('cut', `the answer broke off in the middle (${networkReason(error)})`)
  broken.got = got
  return broken
}
