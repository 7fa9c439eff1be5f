import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { callModel } from '../../../f/hai/core/model/call.ts'
import { classify, tokensOfFailure } from '../../../f/hai/core/model/failure.ts'
import { load } from '../../../f/hai/core/model/ollama.ts'
import { ANTHROPIC_REFUSES, fakeAnthropic } from '../../support/models/anthropic.ts'
import type { Behaviour, HttpAnswer } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { LLAMA_REFUSES } from '../../support/models/llama-cpp.ts'
import { aPulledModel, fakeOllama, inOpenAiShape, OLLAMA_REFUSES } from '../../support/models/ollama.ts'
import { fakeOpenAi, OPENAI_REFUSES } from '../../support/models/openai.ts'
import { aChoice } from './answering.ts'
import { SELF_SIGNED } from './self_signed.ts'

let server: FakeServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

const LIMITS = { firstByteSeconds: 5, livenessSeconds: 5 }
const NOTHING = { input: 0, output: 0, cache_read: 0, cache_write: 0, reasoning: 0 }

/** How the failure of a call is told, and what the call used. */
async function failureOf(choice: Choice) {
  const error: unknown = await callModel({
    choice,
    apiKey: 'sk-fake',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'why?' }] }],
    maxOutput: 8192,
    firstByteSeconds: 5,
    livenessSeconds: 5,
    signal: new AbortController().signal,
    onText: () => {},
  }).catch((error: unknown) => error)
  return { ...classify(error, choice), tokens: tokensOfFailure(error) }
}

const withHeaders = (answer: HttpAnswer, headers: Record<string, string>): HttpAnswer => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
})
const bare = (status: number, body = 'no'): HttpAnswer => ({ status, body })

describe('an OpenAI-compatible server', () => {
  const next = async (behaviour: Behaviour) => {
    server = await fakeOpenAi()
    server.next(behaviour)
    return failureOf(aChoice(server.url))
  }

  it.each([
    ['a wrong key', OPENAI_REFUSES.unauthorized(), 'login_expired', 'give openai a valid api_key'],
    ['no right to it', bare(403), 'login_expired', 'give openai a valid api_key'],
    ['a wrong model', OPENAI_REFUSES.modelMissing('gpt-fake'), 'model_missing', "correct the model's name"],
    [
      'a wrong place',
      bare(404, '404 page not found'),
      'wrong_url',
      'correct the url of openai; it is http://',
    ],
    ['too long a context', OPENAI_REFUSES.contextTooLong(), 'context_too_long', 'less attached text'],
    ['too large a request', bare(413), 'context_too_long', 'less attached text'],
    ['no quota', OPENAI_REFUSES.quotaExhausted(), 'quota_exhausted', 'add credit'],
    ['payment due', bare(402), 'quota_exhausted', 'add credit'],
  ])('refuses for good for %s, and what to do is said', async (_, refusal, code, step) => {
    const failure = await next(refusal)
    expect(failure).toMatchObject({ code, retryable: false, tokens: NOTHING })
    expect(failure.next_step).toContain(step)
    expect(failure.message).toMatch(/^openai answered \d+: /)
    expect(server!.calls).toHaveLength(1)
  })

  it('says when to come again when it limits the rate, even if it advertises its billing page', async () => {
    expect(await next(OPENAI_REFUSES.rateLimited(7))).toMatchObject({
      ...{ code: 'rate_limited', retryable: true, retry_after_seconds: 7, tokens: NOTHING },
    })
    await server!.stop()
    const message = 'Rate limit reached. Add a payment method at https://example.com/account/billing.'
    expect(await next({ status: 429, body: { error: { message } } })).toMatchObject({ code: 'rate_limited' })
  })

  it('may say when as a date, or too far away, or in the past, or not at all', async () => {
    const after = async (value: string) => {
      await server?.stop()
      return (await next(withHeaders(OPENAI_REFUSES.rateLimited(1), { 'retry-after': value })))
        .retry_after_seconds
    }
    const soon = await after(new Date(Date.now() + 90_000).toUTCString())
    expect(soon).toBeGreaterThan(80)
    expect(soon).toBeLessThanOrEqual(90)
    // what the text says besides is a second
    expect(await after(new Date(0).toUTCString())).toBe(1)
    expect(await after('later')).toBe(1)
    // nobody waits for a month
    expect(await after('2600000')).toBeUndefined()
    expect(await next(withHeaders(bare(429), { 'retry-after': '2600000' }))).toMatchObject({
      ...{ code: 'rate_limited', retryable: false, message: expect.stringContaining('7 days at most') },
    })
  })

  it.each([
    ['in the past', new Date(0).toUTCString()],
    ['in the past, in seconds since 1970', '1700000000'],
    ['below zero', '-5'],
    ['no number', 'NaN'],
    ['no number either', '1e9'],
    ['a day that no month has', '2026-99-99'],
  ])('has not said when to come again where the time it names is %s', async (_, value) => {
    for (const status of [429, 503, 500]) {
      await server?.stop()
      const failure = await next(withHeaders(bare(status), { 'retry-after': value }))
      expect(failure.retryable).toBe(true)
      expect(failure.retry_after_seconds).toBeUndefined()
    }
  })

  it.each([
    '1000000000',
    '5000000000000',
    '9'.repeat(17),
    '9'.repeat(400),
    '1200000h',
    '+275760-09-13T00:00:00Z',
  ])('is waited for by nobody when it is not to be asked before %s, and that is said', async (value) => {
    for (const status of [429, 503, 500]) {
      await server?.stop()
      const failure = await next(withHeaders(bare(status), { 'retry-after': value }))
      expect(failure).toMatchObject({
        retryable: false,
        message: expect.stringMatching(/; not before \S+ \S+ UTC, and a task waits 7 days at most$/),
        next_step: expect.stringContaining('hai model ls'),
      })
      expect(failure.retry_after_seconds).toBeUndefined()
    }
  })

  it.each([
    ['breaks', OPENAI_REFUSES.broken()],
    ['was too slow itself', bare(408)],
  ])('may be better the next time when it %s', async (_, refusal) => {
    expect(await next(refusal)).toMatchObject({ code: 'backend_error', retryable: true })
  })

  it.each([
    ['is loading its model', LLAMA_REFUSES.loading(), 'loading'],
    [
      'is loading its model, and says so elsewhere',
      bare(503, '{"error":"Model gpt2 is currently loading"}'),
      'loading',
    ],
    ['loads it behind another program', bare(500, '{"error":"llm server loading model"}'), 'loading'],
    ['can’t now', bare(503), 'unavailable'],
    ['is restarted behind a proxy', bare(502, '<html><h1>502 Bad Gateway</h1></html>'), 'unavailable'],
    ['is behind a proxy that waits no longer', bare(504), 'unavailable'],
    [
      'has all its slots taken',
      bare(503, '{"error":{"message":"no slot available","type":"unavailable_error"}}'),
      'unavailable',
    ],
    ['is overloaded', bare(500, '{"error":{"message":"The engine is currently overloaded"}}'), 'unavailable'],
  ])('is waited for, with no attempt used, when it %s', async (_, refusal, code) => {
    expect(await next(refusal)).toMatchObject({ code, retryable: true, uses_attempt: false, tokens: NOTHING })
  })

  it.each([
    [
      'has no credit left for a key',
      bare(403, '{"error":{"message":"Insufficient credits"}}'),
      'quota_exhausted',
    ],
    ['does not know the model', bare(400, '{"error":{"message":"Model Not Exist"}}'), 'model_missing'],
    ['takes no POST there', bare(405), 'wrong_url'],
  ])('is not asked again when it %s', async (_, refusal, code) => {
    expect(await next(refusal)).toMatchObject({ code, retryable: false, next_step: expect.any(String) })
  })

  it('is not asked the same again when it refuses for a reason nobody has named', async () => {
    expect(await next(bare(422, 'temperature?'))).toMatchObject({
      code: 'backend_error',
      retryable: false,
      // the same would be refused again
      next_step: 'change what it objects to, and ask anew: hai ask "…"',
    })
  })

  it('is waited for when it drops the connection before a byte, where an answer costs nothing', async () => {
    server = await fakeOpenAi()
    server.next('cut')
    expect(await failureOf(aChoice(server.url, { billing: 'local' }))).toMatchObject({
      ...{ code: 'unreachable', retryable: true, uses_attempt: false },
    })
  })

  it('may have done the work when it drops the connection before a byte', async () => {
    expect(await next('cut')).toMatchObject({
      ...{ code: 'unreachable', retryable: true, tokens: { input: null, output: null } },
    })
  })

  it('has no answer in it when it is a website', async () => {
    expect(await next(bare(200, '<html>Welcome</html>'))).toMatchObject({
      ...{ code: 'wrong_url', retryable: false, next_step: expect.stringContaining('http://') },
    })
  })
})

describe('Anthropic', () => {
  const next = async (behaviour: Behaviour) => {
    server = await fakeAnthropic()
    server.next(behaviour)
    return failureOf(aChoice(server.url, { kind: 'anthropic' }))
  }

  it.each([
    ['a wrong key', ANTHROPIC_REFUSES.unauthorized(), 'login_expired'],
    ['a wrong model', ANTHROPIC_REFUSES.modelMissing('claude-fake'), 'model_missing'],
    ['too long a context', ANTHROPIC_REFUSES.contextTooLong(), 'context_too_long'],
    ['no credit', ANTHROPIC_REFUSES.noCredit(), 'quota_exhausted'],
  ])('refuses for good for %s, and what to do is said', async (_, refusal, code) => {
    expect(await next(refusal)).toMatchObject({
      ...{ code, retryable: false, next_step: expect.any(String), tokens: NOTHING },
    })
  })

  it('is waited for until the day it names when it refuses for its own spend limit, with no attempt used', async () => {
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
    const failure = await next(ANTHROPIC_REFUSES.spendLimit(day(3)))
    expect(failure).toMatchObject({
      ...{ code: 'quota_exhausted', retryable: true, uses_attempt: false, tokens: NOTHING },
    })
    const midnight = (Date.parse(day(3)) - Date.now()) / 1000
    expect(failure.retry_after_seconds).toBeCloseTo(midnight, -1)
    await server!.stop()
    const over = await next(ANTHROPIC_REFUSES.spendLimit(day(-1)))
    expect(over).toMatchObject({ code: 'quota_exhausted', retryable: true, uses_attempt: false })
    expect(over.retry_after_seconds).toBeUndefined()
  })

  it.each([
    ['limits the rate', ANTHROPIC_REFUSES.rateLimited(12), 'rate_limited', 12],
    ['is overloaded', ANTHROPIC_REFUSES.overloaded(), 'unavailable', undefined],
  ])('is asked again later when it %s', async (_, refusal, code, seconds) => {
    const failure = await next(refusal)
    expect(failure).toMatchObject({ code, retryable: true, tokens: NOTHING })
    expect(failure.retry_after_seconds).toBe(seconds)
  })

  it('says in its own word that it is overloaded in the middle', async () => {
    const failure = await next({ text: ['half'], ending: 'error' })
    expect(failure).toMatchObject({ code: 'unavailable', message: 'claude: Overloaded', retryable: true })
    // half of an answer was made, and would be made again each time
    expect(failure.uses_attempt).toBeUndefined()
  })
})

describe('Ollama', () => {
  const choice = (name = 'llama3.2:3b'): Choice => ({
    ...aChoice(server!.url, { billing: 'local' }),
    name: 'ollama',
    model: name,
  })

  it('has not pulled the model, and how to is said', async () => {
    server = await fakeOllama()
    expect(await failureOf(choice('mistral'))).toMatchObject({
      ...{ code: 'model_missing', retryable: false, next_step: 'ollama pull mistral' },
    })
    const refused: unknown = await load(choice('mistral'), new AbortController().signal, LIMITS).catch(
      (e) => e,
    )
    expect(classify(refused, choice('mistral'))).toMatchObject({
      ...{ code: 'model_missing', retryable: false, next_step: 'ollama pull mistral' },
    })
  })

  it.each([
    ['too long a context', OLLAMA_REFUSES.contextTooLong(), 'context_too_long', false],
    ['too many requests', OLLAMA_REFUSES.busy(), 'unavailable', true],
    ['too little memory', OLLAMA_REFUSES.outOfMemory(), 'backend_error', true],
  ])('refuses for %s', async (_, refusal, code, retryable) => {
    server = await fakeOllama({ models: [aPulledModel()] })
    server.next(inOpenAiShape(refusal))
    expect(await failureOf(choice())).toMatchObject({ code, retryable })
  })
})

describe('a server that can’t be reached', () => {
  it.each([
    ['nothing listens', '127.0.0.1', /^openai at http:\/\/127\.0\.0\.1:\d+\/v1: .*ECONNREFUSED/],
    ['nothing listens at any of its addresses', 'localhost', /ECONNREFUSED/],
    ['its name is unknown', 'nas.invalid', /nas\.invalid/],
  ])('since %s: the reason itself, and another try', async (_, host, message) => {
    const gone = await fakeOpenAi()
    await gone.stop()
    expect(await failureOf(aChoice(gone.url.replace('127.0.0.1', host)))).toMatchObject({
      ...{ code: 'unreachable', message: expect.stringMatching(message), retryable: true, tokens: NOTHING },
      uses_attempt: false,
    })
  })

  it('says to start one of the house, and not one of the world', async () => {
    const gone = await fakeOpenAi()
    await gone.stop()
    const { name, backend, ...rest } = aChoice(gone.url)
    const told = async (billing: 'local' | 'subscription') =>
      (await failureOf({ ...rest, name, backend: { ...backend, billing } })).next_step
    const others = 'hai model ls shows what else could answer'
    expect(await told('local')).toBe(`start ${name}, or mend its url; ${others}`)
    expect(await told('subscription')).toBe(others)
  })

  it('since nobody vouches for its certificate: final, and how to vouch', async () => {
    const https = createServer(SELF_SIGNED)
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve))
    const { port } = https.address() as AddressInfo
    const failure = await failureOf(aChoice(`https://localhost:${port}`))
    https.closeAllConnections()
    await new Promise((resolve) => https.close(resolve))
    expect(failure).toMatchObject({ code: 'certificate', retryable: false, tokens: NOTHING })
    expect(failure.next_step).toContain('NODE_EXTRA_CA_CERTS')
  })
})
