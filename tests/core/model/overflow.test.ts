import { APICallError } from '@ai-sdk/provider'
import { describe, expect, it } from 'vitest'
import { BrokenCall } from '../../../f/hai/core/model/failure.ts'
import { overflowOf } from '../../../f/hai/core/model/overflow.ts'
import { cpuOf, slowness } from '../../support/growth.ts'

const refusal = (statusCode: number, message: string, body: object | string = { error: { message } }) =>
  new APICallError({
    ...{ message, statusCode, url: 'http://x', requestBodyValues: {} },
    responseBody: typeof body === 'string' ? body : JSON.stringify(body),
  })

/** What servers say when a prompt is too long for them, and the numbers in it. */
const TOO_LONG: [string, string, { sent?: number; window?: number }][] = [
  [
    'llama.cpp',
    'request (5679 tokens) exceeds the available context size (2048 tokens), try increasing it',
    { sent: 5679, window: 2048 },
  ],
  [
    'an older llama.cpp',
    'the request exceeds the available context size. try increasing the context size or enable context shift',
    {},
  ],
  [
    'OpenAI',
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9102 tokens. Please reduce the length of the messages.",
    { sent: 9102, window: 8192 },
  ],
  [
    'OpenAI with an answer',
    "This model's maximum context length is 4097 tokens. However, you requested 4500 tokens (3500 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
    { sent: 3500, window: 4097 },
  ],
  [
    'OpenAI without numbers',
    'Your input exceeds the context window of this model. Please adjust your input and try again.',
    {},
  ],
  [
    'vLLM',
    "This model's maximum context length is 4096 tokens. However, you requested 5100 tokens (4600 in the messages, 500 in the completion). Please reduce the length of the messages or completion.",
    { sent: 4600, window: 4096 },
  ],
  [
    'a newer vLLM',
    "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 4096 tokens and your request has 3000 input tokens (8192 > 4096 - 3000).",
    { sent: 3000, window: 4096 },
  ],
  [
    'vLLM about a prompt',
    'The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller than the number of text tokens.',
    { sent: 5000, window: 4096 },
  ],
  [
    'SGLang',
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    { sent: 5000, window: 4096 },
  ],
  [
    'SGLang about the whole',
    "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 tokens: 4500 tokens from the input messages and 500 tokens for the completion.",
    { sent: 4500, window: 4096 },
  ],
  ['Anthropic', 'prompt is too long: 215000 tokens > 200000 maximum', { sent: 215_000, window: 200_000 }],
  [
    'Anthropic with an answer',
    'input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again',
    { sent: 188_240, window: 200_000 },
  ],
  [
    'LM Studio',
    'Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input',
    { sent: 5000, window: 4096 },
  ],
  [
    'LM Studio without numbers',
    'The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input',
    {},
  ],
  [
    'OpenRouter',
    'This endpoint\'s maximum context length is 131072 tokens. However, you requested about 200000 tokens (190000 of text input, 10000 in the output). Please reduce the length of either one, or use the "middle-out" transform to compress your prompt automatically.',
    { sent: 190_000, window: 131_072 },
  ],
  [
    'Mistral',
    'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    { sent: 40_000, window: 32_768 },
  ],
  [
    'Groq',
    'Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192',
    { sent: 9000, window: 8192 },
  ],
  ['Groq without numbers', 'Please reduce the length of the messages or completion.', {}],
  [
    'xAI',
    "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
    { sent: 200_000, window: 131_072 },
  ],
  [
    'Gemini',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    { sent: 1_200_000, window: 1_048_576 },
  ],
  [
    'TGI',
    'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens and 512 `max_new_tokens`',
    { sent: 5000, window: 4097 },
  ],
  [
    'Cohere',
    'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000. Try using a shorter prompt',
    { sent: 5000, window: 4081 },
  ],
  ['Ollama', 'the input length exceeds the context length', {}],
  ['Ollama about a prompt', 'prompt too long; exceeded max context length by 123 tokens', {}],
  ['Bedrock', 'Input is too long for requested model.', {}],
  ['Claude Code', 'Prompt is too long', {}],
  [
    'somebody who writes thousands with commas',
    'prompt is too long: 215,000 tokens > 200,000 maximum',
    { sent: 215_000, window: 200_000 },
  ],
]

describe('a refusal of a prompt that is too long', () => {
  it.each(TOO_LONG)('is known in the words of %s, with its numbers', (_, said, numbers) => {
    expect(overflowOf(refusal(400, said))).toEqual(numbers)
    // with the status 200 that the stream began with
    expect(overflowOf(new BrokenCall('backend_error', said))).toEqual(numbers)
    expect(overflowOf(refusal(500, 'Internal Server Error', { error: said }))).toEqual(numbers)
  })

  it('is known by the fields of llama.cpp, and by its status, whatever is said', () => {
    const fields = { error: { code: 400, message: 'nein', n_prompt_tokens: 5679, n_ctx: 2048 } }
    expect(overflowOf(refusal(400, 'nein', fields))).toEqual({ sent: 5679, window: 2048 })
    expect(overflowOf(refusal(413, 'Payload Too Large', ''))).toEqual({})
  })

  it('is told from a rate limit by whether waiting would help', () => {
    const tooLarge =
      'Request too large for model `x` in organization `o` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.'
    expect(overflowOf(refusal(413, tooLarge))).toEqual({ sent: 9000, window: 6000 })
    expect(overflowOf(refusal(429, tooLarge))).toEqual({ sent: 9000, window: 6000 })
    const often =
      'Rate limit reached on tokens per minute (TPM): Limit 6000, Used 5000, Requested 2000. Try again in 7s.'
    expect(overflowOf(refusal(429, often))).toBeUndefined()
  })

  it.each([
    'max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you provided 8192.',
    'max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for claude-fake',
    '`max_tokens` must be less than or equal to `4096`, the maximum value for `max_tokens` is less than the `context_window` for this model',
  ])('is told from an answer that may not be as long: %s', (said) => {
    expect(overflowOf(refusal(400, said))).toEqual({ output: 4096 })
  })

  it.each([
    [401, 'Incorrect API key provided'],
    [404, 'model "nope" not found, try pulling it first'],
    [400, 'messages: at least one message is required'],
    [403, 'your plan has a context length of 4096'],
    [500, 'model requires more system memory (8.0 GiB) than is available (5.5 GiB)'],
    [503, 'Loading model'],
  ])('is not seen in others: %i %s', (status, said) => {
    expect(overflowOf(refusal(status, said))).toBeUndefined()
  })

  it('takes no number that no window has, and no time for a page', () => {
    expect(overflowOf(refusal(400, 'prompt is too long: 99999999999999999 tokens > 0 maximum'))).toEqual({})
    const look = (times: number) =>
      overflowOf(refusal(400, 'x', `maximum context length is 1 tokens ${'requested '.repeat(times)}`))
    expect(cpuOf(() => look(200_000))).toBeLessThan(200 * slowness())
  })
})
