import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import type { Behaviour } from '../support/models/behaviour.ts'
import type { FakeServer } from '../support/models/fake-server.ts'
import { fakeOpenAi } from '../support/models/openai.ts'
import { answerBy, startStack, type TestStack } from '../support/stack.ts'

const db = testDatabase()
let server: FakeServer
let stack: TestStack
beforeAll(async () => {
  server = await fakeOpenAi()
  stack = await startStack({ databaseUrl: db.url })
  await answerBy(stack, server.url)
  await stack.call('f/hai/model/list')
})
afterAll(() => server?.stop())
beforeEach(() => server.byDefault({ text: ['It is ', 'well.'] }))

/** Well below the grace in which a left task would go on. */
const GRACE_MS = 10_000
const slow: Behaviour = { text: ['x'], ending: 'hang' }
const user = (content: string) => ({ role: 'user', content })
interface Answer {
  choices: [{ message: { content: string } }]
}

/** A chat client's call, which may be hung up. */
function chat(messages: object[]): { stop: () => void; answer: Promise<string> } {
  const caller = new AbortController()
  const answer = stack
    .request('/api/r/hai/v1/chat/completions', {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, signal: caller.signal },
      body: JSON.stringify({ model: 'hai', messages }),
    })
    .then(async (response) => ((await response.json()) as Answer).choices[0].message.content)
  return { answer, stop: () => caller.abort() }
}
const tasks = (words: string) => db.sql<{ id: string; state: string; left: boolean; waiters: string[] }[]>`
  select id, state, left_at is not null as left, waiters from hai.task_queue where content like ${`${words}%`} order by id`
const calls = () => server.callsOf('/v1/chat/completions').length

/** One that was asked, reached the model, and was hung up. */
async function leftOne(content: string, before: object[] = []): Promise<void> {
  const already = calls()
  const one = chat([...before, user(content)])
  one.answer.catch(() => {})
  await expect.poll(calls).toBeGreaterThan(already)
  one.stop()
  await expect.poll(async () => (await tasks(content))[0]).toMatchObject({ left: true, waiters: [] })
}

describe('a chat whose client hangs up', () => {
  it('is come back to by the same question, and answered once', async () => {
    server.byDefault({ text: ['the ', 'one answer'], pause: { first: 1000 } })
    await leftOne('why is the rack so loud?')
    expect(await chat([user('why is the rack so loud?')]).answer).toBe('the one answer')
    expect(await tasks('why is the rack')).toMatchObject([{ state: 'done', left: false }])
  })

  it('makes room at once for the question that is sent in its place', async () => {
    const first = await chat([user('what is a NAS?')]).answer
    const before = [user('what is a NAS?'), { role: 'assistant', content: first }]
    server.next(slow)
    await leftOne('the wrong question', before)
    const began = Date.now()
    expect(await chat([...before, user('the right question')]).answer).toBe('It is well.')
    expect(Date.now() - began).toBeLessThan(GRACE_MS)
    expect(await tasks('the wrong question')).toMatchObject([{ state: 'cancelled' }])
    const { body } = server.callsOf('/v1/chat/completions').at(-1)!
    expect(JSON.stringify(body)).not.toContain('wrong')
  })

  it('keeps nobody from what hai answers itself, nor from the model', async () => {
    for (let n = 0; n < 6; n += 1) {
      server.next(slow)
      const one = chat([user(`slow one, number ${n}`)])
      one.answer.catch(() => {})
      await expect.poll(async () => (await tasks(`slow one, number ${n}`)).length).toBe(1)
      one.stop()
    }
    const began = Date.now()
    expect(await chat([{ role: 'system', content: '' }, user('what is due?')]).answer).toContain(
      'nothing is due',
    )
    expect(Date.now() - began).toBeLessThan(GRACE_MS)
    const asked = { source: 'cli', content: 'what is open?' }
    await stack.call('f/hai/inbox', { body: asked })
    // by its own door, or by whoever was quicker
    await expect.poll(async () => (await tasks('what is open?'))[0]?.state).toBe('done')
  })
})
