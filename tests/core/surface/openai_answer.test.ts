import { describe, expect, it } from 'vitest'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import {
  completionOf,
  failureOf,
  framesOf,
  modelList,
  modelOf,
  noticeHeader,
  plainly,
  refusalOf,
  wholeStream,
} from '../../../f/hai/core/surface/openai_answer.ts'
import type { State, TaskResult } from '../../../f/hai/core/task/shape.ts'

const ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const task = (more: Partial<TaskResult> = {}): TaskResult => ({
  id: ID,
  state: 'done',
  output: 'It is well.',
  ...more,
})
const dead = (code: string, message = 'm') => task({ state: 'dead', error: { code, message } })
const usage = { input: 7, output: 3, cached: 2, reasoning: 1 }
const asked = { model: 'hai', bare: false, include_usage: true }

const dataOf = (stream: string) =>
  stream
    .split('\n\n')
    .filter(Boolean)
    .map((frame) => frame.replace('data: ', ''))
const chunksOf = (stream: string) =>
  dataOf(stream)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data))

describe('a completion', () => {
  it('has the answer, why it ended and what it used', () => {
    expect(completionOf(task({ usage, ending: 'length' }), asked)).toMatchObject({
      ...{ id: `chatcmpl-${ID}`, object: 'chat.completion', created: expect.any(Number), model: 'hai' },
      choices: [
        { index: 0, message: { role: 'assistant', content: 'It is well.' }, finish_reason: 'length' },
      ],
      usage: {
        ...{ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
        prompt_tokens_details: { cached_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 1 },
      },
    })
    expect(completionOf(task(), asked)).not.toHaveProperty('usage')
  })

  it('ends with what a person should know, in a line of its own, but not where a program reads it', () => {
    const told = task({ notices: ['3 turns were left out', 'ollama answered'] })
    const said = (bare: boolean) => completionOf(told, { ...asked, bare }).choices[0].message.content
    expect(said(false)).toBe('It is well.\n\n(3 turns were left out)\n(ollama answered)')
    expect(said(true)).toBe('It is well.')
    expect(noticeHeader(told)).toEqual({ 'x-hai-notice': '3 turns were left out; ollama answered' })
    expect(noticeHeader(task())).toEqual({})
  })

  it('has a header that any server can send', () => {
    const header = noticeHeader(task({ notices: ['a\r\nset-cookie: b', '“…”', 'x'.repeat(5000)] }))[
      'x-hai-notice'
    ]!
    expect(header).toMatch(/^[\x20-\x7e]{1,1000}$/)
    expect(() => new Headers({ 'x-hai-notice': header })).not.toThrow()
  })
})

describe('a stream', () => {
  it('begins with who speaks, and ends with why it ended, what it used and that it is over', () => {
    const frames = framesOf(ID, asked)
    const told = task({ usage, notices: ['a turn was left out'] })
    const stream = [
      frames.begin(),
      frames.text('It '),
      frames.text(''),
      frames.text('is well.'),
      frames.end(told),
    ]
    const chunks = chunksOf(stream.join(''))
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '' },
      { content: 'It ' },
      { content: 'is well.' },
      { content: '\n\n(a turn was left out)' },
      {},
      undefined,
    ])
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
      null,
      null,
      null,
      null,
      'stop',
      undefined,
    ])
    expect(chunks.map(({ usage }) => usage?.total_tokens)).toEqual([...Array(5).fill(undefined), 10])
    expect(
      chunks.every(({ id, object }) => id === `chatcmpl-${ID}` && object === 'chat.completion.chunk'),
    ).toBe(true)
    expect(dataOf(stream.join('')).at(-1)).toBe('[DONE]')
  })

  it('has no usage and no notice where none is wanted or known', () => {
    const told = task({ usage, notices: ['n'] })
    const chunks = chunksOf(wholeStream(told, { ...asked, bare: true, include_usage: false }))
    expect(chunks.map(({ choices }) => choices.length)).toEqual([1, 1, 1])
    expect(JSON.stringify(chunks)).not.toMatch(/usage|"n"/)
    expect(chunksOf(wholeStream(task(), asked)).at(-1).choices).toHaveLength(1)
  })

  it('can end with an error', () => {
    const failed = framesOf(ID, asked).failed(failureOf(dead('unreachable'))!)
    expect(chunksOf(failed)).toEqual([{ error: expect.objectContaining({ type: 'server_error' }) }])
  })
})

describe('a refusal', () => {
  const refused = (error: HaiError) => refusalOf(plainly(error))

  it.each([
    ['invalid', 400, 'invalid_request_error', 'invalid'],
    ['unauthorized', 401, 'invalid_request_error', 'invalid_api_key'],
    ['forbidden', 403, 'invalid_request_error', 'forbidden'],
    ['conflict', 409, 'invalid_request_error', 'conflict'],
  ] as const)('has OpenAI’s shape and is final: %s', (code, status, type, theirs) => {
    expect(refused(new HaiError(code, 'why x', { plain: 'why' }))).toEqual({
      status,
      headers: { 'x-should-retry': 'false' },
      body: { error: { message: 'why', type, param: null, code: theirs } },
    })
  })

  it('names the field, and the model that is not there', () => {
    const details = { param: 'stop' }
    expect(refused(new HaiError('invalid', 'stop: no', { details })).body.error.param).toBe('stop')
    const unknown = new HaiError('not_found', 'no', { details: { param: 'model' } })
    expect(refused(unknown)).toMatchObject({ status: 404, body: { error: { code: 'model_not_found' } } })
    expect(refused(new HaiError('not_found', 'no'))).toMatchObject({ body: { error: { code: 'not_found' } } })
  })

  it('may be tried again where hai can’t just now, and says no address', () => {
    const down = (why: string) =>
      refused(new HaiError('unavailable', why, { details: { retry_after_seconds: 2 } }))
    expect(down('the source has 5000 tasks pending')).toEqual({
      status: 503,
      headers: { 'retry-after': '2' },
      body: {
        error: {
          message: 'the source has 5000 tasks pending',
          type: 'server_error',
          param: null,
          code: 'unavailable',
        },
      },
    })
    for (const why of ['no way to 10.0.0.3', 'db.example:5432 is off', 'see http://x/', 'no /etc/hai/key'])
      expect(down(why).body.error.message).toBe('there can be no answer right now; try again in a while')
  })
})

describe('a task without an answer', () => {
  const ADDRESS = 'attic at http://192.0.2.7:11434/v1: ECONNREFUSED'

  it.each([
    ...[
      'unreachable',
      'unavailable',
      'loading',
      'certificate',
      'login_expired',
      'quota_exhausted',
      'no_route',
    ],
    ...[
      'stalled',
      'empty_answer',
      'backend_error',
      'refused',
      'unknown_outcome',
      'a_new_code',
      'constructor',
    ],
  ])('is hai’s own failure, told in a sentence without an address: %s', (code) => {
    const failure = failureOf(dead(code, ADDRESS))!
    expect(failure).toMatchObject({
      status: 503,
      headers: { 'x-should-retry': 'false' },
      body: { error: { type: 'server_error', param: null, code } },
    })
    const { message } = failure.body.error
    expect(message).toMatch(/^[A-Z][^:]*\. The operator sees why: hai task show \w{6}$/)
    expect(message).not.toMatch(/attic|192|ECONN/)
  })

  it.each<[State, RegExp]>([
    ['pending', /waits for its turn.*goes on: hai task tail/],
    ['running', /is being answered/],
    ['awaiting_approval', /waits for a decision/],
    ['cancelled', /was cancelled/],
    ['expired', /no answer in time/],
    ['rejected', /not allowed/],
  ])('says that it is %s', (state, message) => {
    expect(failureOf(task({ state }))).toMatchObject({
      status: 503,
      headers: { 'x-should-retry': 'false' },
      body: { error: { message: expect.stringMatching(message), code: state } },
    })
  })

  it('is the asker’s to shorten, or to ask otherwise', () => {
    expect(failureOf(dead('context_too_long', ADDRESS))).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', code: 'context_length_exceeded', param: 'messages' } },
    })
    const unsupported = failureOf(dead('unsupported', 'claude can’t do response_format json_schema'))!
    expect(unsupported).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', code: 'unsupported', param: 'response_format' } },
    })
    expect(unsupported.body.error.message).not.toContain('claude')
  })

  it('is 429 where the money is spent, and nothing where there is an answer', () => {
    expect(failureOf(dead('budget'))).toMatchObject({ status: 429, headers: { 'x-should-retry': 'false' } })
    expect(failureOf(task())).toBeUndefined()
  })
})

describe('the models', () => {
  it('are the one for people first, and the one for errands', () => {
    expect(modelList().data.map(({ id }) => id)).toEqual(['hai', 'hai-small'])
    expect(modelOf('hai')).toMatchObject({ id: 'hai', object: 'model', owned_by: 'hai' })
    expect(modelOf('gpt-4')).toBeUndefined()
  })
})
