import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { health } from '../../../f/hai/core/health.ts'
import { home } from '../../../f/hai/core/home.ts'
import { tendBackends } from '../../../f/hai/core/model/tend.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, clear, rowOf } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import type { HttpAnswer } from '../../support/models/behaviour.ts'
import { fakeClaude } from '../../support/models/claude.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeLlamaCpp, LLAMA_REFUSES } from '../../support/models/llama-cpp.ts'
import { OPENAI_REFUSES } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf, endPause } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeLlamaCpp()
})
afterEach(async () => {
  await server.stop()
  vi.unstubAllEnvs()
})

const llama = (): Choice => ({ ...aChoice(server.url, { billing: 'local' }), name: 'llama' })
const ask = (choice = llama()) => work(db.sql, aShift(anAccess(choice)))
/** Seconds until the next try. */
async function waitOf(id: string): Promise<number> {
  const [row] = await db.sql<{ seconds: number }[]>`
    select extract(epoch from run_at - updated_at)::float8 as seconds from hai.task_queue where id = ${id}`
  return row!.seconds
}
const port = () => Number(new URL(server.url).port)

describe('a task', () => {
  it('waits while its model is loaded, less and less often, and is then answered at its first attempt', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    const waits: number[] = []
    for (let waited = 0; waited < 300; waited += waits.at(-1)!) {
      server.next(LLAMA_REFUSES.loading())
      await ask()
      waits.push(await waitOf(id))
      expect(await rowOf(db.sql, id)).toMatchObject({
        state: 'pending',
        attempt: 1,
        error: { code: 'loading' },
      })
      await age(db.sql, id, 60)
    }
    expect(waits[0]).toBeLessThan(4)
    expect(waits.at(-1)).toBeGreaterThan(10)
    expect(Math.max(...waits)).toBeLessThan(20)
    await ask()
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('does not wait for ever: then it ends with the trouble as its reason, and what to do', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    server.next(LLAMA_REFUSES.loading(), LLAMA_REFUSES.loading())
    await ask()
    await db.sql`update hai.task_queue set waited = '{"loading": 899.5, "unreachable": 7000}'`
    await age(db.sql, id, 60)
    await ask()
    expect(await rowOf(db.sql, id)).toMatchObject({
      ...{ state: 'dead', attempt: 1 },
      error: {
        code: 'loading',
        message: 'llama answered 503: Loading model; a task waits at most 15 min for that',
        next_step: `hai task retry ${id.slice(-6)}`,
      },
    })
  })

  it('waits a minute when it is a chat, before which somebody sits', async () => {
    const other = await aTask(db.sql, { content: 'later?' })
    const id = await aTask(db.sql, { content: 'why?', chat: {} })
    const choice = llama()
    await server.stop()
    await ask(choice)
    await ask(choice)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', error: { code: 'unreachable' } })
    await db.sql`update hai.task_queue set waited = '{"unreachable": 59.5}'`
    for (const each of [id, other]) await age(db.sql, each, 60)
    await ask(choice)
    await ask(choice)
    expect(await rowOf(db.sql, id)).toMatchObject({
      ...{ state: 'dead', attempt: 1 },
      error: {
        code: 'unreachable',
        message: expect.stringMatching(/; a chat waits at most 60 s for that$/),
      },
    })
    expect(await rowOf(db.sql, other)).toMatchObject({ state: 'pending', error: { code: 'unreachable' } })
  })

  it('waits for a server that refuses connections, and is answered as soon as a look sees it again', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    const choice = llama()
    await server.stop()
    for (let n = 0; n < 5; n += 1) {
      await ask(choice)
      expect(await rowOf(db.sql, id)).toMatchObject({
        state: 'pending',
        attempt: 1,
        error: { code: 'unreachable' },
      })
      if (n < 4) await age(db.sql, id, 100)
    }
    server = await fakeLlamaCpp({ port: port() })
    await db.sql`update hai.endpoint set heard_at = now() - interval '6 s'`
    expect(await tendBackends(db.sql)).toEqual({ recalled: 1 })
    await ask(choice)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('waits for a limit that Claude Code tells in prose, until that time in that zone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hai-put-off-'))
    const claude = await fakeClaude(folder)
    const result = "You've hit your limit · resets 2:30pm (America/Toronto)"
    const lines = [
      { type: 'system', subtype: 'init', session_id: 's-1' },
      { type: 'result', subtype: 'success', is_error: true, result, session_id: 's-1' },
    ]
    const script = lines.map((line) => `cat <<'E'\n${JSON.stringify(line)}\nE`).join('\n')
    await writeFile(join(claude.bin, 'claude'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    vi.stubEnv('PATH', `${claude.bin}:/bin:/usr/bin`)
    const id = await aTask(db.sql, { content: 'why?' })
    const choice = aChoice('', { kind: 'claude-code', billing: 'subscription' })
    await ask({ ...choice, name: 'claude-code', backend: { ...choice.backend, url: 'claude' } })
    await rm(folder, { recursive: true })
    const row = await rowOf(db.sql, id)
    expect(row).toMatchObject({ state: 'pending', attempt: 1, error: { code: 'quota_exhausted' } })
    const clock = new Intl.DateTimeFormat('en-US', {
      timeZone: 'America/Toronto',
      hour: 'numeric',
      minute: '2-digit',
    }).format(new Date(Date.parse(row.run_at) + 500))
    expect(clock).toMatch(/^2:30\sPM$/)
    expect(Date.parse(row.run_at) - Date.now()).toBeLessThanOrEqual(25 * 3_600_000)
  })

  it('is never tried too early after limits told in any way, uses no attempt, and ends in time', async () => {
    const told = (seconds: number): HttpAnswer[] => [
      { status: 429, headers: { 'retry-after': String(seconds) }, body: { error: { message: 'slow down' } } },
      { status: 429, headers: { 'retry-after-ms': String(seconds * 1000) }, body: 'slow down' },
      { status: 429, headers: { 'x-ratelimit-reset-requests': `${seconds}s` }, body: 'slow down' },
      { status: 429, headers: { 'x-ratelimit-reset': String(Date.now() + seconds * 1000) }, body: 'no' },
      {
        status: 429,
        body: { error: { message: `Please try again in ${Math.floor(seconds / 60)}m${seconds % 60}s.` } },
      },
      { status: 429, body: { error: { details: [{ retryDelay: `${seconds}s` }] } } },
      {
        status: 503,
        headers: { 'retry-after': String(seconds) },
        body: { error: { message: 'Loading model' } },
      },
      {
        status: 529,
        headers: { 'retry-after': String(seconds) },
        body: { error: { message: 'Overloaded' } },
      },
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.nat({ max: 7 })), {
          minLength: 1,
          maxLength: 4,
        }),
        async (limits) => {
          await clear(db.sql)
          const id = await aTask(db.sql, { content: 'why?', retry_policy: { max_attempts: 1 } })
          for (const [seconds, form] of limits) {
            const before = Date.now()
            server.next(told(seconds)[form]!)
            await ask()
            const row = await rowOf(db.sql, id)
            expect(row.attempt).toBe(1)
            if (row.state === 'dead') {
              expect(row.error!.message).toMatch(/a task waits at most (?:15|60) min for that$/)
              return
            }
            expect(row.state).toBe('pending')
            expect(Date.parse(row.run_at)).toBeGreaterThanOrEqual(before + seconds * 1000 - 5)
            await age(db.sql, id, 10_000)
            await endPause(db.sql)
          }
          await ask()
          expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
        },
      ),
      { numRuns: 12 },
    )
  })
})

describe('trouble', () => {
  const said = async () =>
    [...((await home(db.sql, {}, aCaller())).problems ?? []), ...(await health(db.sql)).problems].filter(
      (text) => text.startsWith('llama '),
    )
  const looks = () => server.callsOf('/v1/models').length
  const later = (seconds = 360) => db.sql`
    update hai.endpoint set since = since - make_interval(secs => ${seconds}),
      heard_at = heard_at - make_interval(secs => ${seconds})`

  it('is looked at before it is told where one look can end it, once for all who ask', async () => {
    await aTask(db.sql, { content: 'why?' })
    server.next('cut')
    await ask()
    // the call itself looked what window the model has
    const before = looks()
    await Promise.all(Array.from({ length: 8 }, said))
    expect(looks()).toBe(before + 1)
    expect(await said()).toEqual([])
    // where nothing is wrong nobody looks
    await later()
    await said()
    expect(looks()).toBe(before + 1)
  })

  it('is told as it is while it goes on, and as it was where no look can tell', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    const choice = llama()
    await server.stop()
    await ask(choice)
    await later()
    expect((await said())[0]).toMatch(/^llama has been unreachable for 6 min \(/)
    expect((await waitingOn(db.sql, id))?.text).toMatch(
      /^llama has been unreachable for 6 min \(.*; next try in \d s$/,
    )
    server = await fakeLlamaCpp({ port: port(), apiKey: 'another' })
    await age(db.sql, id, 100)
    await ask(choice)
    await later()
    expect((await said())[0]).toMatch(
      /^llama refused its login 6 min ago \(Invalid API Key\); give llama a valid api_key/,
    )
  })

  it('is over when its limit’s time is, and is nobody’s of another url or key', async () => {
    const ids = [await aTask(db.sql, { content: 'why?' }), await aTask(db.sql, { content: 'how?' })]
    server.next(OPENAI_REFUSES.rateLimited(7))
    await ask()
    expect(callsOf(server)).toHaveLength(1)
    expect(await said()).toHaveLength(2)
    await db.sql`update hai.endpoint set until = until - interval '8 s'`
    expect(await said()).toEqual([])
    for (const id of ids) await age(db.sql, id, 8)
    server.next(LLAMA_REFUSES.unauthorized(), LLAMA_REFUSES.unauthorized())
    await ask()
    expect(await said()).toHaveLength(2)
    const at = (url: string) => ({
      backends: { llama: { ...llama().backend, url, models: { 'gpt-fake': {} } } },
    })
    const configure = (models: object) => db.sql`
      insert into hai.config (name, value, hash) values ('models', ${db.sql.json(models as never)}, 'x')
      on conflict (name) do update set value = excluded.value`
    await configure(at(`${server.url}/v1`))
    // the key that was refused is not the one that is configured, which is none
    expect(await said()).toEqual([])
    await configure(at('http://127.0.0.1:9/v1'))
    expect(await said()).toEqual([])
  })

  it('is not sought: who is no Ollama is asked once whether it is one', async () => {
    for (let n = 0; n < 3; n += 1) await aTask(db.sql, { content: 'why?' })
    await ask()
    expect(callsOf(server)).toHaveLength(3)
    expect(server.callsOf('/api/ps')).toHaveLength(1)
    expect(server.callsOf('/v1/models').length).toBeLessThanOrEqual(1)
  })
})
