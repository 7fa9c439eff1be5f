import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { health } from '../../../f/hai/core/health.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { claimElsewhere } from '../../../f/hai/core/work/remote.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, clear, eventTypes, rowOf } from '../../support/factories.ts'
import { ANTHROPIC_REFUSES, fakeAnthropic } from '../../support/models/anthropic.ts'
import type { Behaviour } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { aPulledModel, fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi, OPENAI_REFUSES } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf, endPause } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
})
afterEach(() => server.stop())

const aQuestion = () =>
  aTask(db.sql, { content: 'why?', retry_policy: { max_attempts: 3, backoff_seconds: 60 } })
const ask = (choice: Choice = aChoice(server.url), given: Parameters<typeof aShift>[1] = {}) =>
  work(db.sql, aShift(anAccess(choice), given))
const elsewhere = () =>
  claimElsewhere(db.sql, { worker: 'nas', lanes: ['claude-code'], sends_token: true }, () =>
    aCaller('operator'),
  )
const known = async (name = 'openai') => {
  const [row] = await db.sql`select state, since, until, message from hai.endpoint where name = ${name}`
  return row
}

describe('a backend that can’t be reached', () => {
  it('is what its task waits for, since the first call that failed, until one is answered', async () => {
    const id = await aQuestion()
    await server.stop()
    await ask()
    const first = await known()
    const reason = /^openai has been unreachable for \d s \(.*ECONNREFUSED.*\); next try in \d+ s$/
    expect(await waitingOn(db.sql, id)).toMatchObject({
      ...{ code: 'backend', since: first!.since, until: (await rowOf(db.sql, id)).run_at },
      text: expect.stringMatching(reason),
    })
    await age(db.sql, id, 100)
    await ask()
    expect(await known()).toMatchObject({ state: 'unreachable', since: first!.since })
    const { ok, backends, problems } = await health(db.sql)
    expect({ ok, backends }).toMatchObject({
      ...{ ok: false, backends: [{ name: 'openai', state: 'unreachable', since: first!.since }] },
    })
    expect(problems).toContainEqual(expect.stringMatching(/^openai has been unreachable for \d s \(/))

    server = await fakeOpenAi({ port: Number(new URL(server.url).port) })
    await age(db.sql, id, 1000)
    await ask()
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done' })
    expect(await known()).toMatchObject({ state: 'ready', message: null })
    expect((await health(db.sql)).backends).toEqual([])
  })

  it('is trouble of a day: what nobody has met since is not known any more', async () => {
    await aQuestion()
    server.next(OPENAI_REFUSES.unauthorized())
    await ask()
    expect((await health(db.sql)).problems).toContainEqual(
      expect.stringMatching(
        /^openai has refused its login .*; give openai a valid api_key in models.yaml; then hai model test openai$/,
      ),
    )
    await db.sql`update hai.endpoint set heard_at = now() - interval '25 h'`
    expect((await health(db.sql)).backends).toEqual([])
  })
})

describe('a failure that is about what was asked', () => {
  it.each<[string, Behaviour]>([
    ['too long', OPENAI_REFUSES.contextTooLong()],
    ['of an unknown model', OPENAI_REFUSES.modelMissing('gpt-fake')],
    ['answered with nothing', { text: [] }],
    ['broken off', { text: 'half', ending: 'cut' }],
  ])('(%s) says nothing of the backend', async (_, behaviour) => {
    await aQuestion()
    server.next(behaviour)
    await ask()
    expect(await known()).toBeUndefined()
  })
})

describe('a backend that limits its rate', () => {
  it('is not called by the next task, which is put off with the reason and uses no attempt', async () => {
    const [first, second] = [await aQuestion(), await aQuestion()]
    server.next(OPENAI_REFUSES.rateLimited(1800))
    await ask()
    expect(callsOf(server)).toHaveLength(1)
    const { until } = (await known())!
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(1_790_000)
    const [{ attempt }, waiting] = [await rowOf(db.sql, first), await rowOf(db.sql, second)]
    expect(attempt).toBe(1)
    expect(waiting).toMatchObject({
      ...{ state: 'pending', run_at: until },
      error: {
        code: 'rate_limited',
        message: expect.stringMatching(`^openai is not asked before ${until}, `),
      },
    })
    expect((await eventTypes(db.sql, second)).slice(-2)).toEqual(['claimed', 'retry'])
    expect(await waitingOn(db.sql, second)).toMatchObject({
      ...{ code: 'paused', until },
      text: expect.stringMatching(
        /^openai has limited the rate for \d s \(Rate limit .*\); next try in 30 min$/,
      ),
    })
    await db.sql`update hai.task_queue set max_attempts = 1`
    await age(db.sql, second, 1801)
    await endPause(db.sql)
    await ask()
    expect(await rowOf(db.sql, second)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('is left alone for a minute when it doesn’t say for how long', async () => {
    await aQuestion()
    server.next({ status: 429, body: { error: { message: 'slow down' } } })
    await ask()
    expect((Date.parse((await known())!.until) - Date.now()) / 1000).toBeCloseTo(60, -1)
  })

  it('is asked by all who waited once the pause is over, whatever the first of them is told', async () => {
    const ids = [await aQuestion(), await aQuestion(), await aQuestion()]
    server.next(OPENAI_REFUSES.rateLimited(7))
    await ask()
    for (const id of ids) expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', attempt: 1 })
    for (const id of ids) await age(db.sql, id, 8)
    await endPause(db.sql)
    expect((await health(db.sql)).problems).toEqual([])
    server.next(OPENAI_REFUSES.modelMissing('gpt-fake'))
    await ask()
    expect((await known())!).toMatchObject({ state: 'ready', until: null })
    const states = await Promise.all(ids.map(async (id) => (await rowOf(db.sql, id)).state))
    expect(states.sort()).toEqual(['dead', 'done', 'done'])
  })
})

describe('a backend whose quota is used up', () => {
  it('until a day that it names is asked again then', async () => {
    await server.stop()
    server = await fakeAnthropic()
    const until = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10)
    server.next(ANTHROPIC_REFUSES.spendLimit(until))
    const id = await aQuestion()
    await ask(aChoice(server.url, { kind: 'anthropic' }))
    expect((await known('claude'))!.until.slice(0, 16)).toBe(`${until}T00:00`)
    expect((await waitingOn(db.sql, id))?.text).toMatch(
      /^claude has been out of quota .*; next try in \d+ (h|days)$/,
    )
  })

  it('has nothing handed out from its lane, until the pause is over', async () => {
    const ids = [await aQuestion(), await aQuestion()]
    const choice = { ...aChoice(server.url, { external: true }), name: 'claude-code' }
    await ask(choice)
    const { task } = await elsewhere()
    const held = { id: task!.id, lease_no: task!.lease_no, lease_token: task!.lease_token }
    const refused = { code: 'quota_exhausted', message: 'claude-code: its limit is reached', retryable: true }
    await fail(db.sql, { ...held, ...refused, retry_after_seconds: 7200, backend: 'claude-code' })
    expect(await elsewhere()).toMatchObject({ task: null, more: false })
    const left = ids.find((id) => id !== task!.id)!
    expect(await waitingOn(db.sql, left)).toMatchObject({
      ...{ code: 'paused', until: (await known('claude-code'))!.until },
      text: expect.stringMatching(
        /^claude-code has been out of quota .*its limit is reached\); next try in 2 h$/,
      ),
    })
    await endPause(db.sql)
    const probe = (await elsewhere()).task!
    expect(probe.id).toBe(left)
    expect(await known('claude-code')).toMatchObject({ until: expect.any(String) })
    await complete(db.sql, {
      ...{ id: probe.id, lease_no: probe.lease_no, lease_token: probe.lease_token },
      ...{ output: 'so', route: 'claude-code/default' },
    })
    expect(await known('claude-code')).toMatchObject({ state: 'ready' })
  })
})

describe('an Ollama', () => {
  const choice = (): Choice => ({ ...aChoice(server.url, { billing: 'local' }), model: 'llama3.2:3b' })

  it('has its model loaded as a step when it was configured, which is what its task waits for', async () => {
    await server.stop()
    server = await fakeOllama({ loadMs: 600 })
    server.next({ text: 'Because.', pause: { headers: 500 } })
    const id = await aQuestion()
    const working = ask(choice())
    await expect
      .poll(() => waitingOn(db.sql, id))
      .toMatchObject({ code: 'loading', text: expect.stringMatching(/^loading llama3\.2:3b for \d s$/) })
    // the call is made and says nothing yet: no reason to wait is known any more
    await expect.poll(() => callsOf(server).length).toBe(1)
    expect(await waitingOn(db.sql, id)).toBeNull()
    await working
    await aQuestion()
    await ask(choice())
    const [told] = await db.sql<{ loads: number }[]>`
      select count(*)::int as loads from hai.task_event where type = 'loading'`
    expect(told!.loads).toBe(1)
  })

  it('is waited for when it has answered once and is gone, and is no way to go when it never was there', async () => {
    const asked = async () => {
      const id = await aQuestion()
      await work(db.sql, aShift({ offers: [] }))
      return rowOf(db.sql, id)
    }
    expect(await asked()).toMatchObject({ state: 'dead', error: { code: 'no_route' } })
    await db.sql`insert into hai.endpoint (id, name, url, state) values ('x', 'ollama', 'http://127.0.0.1:1/v1', 'ready')`
    expect(await asked()).toMatchObject({ state: 'pending', error: { code: 'unreachable' } })
    await db.sql`update hai.endpoint set since = now() - interval '25 h' where state = 'unreachable'`
    expect(await asked()).toMatchObject({ state: 'dead', error: { code: 'no_route' } })
  })

  it('is not looked for behind a server that charges for answers', async () => {
    await server.stop()
    server = await fakeOllama({ models: [aPulledModel()] })
    await aQuestion()
    await ask({
      ...choice(),
      backend: {
        ...choice().backend,
        billing: 'metered',
        models: { [choice().model]: { input: 1, output: 10 } },
      },
    })
    expect(server.calls.map(({ path }) => path)).toEqual(['/v1/chat/completions'])
  })
})
