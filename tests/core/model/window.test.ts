import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aTask, clear, rowOf } from '../../support/factories.ts'
import { ANTHROPIC_REFUSES, fakeAnthropic } from '../../support/models/anthropic.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { type FakeLlamaCpp, fakeLlamaCpp } from '../../support/models/llama-cpp.ts'
import { aPulledModel, fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi, OPENAI_REFUSES } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { CORPUS } from './corpus.ts'
import { callsOf, usageOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  await db.sql`delete from hai.model_fact`
})
afterEach(() => server.stop())

const LOG = CORPUS.journald!.repeat(3).slice(0, 30_000)
const log = { name: 'stdin', content: LOG }

const local = (context?: number): Choice => aChoice(server.url, { billing: 'local' }, context)

/** Asks and has it worked on; gives the task's row. */
async function asked(given: Record<string, unknown>, choice: Choice) {
  const id = await aTask(db.sql, { content: 'what broke?', ...given })
  await work(db.sql, aShift(anAccess(choice)))
  return rowOf(db.sql, id)
}

const noticesOf = async (id: string) =>
  (
    await db.sql<{ text: string }[]>`
    select text from hai.task_event where task_id = ${id} and type = 'notice' order by seq`
  ).map(({ text }) => text)

interface Sent {
  max_tokens: number
  messages: { role: string; content: string }[]
}
const sent = () => callsOf(server).map(({ body }) => body as Sent)
const askedFor = (path: string) => server.calls.filter((call) => call.path === path).length

async function llama(n_ctx = 2048): Promise<FakeLlamaCpp> {
  const started = await fakeLlamaCpp({ n_ctx, model: 'gpt-fake' })
  server = started
  return started
}

describe('a log that is longer than the window of a llama.cpp server', () => {
  it.each([undefined, 2048, 4096, 100_000])('is answered at once, with context: %s', async (context) => {
    await llama()
    const task = await asked({ context: [log] }, local(context))
    expect(task).toMatchObject({ state: 'done', attempt: 1 })
    expect(sent()).toHaveLength(1)
    expect(sent()[0]!.messages.at(-1)!.content).toContain(LOG.slice(-300))
    expect(await noticesOf(task.id)).toEqual([
      expect.stringMatching(/^stdin: \d+ of \d+ lines \(\d+ of 30000 characters\) in the middle do not fit/),
    ])
    // prompt and answer have room together
    const usage = sent()[0]!.max_tokens + (await usageOf(db.sql, task.id))[0]!.input!
    expect(usage).toBeLessThanOrEqual(2048)
    expect(usage).toBeGreaterThan(1024)
  })

  it.each([undefined, 4096])(
    'is answered by the second request when the server has no list, with context: %s',
    async (context) => {
      await llama()
      server.at('/v1/models', { status: 404, body: {} })
      const task = await asked({ context: [log] }, local(context))
      expect(task).toMatchObject({ state: 'done', attempt: 1 })
      expect(sent()).toHaveLength(2)
      const notices = await noticesOf(task.id)
      expect(notices[1]).toMatch(
        /^openai\/gpt-fake counted \d+ tokens for its window of 2048 and is asked once more with less$/,
      )
      // the refused one has a row of its own, and cost nothing
      const rows =
        await db.sql`select call_id, input, output, error from hai.usage where task_id = ${task.id} order by call_id`
      expect(rows).toMatchObject([
        { call_id: expect.stringMatching(/:1:1$/), input: 0, output: 0, error: 'context_too_long' },
        { call_id: expect.stringMatching(/:1:1:2$/), error: null },
      ])
      expect(await db.sql`select from hai.task_step where task_id = ${task.id}`).toHaveLength(1)
      // learnt: the next one fits at once
      expect(await asked({ context: [log] }, local(context))).toMatchObject({ state: 'done' })
      expect(sent()).toHaveLength(3)
    },
  )

  it('is no longer cut once the server has more room', async () => {
    const started = await llama()
    await asked({ context: [log] }, local())
    await started.stop()
    const larger = await fakeLlamaCpp({ n_ctx: 65_536, model: 'gpt-fake' })
    server = larger
    await db.sql`update hai.model_fact set url = ${`${larger.url}/v1`}, asked_at = now() - interval '2 minutes'`
    const task = await asked({ context: [log] }, local())
    expect(await noticesOf(task.id)).toEqual([])
    expect(sent()[0]!.messages.at(-1)!.content).toContain(LOG)
  })

  it('has the server asked for its window once, and not at each call, nor for a short question', async () => {
    await llama()
    await asked({}, local())
    expect(askedFor('/v1/models')).toBe(0)
    for (const _ of [1, 2, 3]) await asked({ context: [log] }, local())
    expect(askedFor('/v1/models')).toBe(1)
    expect(askedFor('/api/ps')).toBeLessThanOrEqual(1)
    await server.stop()
    server = await fakeOpenAi()
    for (const _ of [1, 2, 3]) await asked({}, aChoice(server.url))
    expect(askedFor('/v1/models')).toBe(0)
  })
})

describe('a conversation in a window of 2,048', () => {
  it('is answered at each of 40 turns, and its beginning stays the same for many', async () => {
    const started = await llama()
    server.byDefault(({ body }) => ({
      text: `About ${(body as Sent).messages.at(-1)!.content.slice(0, 20)}: it is made of steel, and turns. `.repeat(
        3,
      ),
    }))
    let conversation_id: string | undefined
    for (let n = 1; n <= 40; n += 1) {
      const task = await asked(
        {
          content: `Turn ${n}: describe part ${n} of the machine in the cellar`,
          ...(conversation_id ? { conversation_id } : {}),
        },
        local(),
      )
      expect(task).toMatchObject({ state: 'done', attempt: 1 })
      conversation_id = task.conversation_id
    }
    expect(sent()).toHaveLength(40)
    const starts = sent().map(({ messages }) => messages[1]!.content)
    expect(starts.filter((start, at) => at > 0 && start !== starts[at - 1]).length).toBeLessThan(8)
    // what the server has read already it need not read again
    const warm = started.prompts.filter(({ tokens, cached }) => cached > tokens / 2)
    expect(warm.length).toBeGreaterThan(28)
  })

  it('fills a good part of it, by what the server counted, though its words are estimated at twice that', async () => {
    const started = await llama()
    server.byDefault({ text: Array.from({ length: 100 }, (_, n) => ` word${n % 7}`) })
    let conversation_id: string | undefined
    for (let n = 1; n <= 40; n += 1) {
      const content = `Turn ${n}: describe part ${n} of the rack, its cables, its fans and what else there is.`
      const task = await asked({ content, ...(conversation_id ? { conversation_id } : {}) }, local())
      expect(task).toMatchObject({ state: 'done', attempt: 1 })
      conversation_id = task.conversation_id
    }
    // none was refused
    expect(sent()).toHaveLength(40)
    const later = started.prompts.slice(-25)
    expect(Math.max(...later.map(({ tokens }) => tokens))).toBeGreaterThan(2048 * 0.4)
    expect(Math.min(...later.map(({ tokens }) => tokens))).toBeGreaterThan(2048 / 4)
    expect(later.filter(({ tokens, cached }) => cached > tokens / 2).length).toBeGreaterThan(15)
  })

  it('is asked once more with less when the newest is denser than all that was counted', async () => {
    await llama()
    server.byDefault({ text: Array.from({ length: 100 }, (_, n) => ` word${n % 7}`) })
    const { conversation_id } = await asked({}, local())
    const next = () => asked({ content: 'and now?', conversation_id }, local())
    for (let n = 0; n < 6; n += 1) await next()
    server.byDefault({ text: CORPUS.digits!.slice(0, 700) })
    const before = sent().length
    for (let n = 0; n < 8; n += 1) expect(await next()).toMatchObject({ state: 'done', attempt: 1 })
    // learnt by then
    expect(sent().length - before).toBeLessThanOrEqual(10)
  })
})

describe('a question that no window holds', () => {
  const content = 'why does the pool resilver again? '.repeat(1600)

  it('is refused before it is sent, with the numbers and what to do', async () => {
    await llama(4096)
    const task = await asked({ content }, local())
    expect(task).toMatchObject({
      state: 'dead',
      error: {
        code: 'context_too_long',
        message: expect.stringMatching(
          /^openai\/gpt-fake: the question alone has at least \d+ tokens, and the window is 4096 tokens$/,
        ),
        next_step: expect.stringContaining('-f FILE'),
      },
    })
    expect(sent()).toEqual([])
  })

  it('is refused with the server’s numbers where only that knows them', async () => {
    await llama(2048)
    server.at('/v1/models', { status: 404, body: {} })
    const task = await asked({ content: 'why? '.repeat(2500) }, local())
    expect(task).toMatchObject({
      state: 'dead',
      error: {
        code: 'context_too_long',
        message: expect.stringMatching(/request \(\d+ tokens\) exceeds .* \(2048 tokens\)/),
        next_step: expect.stringContaining('the question'),
      },
    })
  })
})

describe('a refusal in another dialect', () => {
  it.each([
    ['a status', () => OPENAI_REFUSES.contextTooLong(3000, 5000)],
    [
      'an error where a stream was asked',
      () => ({ ...OPENAI_REFUSES.contextTooLong(3000, 5000), status: 200 }),
    ],
    [
      'no number',
      () => ({ status: 400, body: { error: { message: 'the input length exceeds the context length' } } }),
    ],
  ])('is met with a smaller prompt, told as %s', async (_, refusal) => {
    server = await fakeOpenAi()
    server.next(refusal())
    const task = await asked({ context: [log] }, aChoice(server.url))
    expect(task).toMatchObject({ state: 'done', attempt: 1 })
    const [first, second] = sent().map(({ messages }) => messages.at(-1)!.content.length)
    expect(second!).toBeLessThan(first!)
  })

  it('is read from Anthropic’s words', async () => {
    server = await fakeAnthropic({ apiKey: 'sk-fake' })
    server.next(ANTHROPIC_REFUSES.contextTooLong(9000, 8000))
    const task = await asked({ context: [log] }, aChoice(server.url, { kind: 'anthropic' }, 200_000))
    expect(task).toMatchObject({ state: 'done', attempt: 1 })
    expect(callsOf(server)).toHaveLength(2)
  })

  it('is met with a lower limit, which is remembered, when an answer may not be as long', async () => {
    server = await fakeOpenAi()
    const message =
      'max_tokens is too large: 8192. This model supports at most 1000 completion tokens, whereas you provided 8192.'
    server.next({ status: 400, body: { error: { message } } })
    expect(await asked({}, aChoice(server.url))).toMatchObject({ state: 'done', attempt: 1 })
    await asked({}, aChoice(server.url))
    expect(sent().map(({ max_tokens }) => max_tokens)).toEqual([8192, 1000, 1000])
  })

  it('is not asked about again and again', async () => {
    server = await fakeOpenAi()
    server.byDefault(OPENAI_REFUSES.contextTooLong(100, 5000))
    const task = await asked({ context: [log] }, aChoice(server.url))
    expect(task).toMatchObject({ state: 'dead', attempt: 1, error: { code: 'context_too_long' } })
    expect(sent().length).toBeLessThanOrEqual(2)
  })

  it('is no reason to wait when no request passes its limit on each minute', async () => {
    server = await fakeOpenAi()
    const message =
      'Request too large for gpt-fake on tokens per minute (TPM): Limit 2000, Requested 9000, please reduce your message size.'
    server.next({ status: 429, body: { error: { message } } })
    expect(await asked({ context: [log] }, aChoice(server.url))).toMatchObject({ state: 'done', attempt: 1 })
  })
})

describe('a server that cuts a prompt without a word', () => {
  it('is known by a count that is the whole window', async () => {
    server = await fakeOllama({ models: [aPulledModel({ name: 'smol:latest' })] })
    server.byDefault({ text: 'Nonsense.', tokens: { input: 4096 } })
    const choice = { ...local(), model: 'smol:latest', loading: true }
    const task = await asked({ context: [log] }, choice)
    expect(task).toMatchObject({ state: 'done' })
    expect((await noticesOf(task.id)).at(-1)).toMatch(
      /fills the whole window of 4096 tokens, so the server has cut it/,
    )
  })

  it('is known by a count far below what was sent, and its window is learnt from that', async () => {
    server = await fakeOpenAi()
    server.byDefault({ text: 'Nonsense.', tokens: { input: 1024 } })
    const first = await asked({ context: [log] }, aChoice(server.url, {}, 16_000))
    expect((await noticesOf(first.id)).at(-1)).toMatch(
      /^the server counted 1024 tokens of a prompt of at least \d+: it may have cut it without a word/,
    )
    server.byDefault({ text: 'Well.', tokens: { input: 700 } })
    const second = await asked({ context: [log] }, aChoice(server.url, {}, 16_000))
    expect((await noticesOf(second.id)).filter((notice) => notice.includes('without a word'))).toEqual([])
    expect(sent()[1]!.messages.at(-1)!.content.length).toBeLessThan(3000)
  })

  it('is known even where nobody told a window', async () => {
    server = await fakeOpenAi()
    server.byDefault({ text: 'Nonsense.', tokens: { input: 1024 } })
    for (const content of [LOG, CORPUS.kubernetes!, CORPUS.TypeScript!.repeat(9)]) {
      await db.sql`delete from hai.model_fact`
      const task = await asked({ context: [{ name: 'stdin', content }] }, local())
      expect((await noticesOf(task.id)).at(-1)).toMatch(
        /^the server counted 1024 tokens of a prompt of at least/,
      )
    }
  })
})

describe('what an earlier call counted', () => {
  it('makes the next prompt smaller, where a model counts more tokens than most', async () => {
    server = await fakeOpenAi()
    const choice = aChoice(server.url, {}, 4096)
    server.byDefault(({ body }) => ({
      text: 'Well.',
      tokens: { input: JSON.stringify((body as Sent).messages).length },
    }))
    await asked({ context: [log] }, choice)
    await asked({ context: [log] }, choice)
    const [first, second] = sent().map(({ messages }) => messages.at(-1)!.content.length)
    expect(second!).toBeLessThan(first! * 0.8)
  })
})
