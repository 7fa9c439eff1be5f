import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { storable } from '../../../f/hai/core/base/text.ts'
import { type Answer, callModel } from '../../../f/hai/core/model/call.ts'
import { classify, tokensOfFailure } from '../../../f/hai/core/model/failure.ts'
import fc from '../../support/fast-check.ts'
import {
  anyStream,
  COUNTS,
  content,
  DONE,
  data,
  delta,
  finish,
  stream,
  usage,
} from '../../support/models/openai-frames.ts'
import { type Raw, type RawServer, rawServer } from '../../support/models/raw.ts'
import { aChoice } from './answering.ts'

let server: RawServer
beforeAll(async () => {
  server = await rawServer()
})
afterAll(() => server.stop())

type Kind = 'openai-compatible' | 'anthropic'

async function ask(answer: Raw | string, kind: Kind = 'openai-compatible', model?: string) {
  server.next(typeof answer === 'string' ? { chunks: [answer] } : answer)
  const choice = aChoice(server.url, { kind })
  if (model) choice.model = model
  const shown: string[] = []
  const before = server.asked.length
  const outcome = await callModel({
    choice,
    apiKey: 'sk-fake',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'why?' }] }],
    maxOutput: 100,
    firstByteSeconds: 10,
    livenessSeconds: 10,
    signal: new AbortController().signal,
    onText: (text) => shown.push(text),
  }).then(
    (answer) => ({ answer, error: undefined }),
    (error: unknown) => ({ answer: undefined, error }),
  )
  expect(server.asked.length - before).toBe(1)
  return { ...outcome, choice, shown: shown.join('') }
}

async function answerOf(answer: Raw | string, kind?: Kind, model?: string): Promise<Answer> {
  const { answer: given, error } = await ask(answer, kind, model)
  if (!given) throw error
  return given
}

async function failureOf(answer: Raw | string, kind?: Kind) {
  const { error, choice } = await ask(answer, kind)
  expect(error).toBeDefined()
  return { ...classify(error, choice), tokens: tokensOfFailure(error) }
}

const FINE = { text: 'fine', ending: 'whole', tokens: { input: 11, output: 7 }, notices: [] }

describe('what is no part of an answer is passed over', () => {
  it.each([
    [
      'an event with a name of its own',
      stream(content('fi'), 'event: tool.progress\ndata: {"tool":"search"}\n\n', content('ne')),
    ],
    [
      'an event that keeps the connection',
      `event: keepalive\ndata: {"type":"keepalive","sequence_number":5}\n\n${stream(content('fine'))}`,
    ],
    ['data with nothing', `data:\n\n${stream(content('fi'), 'data: \n\n', content('ne'))}`],
    ['comments', `: hello\n\n${stream(content('fi'), ':\n\n:ping\n', content('ne'))}`],
    ['fields that nobody knows', `id: 5\nretry: 3000\nfoo: bar\n${stream(content('fine'))}`],
    ['a mark at the beginning', `\ufeff${stream(content('fine'))}`],
    ['other line ends', stream(content('fine')).replaceAll('\n', '\r\n')],
    ['the oldest line ends', stream(content('fine')).replaceAll('\n', '\r')],
    ['no space after the colon', stream(content('fine')).replaceAll('data: ', 'data:')],
    ['no empty line between events', stream(content('fi'), content('ne')).replaceAll('\n\n', '\n')],
    ['the name of the field twice', stream(content('fine')).replaceAll('data: ', 'data: data: ')],
    ['a number as text', stream(content('fine')).replaceAll('"index":0', '"index":"0"')],
    [
      'an error of nothing in each piece',
      stream(content('fine')).replaceAll('"choices"', '"error":{"code":null,"message":null},"choices"'),
    ],
    [
      'counts in the place of one server',
      content('fine') + data({ x_groq: { usage: COUNTS } }) + finish('stop') + DONE,
    ],
    ['no empty line at the end', stream(content('fine')).trimEnd()],
    ['no last word', content('fine') + finish('stop') + usage(COUNTS)],
    [
      'a last word before the counts are over',
      content('fine') + finish('stop') + usage(COUNTS) + DONE + content('!'),
    ],
    ['a second reason to stop', content('fine') + finish('stop') + finish('stop') + usage(COUNTS) + DONE],
    ['an empty reason to stop in each piece', stream(delta({ content: 'fine' }, ''))],
    [
      'pieces of nothing',
      stream(delta({ role: 'assistant', content: null }), content(''), content('fine'), delta({})),
    ],
    [
      'no choices',
      stream(data({ choices: [] }), data({ id: 'x' }), data({ choices: null }), content('fine')),
    ],
    [
      'another choice',
      stream(content('fine'), data({ choices: [{ index: 1, delta: { content: 'other' } }] })),
    ],
    ['a role that is none', stream(delta({ role: 'model', content: 'fine' }))],
    [
      'counts in each piece',
      content('fine').replace('"choices"', '"usage":{"prompt_tokens":11,"completion_tokens":1},"choices"') +
        finish('stop') +
        usage(COUNTS) +
        DONE,
    ],
    ['no counts at first', stream(data({ choices: [], usage: null }), content('fine'))],
    [
      'content in parts',
      stream(
        content([
          { type: 'text', text: 'fi' },
          { type: 'text', text: 'ne' },
        ]),
      ),
    ],
    [
      'a number that JSON does not know',
      stream(content('fine').replace('"index":0', '"index":0,"logprob":NaN')),
    ],
    [
      'the whole once more at the end',
      `${content('fine')}${data({ choices: [{ index: 0, message: { content: 'fine' }, finish_reason: 'stop' }] })}${usage(COUNTS)}${DONE}`,
    ],
    ['documents without a stream around them', stream(content('fine')).replaceAll('data: ', '')],
  ])('%s', async (_, given) => {
    expect(await answerOf(given)).toMatchObject(FINE)
  })

  it('is said to be missing when it can’t be read', async () => {
    const answer = await answerOf(stream(content('fi'), 'data: {"choices":[{"del\n\n', content('ne')))
    expect(answer).toMatchObject({ text: 'fine', tokens: { output: 7 } })
    expect(answer.notices).toEqual([expect.stringContaining('some of the answer may be missing')])
  })

  it('a tab in a string is a tab', async () => {
    expect((await answerOf(stream(content('a\tb').replace('\\t', '\t')))).text).toBe('a\tb')
  })
})

describe('the end is what a server says is the end', () => {
  it('is not the end of its connection', async () => {
    const took = async () => {
      const begun = performance.now()
      expect(await answerOf({ chunks: [stream(content('fine'))], ending: 'hang' })).toMatchObject(FINE)
      return performance.now() - begun
    }
    // the grace of an end that is not said is longer, however often one tries
    await expect.poll(took).toBeLessThan(1000)
  })

  it('without a last word, after a short grace', async () => {
    const chunks = [content('fine') + finish('stop') + usage(COUNTS)]
    expect(await answerOf({ chunks, ending: 'hang' })).toMatchObject(FINE)
  })

  it('whatever breaks after it', async () => {
    const chunks = [content('fine') + finish('stop') + usage(COUNTS)]
    expect(await answerOf({ chunks, ending: 'drop', pauseMs: 20 })).toMatchObject(FINE)
    const late = data({ error: { message: 'too late', code: 500 } })
    expect(await answerOf(content('fine') + finish('stop') + usage(COUNTS) + late)).toMatchObject(FINE)
  })

  it('is missing where none is said: the answer is kept, and that is said', async () => {
    const answer = await answerOf(content('fine') + DONE)
    expect(answer).toMatchObject({
      text: 'fine',
      ending: 'other',
      notices: ['openai did not say why the answer ends'],
    })
  })

  it.each([
    ['stop', 'whole'],
    ['eos', 'whole'],
    ['length', 'length'],
    ['max_tokens', 'length'],
    ['content_filter', 'content_filter'],
    ['SAFETY', 'content_filter'],
    ['model_context_window_exceeded', 'window'],
    ['refusal', 'refusal'],
    ['abort', 'other'],
    ['insufficient_system_resource', 'other'],
  ] as const)('%s is named %s', async (reason, ending) => {
    const answer = await answerOf(content('I started') + finish(reason) + usage(COUNTS) + DONE)
    expect(answer).toMatchObject({ text: 'I started', ending, tokens: { input: 11 } })
    if (ending === 'other') expect(answer.notices.join()).toContain(reason)
    else expect(answer.notices).toEqual([])
  })

  it('a refusal is what was said, once', async () => {
    expect(
      await answerOf(stream(delta({ content: null, refusal: 'I cannot help with that.' }))),
    ).toMatchObject({
      ...{ text: 'I cannot help with that.', ending: 'refusal' },
    })
  })

  it('a tool that nobody offered is said once, and asking again would not help', async () => {
    const call = delta({
      tool_calls: [{ index: 0, id: 'x', function: { name: 'get_weather', arguments: '{}' } }],
    })
    expect(await failureOf(call + finish('tool_calls') + usage(COUNTS) + DONE)).toMatchObject({
      ...{ code: 'tool_call', retryable: false, tokens: { input: 11, output: 7 } },
      message: expect.stringContaining('get_weather'),
    })
    const said = await answerOf(content('Let me look.') + call + finish('tool_calls') + usage(COUNTS) + DONE)
    expect(said).toMatchObject({ text: 'Let me look.', notices: [expect.stringContaining('get_weather')] })
  })
})

describe('counts that are none', () => {
  it.each([
    ['too many', 9_000_000_000_000_000],
    ['less than nothing', -5],
    ['a part of one', 1.5],
    ['text', '11'],
    ['a list', [1]],
  ])('take no answer with them: %s', async (_, count) => {
    const answer = await answerOf(
      content('fine') + finish('stop') + usage({ ...COUNTS, prompt_tokens: count }) + DONE,
    )
    expect(answer).toMatchObject({ text: 'fine', ending: 'whole', tokens: { input: null, output: 7 } })
    expect(answer.notices).toEqual([expect.stringContaining('prompt_tokens')])
  })

  it.each([
    ['a list', '[11,7]', 'usage [11,7]'],
    ['a word', '"n/a"', 'usage "n/a"'],
    ['a number', '7', 'usage "7"'],
    ['true', 'true', 'usage true'],
    [
      'numbers that JSON has no word for',
      '{"prompt_tokens":NaN,"completion_tokens":-Infinity}',
      'prompt_tokens "NaN"',
    ],
  ])('are unknown when they are %s in all, and said to be so', async (_, counts, said) => {
    const frame = `data: {"choices":[],"usage":${counts}}\n\n`
    const answer = await answerOf(content('fine') + finish('stop') + frame + DONE)
    expect(answer).toMatchObject({ text: 'fine', tokens: { input: null, output: null } })
    expect(answer.notices).toEqual([expect.stringContaining(said)])
  })

  it.each([
    ['all of them', { prompt_tokens: -1, completion_tokens: 1e300 }, { input: null, output: null }, 1],
    ['no object', 'many', { input: null, output: null }, 1],
    ['nothing', {}, { input: null, output: null }, 0],
    ['a zero that can’t be', { prompt_tokens: 0, completion_tokens: 0 }, { input: null, output: null }, 1],
    [
      'more from a cache than there was',
      { ...COUNTS, prompt_tokens_details: { cached_tokens: 99 } },
      { input: 11, cache_read: null },
      1,
    ],
    [
      'thoughts beside what was said',
      {
        prompt_tokens: 11,
        completion_tokens: 7,
        total_tokens: 48,
        completion_tokens_details: { reasoning_tokens: 30 },
      },
      { output: 37, reasoning: 30 },
      0,
    ],
    [
      'more thoughts than tokens',
      { ...COUNTS, completion_tokens_details: { reasoning_tokens: 30 } },
      { output: 7, reasoning: null },
      1,
    ],
  ])('are unknown, and that is one notice: %s', async (_, counts, tokens, notices) => {
    const answer = await answerOf(content('fine') + finish('stop') + usage(counts) + DONE)
    expect(answer).toMatchObject({ text: 'fine', tokens })
    expect(answer.notices).toHaveLength(notices)
  })

  it('are made good by later ones', async () => {
    const answer = await answerOf(
      content('fine') + usage({ prompt_tokens: -1, completion_tokens: 2 }) + stream(),
    )
    expect(answer).toMatchObject({ tokens: { input: 11, output: 7 }, notices: [] })
  })
})

describe('the server’s own words', () => {
  const WORDS = 'CUDA error: an illegal memory access'
  it.each([
    ['an object', { error: { message: WORDS } }],
    ['a string', { error: WORDS }],
    ['a list', [{ error: { message: WORDS, code: 400 } }]],
    ['several', { errors: [{ message: WORDS }] }],
    ['a detail', { detail: WORDS }],
    ['details', { detail: [{ loc: ['body', 'model'], msg: WORDS, type: 'missing' }] }],
    ['a bare message', { message: WORDS, object: 'error' }],
    ['deep inside', { error: { message: JSON.stringify({ error: { message: WORDS } }) } }],
    [
      'of the server behind it',
      {
        error: { message: 'Provider returned error', metadata: { raw: `{"error":{"message":"${WORDS}"}}` } },
      },
    ],
    ['a bare string', WORDS],
    ['plain text', `  ${WORDS}\n`],
    ['a page', `<!DOCTYPE html><html><head><title>${WORDS}</title></head></html>`],
  ])('reach the reader in whatever form they come: %s', async (_, body) => {
    const text = typeof body === 'string' && body !== WORDS ? body : JSON.stringify(body)
    const failure = await failureOf({ status: 500, type: 'application/json', chunks: [text] })
    expect(failure).toMatchObject({ code: 'backend_error', retryable: true })
    expect(failure.message).toMatch(/^openai answered 500: /)
    expect(failure.message).toContain(WORDS)
    expect(failure.message).not.toMatch(/[{}<>]/)
  })

  it('come with the numbers that stood beside them', async () => {
    const error = {
      code: 400,
      message: 'request (5679 tokens) exceeds the available context size (2048 tokens)',
      type: 'exceed_context_size_error',
      n_prompt_tokens: 5679,
      n_ctx: 2048,
    }
    const { error: thrown } = await ask({
      status: 400,
      type: 'application/json',
      chunks: [JSON.stringify({ error })],
    })
    expect(JSON.parse((thrown as { responseBody: string }).responseBody).error).toMatchObject({
      n_ctx: 2048,
      n_prompt_tokens: 5679,
    })
  })

  it.each([
    ['a number', { error: { message: WORDS, code: 429 } }],
    ['a number in words', { error: { message: WORDS, type: 'None', code: '429' } }],
    ['a word', { error: { message: WORDS, type: 'rate_limit_error' } }],
    ['beside the error', { error: WORDS, status: 429 }],
    ['in a list', [{ error: { message: WORDS, code: 429 } }]],
  ])('count though the status is 200: %s', async (_, body) => {
    for (const chunks of [
      [JSON.stringify(body)],
      [data(body)],
      [`event: error\n${data(body)}`],
      [`error: ${JSON.stringify(body)}\n\n`],
    ]) {
      const failure = await failureOf({ type: 'application/json', chunks })
      expect(failure).toMatchObject({ code: 'rate_limited', retryable: true })
      expect(failure.message).toContain(WORDS)
    }
  })

  it('without a number they are an error of the backend', async () => {
    for (const body of [
      { error: WORDS },
      { error: { message: WORDS } },
      { message: WORDS },
      { detail: WORDS },
    ])
      expect(await failureOf({ type: 'application/json', chunks: [JSON.stringify(body)] })).toMatchObject({
        ...{ code: 'backend_error', message: `openai: ${WORDS}`, retryable: true },
      })
  })

  it('in the middle of an answer break it off, and what had come is told', async () => {
    const { error } = await ask(content('half') + data({ error: { message: WORDS, code: 503 } }))
    expect(error).toMatchObject({ name: 'BrokenCall', message: WORDS, got: { text: 'half', deltas: 1 } })
  })

  it('on a sign-in page say that it is the wrong place', async () => {
    const page = '<!doctype html><html><head><title>Sign in</title></head><body>Welcome</body></html>'
    expect(await failureOf({ type: 'text/html', chunks: [page] })).toMatchObject({
      ...{ code: 'wrong_url', retryable: false, message: expect.stringContaining('Sign in') },
    })
  })

  it('are shown when they are neither an answer nor an error', async () => {
    const failure = await failureOf({ type: 'text/plain', chunks: ['upstream connect error'] })
    expect(failure).toMatchObject({
      retryable: true,
      message: expect.stringContaining('upstream connect error'),
    })
  })
})

it('takes a whole answer where a stream was asked', async () => {
  const whole = {
    object: 'chat.completion',
    model: 'gpt-fake',
    choices: [{ index: 0, message: { role: 'assistant', content: 'fine' }, finish_reason: 'stop' }],
    usage: COUNTS,
  }
  for (const type of ['application/json', 'text/event-stream'])
    expect(await answerOf({ type, chunks: [JSON.stringify(whole, null, 2)] })).toMatchObject(FINE)
  const message = {
    type: 'message',
    model: 'claude-fake',
    content: [{ type: 'text', text: 'fine' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 11, output_tokens: 7 },
  }
  expect(
    await answerOf({ type: 'application/json', chunks: [JSON.stringify(message)] }, 'anthropic'),
  ).toMatchObject(FINE)
})

describe('Anthropic’s stream', () => {
  const event = (type: string, fields: object = {}) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const begin = (usage: unknown = { input_tokens: 25, output_tokens: 1 }) =>
    event('message_start', { message: { model: 'claude-fake', content: [], usage } })
  const text = (words: string) =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: words } })
  const end = (stop_reason: string, usage: unknown = { output_tokens: 15 }) =>
    event('message_delta', { delta: { stop_reason }, usage }) + event('message_stop')

  it.each([
    ['a ping', event('ping')],
    ['an event of tomorrow', event('message_annotation', { note: 'x' })],
    [
      'a block of tomorrow',
      event('content_block_start', { index: 1, content_block: { type: 'hologram' } }) +
        event('content_block_delta', { index: 1, delta: { type: 'hologram_delta', text: 'no' } }),
    ],
    [
      'a signature',
      event('content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 'x' } }),
    ],
    [
      'a thought',
      event('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } }),
    ],
    ['nothing', 'data:\n\n'],
  ])('passes over %s', async (_, odd) => {
    const answer = await answerOf(
      begin() + odd + text('fi') + odd + text('ne') + end('end_turn'),
      'anthropic',
    )
    expect(answer).toMatchObject({
      text: 'fine',
      ending: 'whole',
      tokens: { input: 25, output: 15 },
      notices: [],
    })
  })

  it.each([
    ['end_turn', 'whole'],
    ['stop_sequence', 'whole'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'window'],
    ['refusal', 'refusal'],
    ['pause_turn', 'other'],
  ])('names %s as %s', async (reason, ending) => {
    const answer = await answerOf(begin() + text('half an ans') + end(reason), 'anthropic')
    expect(answer).toMatchObject({ text: 'half an ans', ending, tokens: { input: 25, output: 15 } })
  })

  it.each([
    ['none at first', begin(null), end('end_turn'), { input: null, output: 15 }],
    ['none at last', begin(), end('end_turn', null), { input: 25, output: null }],
    [
      'odd ones',
      begin({ input_tokens: -3 }),
      end('end_turn', { output_tokens: 'many' }),
      { input: null, output: null },
    ],
    [
      'all at last',
      begin({}),
      end('end_turn', { input_tokens: 5, cache_read_input_tokens: 6, output_tokens: 3 }),
      { input: 11, cache_read: 6, output: 3 },
    ],
  ])('keeps its answer with counts that are %s', async (_, first, last, tokens) => {
    expect(await answerOf(first + text('fine') + last, 'anthropic')).toMatchObject({ text: 'fine', tokens })
  })

  it('tells apart what a cache keeps for an hour', async () => {
    const usage = {
      input_tokens: 3,
      cache_creation_input_tokens: 100,
      cache_creation: { ephemeral_1h_input_tokens: 70 },
    }
    const answer = await answerOf(
      begin({ ...usage, output_tokens: 1 }) + text('fine') + end('end_turn'),
      'anthropic',
    )
    expect(answer.tokens).toMatchObject({ input: 103, cache_write: 100, cache_write_1h: 70 })
  })

  it('is no answer when it just ends', async () => {
    expect(await failureOf(begin() + text('half'), 'anthropic')).toMatchObject({
      code: 'cut',
      retryable: true,
    })
    expect(
      await answerOf({ chunks: [begin() + text('fine') + end('end_turn')], ending: 'hang' }, 'anthropic'),
    ).toMatchObject({ text: 'fine' })
  })
})

describe('the model that answered', () => {
  const named = (model: string) => stream(content('fine')).replaceAll('gpt-fake', model)

  it.each([
    ['gpt-4o', 'gpt-4o-2024-08-06'],
    ['llama3.2', 'llama3.2:latest'],
    ['smollm2', '/models/SmolLM2.gguf'],
    ['qwen3-8b', 'Qwen3-8B-Q4_K_M.gguf'],
    ['anthropic/claude-3.5-sonnet', 'claude-3-5-sonnet-20241022'],
    ['models/gemini-2.0-flash', 'gemini-2.0-flash-001'],
  ])('asked %s, answered by %s: the same', async (asked, answered) => {
    const answer = await answerOf(named(answered), 'openai-compatible', asked)
    expect(answer.notices).toEqual([])
    expect(answer).not.toHaveProperty('model')
  })

  it.each([
    ['nosuchmodel', 'model.gguf'],
    ['gpt-4o', 'gpt-4o-mini'],
    ['llama3.2:3b', 'llama3.2:1b'],
  ])('asked %s, answered by %s: said once', async (asked, answered) => {
    const answer = await answerOf(named(answered), 'openai-compatible', asked)
    expect(answer).toMatchObject({
      model: answered,
      notices: [`${answered} answered, though openai was asked for ${asked}`],
    })
  })
})

it('gives an answer or a reason for any stream, cut anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(anyStream, async (chunks) => {
      const { answer, error, choice, shown } = await ask({ chunks })
      if (answer) {
        expect(answer.text.trim()).not.toBe('')
        expect(answer.text).not.toMatch(/^\s*<think>|hm|\0/)
        expect(answer.text).toBe(storable(answer.text))
        if (shown !== answer.text) expect(shown.length).toBeGreaterThan(0)
        for (const count of Object.values(answer.tokens))
          expect(count === null || Number.isInteger(count)).toBe(true)
      } else {
        const { code, message } = classify(error, choice)
        expect(code).toMatch(/^[a-z_]+$/)
        expect(message).toMatch(/^openai.*: ./s)
        expect(message).not.toMatch(/object Object|undefined/)
      }
    }),
    { numRuns: 150 },
  )
})
