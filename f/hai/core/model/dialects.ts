import { UNCOUNTED } from '../cost/model_call.ts'
import { field } from './frames.ts'
import type { Reply, Said } from './reply.ts'

/** A protocol: what a server's documents say, and how the SDK wants to hear it. */
export interface Dialect {
  /** One document of a stream. What is unknown says nothing. */
  read(document: unknown, reply: Reply): Said[]
  /** A whole answer where a stream was asked; undefined when it is none. */
  readWhole(document: unknown, reply: Reply): Said[] | undefined
  begin: string
  write(said: Said): string
  end: string
}

const data = (document: unknown) => `data: ${JSON.stringify(document)}\n\n`
const text = (value: unknown): value is string => typeof value === 'string' && value !== ''
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** OpenAI's, as many servers speak it more or less. */
export const openai: Dialect = {
  read(document, reply) {
    told(document, reply)
    const choice = choiceOf(document)
    const end = field(choice, 'finish_reason')
    if (text(end) && end !== 'null') reply.end = end
    // some close a stream with the whole message once more
    const message = field(choice, 'delta') ?? (reply.began ? undefined : field(choice, 'message'))
    return spoken(message ?? {}, reply, reply.began ? undefined : field(choice, 'text'))
  },

  readWhole(document, reply) {
    const choice = choiceOf(document)
    if (choice === undefined) return undefined
    told(document, reply)
    const end = field(choice, 'finish_reason')
    reply.end = text(end) ? end : ''
    reply.over = true
    return spoken(field(choice, 'message') ?? field(choice, 'delta') ?? {}, reply, field(choice, 'text'))
  },

  begin: '',
  write: (said) =>
    data({
      choices: [
        { index: 0, delta: 'text' in said ? { content: said.text } : { reasoning_content: said.thought } },
      ],
    }),
  end: `${data({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`,
}

function choiceOf(document: unknown): unknown {
  const choices = list(field(document, 'choices'))
  return choices.find((one) => Number(field(one, 'index') ?? 0) === 0)
}

function told(document: unknown, reply: Reply): void {
  const model = field(document, 'model')
  if (text(model)) reply.model = model
  const usage = countsIn(field(document, 'usage') ?? field(field(document, 'x_groq'), 'usage'), reply)
  if (!usage) return
  countOpenAi(usage, reply)
  // counts by themselves are the last word where no reason to stop is told
  if (reply.began && list(field(document, 'choices')).length === 0) reply.end ??= ''
}

/** An object of counts; what is told in its place and is none is remembered as odd. */
function countsIn(usage: unknown, reply: Reply): object | undefined {
  if (typeof usage === 'object' && usage !== null && !Array.isArray(usage)) return usage
  // a number alone counts nothing that could be named
  reply.count('usage', typeof usage === 'number' ? String(usage) : usage)
  return undefined
}

function countOpenAi(usage: object, reply: Reply): void {
  const count = (...path: string[]) => {
    const value = path.reduce<unknown>(field, usage)
    return reply.count(path.at(-1)!, value)
  }
  const input = count('prompt_tokens') ?? count('input_tokens')
  const said = count('completion_tokens') ?? count('output_tokens')
  const reasoning = count('completion_tokens_details', 'reasoning_tokens')
  const total = count('total_tokens')
  // some count thoughts beside what was said, and not as a part of it
  const beside =
    reasoning !== null && said !== null && total === (input ?? 0) + said + reasoning && reasoning > 0
  reply.tokens = {
    input,
    output: beside ? said + reasoning : said,
    cache_read: count('prompt_tokens_details', 'cached_tokens') ?? count('prompt_cache_hit_tokens'),
    cache_write: null,
    reasoning,
  }
}

/** What a message, or a piece of one, says. */
function spoken(message: unknown, reply: Reply, bare: unknown): Said[] {
  const said: Said[] = []
  const thought = field(message, 'reasoning_content') ?? field(message, 'reasoning')
  if (text(thought)) said.push({ thought })
  said.push(...contentOf(field(message, 'content') ?? bare))
  const refusal = field(message, 'refusal')
  if (text(refusal)) {
    reply.refused = true
    said.push({ text: refusal })
  }
  const call = list(field(message, 'tool_calls'))[0] ?? field(message, 'function_call')
  if (call) {
    const name = field(field(call, 'function') ?? call, 'name')
    reply.tool = text(name) ? name : (reply.tool ?? '')
  }
  reply.began ||= said.length > 0
  return said
}

/** Content is a text, or parts of which some may be thoughts. */
function contentOf(content: unknown): Said[] {
  if (text(content)) return [{ text: content }]
  const parts = Array.isArray(content)
    ? content
    : typeof content === 'object' && content !== null
      ? [content]
      : []
  return parts.flatMap((part): Said[] => {
    if (text(part)) return [{ text: part }]
    const inner = field(part, 'text') ?? field(part, 'thinking') ?? field(part, 'reasoning')
    const words = text(inner)
      ? inner
      : contentOf(inner)
          .map((one) => ('text' in one ? one.text : ''))
          .join('')
    if (words === '') return []
    return /think|reason/.test(String(field(part, 'type'))) ? [{ thought: words }] : [{ text: words }]
  })
}

/** Anthropic's. Blocks and events that are none of a text or a thought are skipped, as its documentation asks. */
export const anthropic: Dialect = {
  read(document, reply) {
    const type = field(document, 'type')
    if (type === 'message_start') {
      const message = field(document, 'message')
      const model = field(message, 'model')
      if (text(model)) reply.model = model
      countAnthropic(field(message, 'usage'), reply, false)
    } else if (type === 'message_delta') {
      const end = field(field(document, 'delta'), 'stop_reason')
      if (text(end)) reply.end = end
      countAnthropic(field(document, 'usage'), reply, true)
    } else if (type === 'message_stop') {
      reply.over = true
    } else if (type === 'content_block_start') {
      return block(field(document, 'content_block'), reply)
    } else if (type === 'content_block_delta') {
      return block(field(document, 'delta'), reply)
    }
    return []
  },

  readWhole(document, reply) {
    if (!Array.isArray(field(document, 'content'))) return undefined
    const model = field(document, 'model')
    if (text(model)) reply.model = model
    countAnthropic(field(document, 'usage'), reply, true)
    const end = field(document, 'stop_reason')
    reply.end = text(end) ? end : ''
    reply.over = true
    return list(field(document, 'content')).flatMap((one) => block(one, reply))
  },

  begin: data({ type: 'message_start', message: { usage: { input_tokens: 0 } } }),
  write: (said) =>
    data({
      type: 'content_block_delta',
      index: 0,
      delta:
        'text' in said
          ? { type: 'text_delta', text: said.text }
          : { type: 'thinking_delta', thinking: said.thought },
    }),
  end:
    data({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 0 } }) +
    data({ type: 'message_stop' }),
}

/** A block of a message, its beginning, or more of it. */
function block(part: unknown, reply: Reply): Said[] {
  const type = String(field(part, 'type'))
  const words = field(part, 'text')
  const thought = field(part, 'thinking')
  if (type === 'tool_use' && reply.tool === undefined) reply.tool = String(field(part, 'name') ?? '')
  if (/^text(_delta)?$/.test(type) && text(words)) return [{ text: words }]
  return /^thinking(_delta)?$/.test(type) && text(thought) ? [{ thought }] : []
}

/** Its first count of what is said is none yet: that stands in the last one. */
function countAnthropic(told: unknown, reply: Reply, last: boolean): void {
  const usage = countsIn(told, reply)
  if (!usage) return
  const count = (name: string) => reply.count(name, field(usage, name))
  const before = reply.tokens
  const plain = count('input_tokens')
  const read = count('cache_read_input_tokens') ?? before.cache_read
  const write = count('cache_creation_input_tokens') ?? before.cache_write
  const anHour =
    reply.count(
      'ephemeral_1h_input_tokens',
      field(field(usage, 'cache_creation'), 'ephemeral_1h_input_tokens'),
    ) ?? before.cache_write_1h
  reply.tokens = {
    ...UNCOUNTED,
    input: plain === null ? before.input : plain + (read ?? 0) + (write ?? 0),
    output: last ? count('output_tokens') : null,
    cache_read: read,
    cache_write: write,
    ...(anHour ? { cache_write_1h: anHour } : {}),
    reasoning: reply.count(
      'thinking_tokens',
      field(field(usage, 'output_tokens_details'), 'thinking_tokens'),
    ),
  }
}
