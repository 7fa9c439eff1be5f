import { APICallError } from '@ai-sdk/provider'
import { MOST_TOKENS } from '../cost/model_call.ts'

/** What a server says of a prompt that is too long for it, in tokens, as far as it does. */
export interface Overflow {
  /** Tokens of the prompt. */
  sent?: number
  /** Tokens that prompt and answer may have together. */
  window?: number
  /** Tokens that an answer may have: only that was too much. */
  output?: number
}

/** Says that no window is too small, only the answer's length. Of several servers. */
const ANSWERS = [
  /max(?:_completion)?_tokens\W+(?:is too large: )?\d+(?: >|\. This model supports at most) (?<output>\d+)(?:,? which is the maximum| completion tokens)/i,
  /`?max_tokens`? must be less than or equal to `?(?<output>\d+)/i,
]

/** In the words of llama.cpp, OpenAI and vLLM, Anthropic, Mistral, LM Studio, OpenRouter, Groq, Gemini and others. */
const NUMBERS = [
  /request \((?<sent>\d+) tokens\) exceeds the available context size \((?<window>\d+)/i,
  /(?<sent>\d+) tokens? > (?<window>\d+) maximum/i,
  /exceed context limit: (?<sent>\d+) \+ \d+ > (?<window>\d+)/i,
  /maximum context length is (?<window>\d+) tokens and your request has (?<sent>\d+) input tokens/i,
  /maximum context length (?:is|of) (?<window>\d+) tokens.{0,60}?requested (?:about |a total of )?\d+ tokens.{0,4}?(?<sent>\d+) (?:tokens )?(?:in the messages|in your prompt|in the prompt|of text input|from the input)/is,
  /maximum context length is (?<window>\d+) tokens.{0,60}?(?:resulted in|requested|contains?) (?:about |at least )?(?<sent>\d+)/is,
  /maximum prompt length is (?<window>\d+) but the request contains (?<sent>\d+)/i,
  /prompt contains (?<sent>\d+) tokens.{0,60}?(?<window>\d+) maximum context length/is,
  /token count (?:of )?\(?(?<sent>\d+)\)? exceeds the maximum number of tokens allowed \(?(?<window>\d+)/i,
  /first (?<sent>\d+) tokens when.{0,80}?context length of only (?<window>\d+)/is,
  /(?:input|prompt)(?: length)? \((?:length )?(?<sent>\d+)(?: tokens)?\).{0,60}?(?:maximum |model's )?(?:context|model) length(?: of)? \(?(?<window>\d+)/is,
  /prompt length (?<sent>\d+) is greater than.{0,20}? (?<window>\d+)/i,
  /must be <= (?<window>\d+)\. Given: (?<sent>\d+) `inputs`/i,
  /must have less than (?<window>\d+) tokens\. Given: (?<sent>\d+)/i,
  /current length is (?<sent>\d+) while limit is (?<window>\d+)/i,
  /cannot exceed (?<window>\d+) - received (?<sent>\d+)/i,
  // of a minute, but a request that is larger than that passes at no other time either
  /request too large.{0,200}?limit (?<window>\d+), requested (?<sent>\d+)/is,
]

/** What is left to be read where nothing is said of the prompt. */
const WINDOW_ONLY =
  /(?:context (?:length|size|window)|maximum length)[^.\d]{0,30}?(?:is|of|only|[:=(]) ?(?<window>\d+)/i

const WORDS = new RegExp(
  [
    'context[ _]?(?:length|window|size|limit)',
    'maximum (?:context|prompt|input) length',
    'exceed_context_size',
    'exceeds the context',
    'string_above_max_length',
    '(?:prompt|input|request|messages?) (?:is|are)? ?too (?:long|large)',
    'too many (?:input )?tokens',
    'reduce the length of',
    'number of tokens to keep from the initial prompt',
  ].join('|'),
  'i',
)

/** A refusal is short; what is longer is a page or a dump. */
const LONGEST_WORDS = 8000
/** Statuses of what is wrong with a caller or a backend; their words may tell of a context all the same. */
const OTHER_TROUBLE = new Set([401, 402, 403, 404])

/** What `error` says of a window that was exceeded; undefined when it tells of something else. */
export function overflowOf(error: unknown): Overflow | undefined {
  if (!(error instanceof Error)) return undefined
  const status = APICallError.isInstance(error) ? (error.statusCode ?? 0) : 0
  if (OTHER_TROUBLE.has(status)) return undefined
  const body = APICallError.isInstance(error) ? (error.responseBody ?? '') : ''
  // thousands may be told with commas
  const said = `${error.message}\n${body}`
    .slice(0, LONGEST_WORDS)
    .replace(/(?<=\d),(?=\d{3}(?!\d))/g, '')
    // no count is so long, and many a pattern begins with one
    .replace(/\d{16,}/g, '')
  const answer = numbersIn(said, ANSWERS)
  if (answer) return answer
  if (status === 429 && !/request too large/i.test(said)) return undefined
  const fields = { sent: fieldIn(said, 'n_prompt_tokens'), window: fieldIn(said, 'n_ctx') }
  if (fields.sent && fields.window) return { sent: fields.sent, window: fields.window }
  const both = numbersIn(said, NUMBERS)
  if (both) return both
  if (status !== 413 && !WORDS.test(said)) return undefined
  return numbersIn(said, [WINDOW_ONLY]) ?? {}
}

function numbersIn(said: string, patterns: RegExp[]): Overflow | undefined {
  for (const pattern of patterns) {
    const { groups } = pattern.exec(said) ?? {}
    if (!groups) continue
    const numbers = Object.entries(groups).map(([name, digits]) => [name, Number(digits)] as const)
    return Object.fromEntries(numbers.filter(([, number]) => number > 0 && number <= MOST_TOKENS))
  }
  return undefined
}

const fieldIn = (said: string, name: string) => Number(new RegExp(`"${name}":\\s*(\\d+)`).exec(said)?.[1])
