import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Pool } from '../../f/hai/core/base/db.ts'
import type { Accepted, ClaimedTask, TaskView } from '../../f/hai/core/task/shape.ts'
import { finishStep, startStep } from '../../f/hai/core/task/steps.ts'
import { ensureRunning, stopInstance } from '../../runner/instance.ts'
import { deltas, usageOf } from '../core/model/records.ts'
import { age, aTask, eventTypes, rowOf } from '../support/factories.ts'
import { type ClaudeScript, type FakeClaude, fakeClaude } from '../support/models/claude.ts'
import { fakeOpenAi } from '../support/models/openai.ts'
import { ASK_AGAIN } from '../support/patience.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { type RunningWorker, startWorker } from './running-worker.ts'

const ANSWER = 'It is well.'
const MODELS = `
default: claude-code/default
backends:
  claude-code: { kind: claude-code, billing: subscription, external: true, slots: 4, models: { default: {} } }
`

let stack: TestStack
let sql: Pool
let folder: string
let workers: RunningWorker[]
beforeAll(async () => {
  stack = await startStack({ shared: true })
  const settings = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  await mkdir(settings, { recursive: true })
  await writeFile(join(settings, 'models.yaml'), MODELS)
  sql = connect({ url: stack.instance.database_url })
})
afterAll(() => sql?.end())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hai-worker-'))
  workers = []
})
afterEach(async () => {
  for (const worker of workers) worker.kill('SIGKILL')
  await Promise.all(workers.map(({ ended }) => ended))
  await rm(folder, { recursive: true })
})

/** A worker with a `claude` that goes by `script`. */
async function aWorker(
  script: ClaudeScript = {},
  words: string[] = [],
  env: Record<string, string> = {},
): Promise<RunningWorker & { claude: FakeClaude }> {
  const claude = await fakeClaude(await mkdtemp(join(folder, 'claude-')), script)
  const own = { ...stack.env, ...claude.env, PATH: `${claude.bin}:${stack.env.PATH}`, ...env }
  // the last one of a flag counts
  const worker = await startWorker(own, ['--backend', 'claude-code', ...words])
  workers.push(worker)
  return { ...worker, claude }
}

async function call<T>(path: string, args: object): Promise<T> {
  const { status, body } = await stack.call<T>(`f/hai/${path}`, args)
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
  return body
}

async function ask(content = 'why would a ZFS scrub slow down at night?'): Promise<string> {
  return (await call<Accepted>('inbox', { body: { source: 'cli', content } })).task_id
}

const ends = (id: string, state: string) => expect.poll(async () => (await rowOf(sql, id)).state).toBe(state)

const asked = (claude: FakeClaude, times: number) =>
  expect.poll(async () => (await claude.runs()).length).toBe(times)

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

describe('a worker that lives elsewhere', () => {
  it('answers what waits for its backend, tells it while it is written, and writes down what it used', async () => {
    const worker = await aWorker({ text: ['It is ', 'well.'], pauseMs: 700 })
    const id = await ask()
    await ends(id, 'done')
    expect(await rowOf(sql, id)).toMatchObject({ output: ANSWER, attempt: 1 })
    const { events, lane } = await call<TaskView>('task/show', { id })
    expect(lane).toBe('claude-code')
    expect(events.map(({ type }) => type)).toContain('step_done')
    expect(await deltas(sql, id)).toEqual([
      { at: 0, text: 'It is ' },
      { at: 6, text: 'well.' },
    ])
    expect(await usageOf(sql, id)).toMatchObject([
      { backend: 'claude-code', billing: 'subscription', input: 15_803, output: 20, usd: null },
    ])
    await expect.poll(() => worker.said()).toMatch(/ done, claude-code\/default /)
    expect(worker.said()).not.toContain(stack.token)
  })

  it('asks another backend for the same lane when told so, with the key of its environment', async () => {
    const openai = await fakeOpenAi({ apiKey: 'sk-fake' })
    const home = join(folder, 'config')
    await mkdir(join(home, 'hai'), { recursive: true })
    const backend = {
      kind: 'openai-compatible',
      url: openai.url,
      billing: 'metered',
      api_key: '$env:OPENAI_KEY',
    }
    await writeFile(
      join(home, 'hai', 'models.yaml'),
      JSON.stringify({ backends: { openai: { ...backend, enabled: false, models: { 'gpt-fake': {} } } } }),
    )
    // prices are those of the side with the ledger, and without one no metered call is made
    const priced = { ...backend, enabled: false, models: { 'gpt-fake': { input: 1, output: 1 } } }
    await writeFile(
      join(stack.env.XDG_CONFIG_HOME!, 'hai', 'models.yaml'),
      `${MODELS}  openai: ${JSON.stringify(priced)}\n`,
    )
    const own = { XDG_CONFIG_HOME: home, OPENAI_KEY: 'sk-fake' }
    const worker = await aWorker({}, ['--backend', 'openai', '--lane', 'claude-code'], own)
    const id = await ask()
    await ends(id, 'done')
    expect(await usageOf(sql, id)).toMatchObject([{ backend: 'openai', model: 'gpt-fake', usd: 0.00012 }])
    expect(worker.said()).not.toContain('sk-fake')
    await writeFile(join(stack.env.XDG_CONFIG_HOME!, 'hai', 'models.yaml'), MODELS)
    await openai.stop()
  })

  it('has a built-in utterance in its lane answered without a model', async () => {
    const id = await sql.begin(async (tx) => {
      const made = await aTask(tx, { content: 'what is open?' })
      await tx`update hai.task_queue set lane = 'claude-code' where id = ${made}`
      return made
    })
    const { claude } = await aWorker()
    await ends(id, 'done')
    expect(await claude.runs()).toEqual([])
  })

  it('stops a call soon after its task was cancelled', async () => {
    const { claude, said } = await aWorker({ mode: 'hang', text: ['It is '] })
    const id = await ask()
    await asked(claude, 1)
    const { pid } = (await claude.runs())[0]!
    await call('task/cancel', { id })
    const cancelled = Date.now()
    await expect.poll(() => isAlive(pid)).toBe(false)
    // by a heartbeat, long before anything else would end it
    expect(Date.now() - cancelled).toBeLessThan(30_000)
    await expect.poll(said).toContain("no longer this worker's (cancelled)")
    expect((await rowOf(sql, id)).state).toBe('cancelled')
  })

  it('finishes what is at hand on SIGTERM, takes no more, and says goodbye', async () => {
    const worker = await aWorker({ pauseMs: 800 }, ['--concurrency', '1', '--name', 'leaver'])
    const [first, second] = [await ask(), await ask()]
    await asked(worker.claude, 1)
    worker.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ exit: 0 })
    const states = await Promise.all([first, second].map(async (id) => (await rowOf(sql, id)).state))
    expect(states.sort()).toEqual(['done', 'pending'])
    expect(await sql`select from hai.worker where name = 'leaver'`).toHaveLength(0)
    await aWorker()
    await Promise.all([ends(first, 'done'), ends(second, 'done')])
  })

  it.each([
    ['when its grace is over', ['--grace', '1'], ['SIGTERM']],
    ['at once at a second signal', [], ['SIGTERM', 'SIGINT']],
    ['when its terminal hangs up', ['--grace', '1'], ['SIGHUP']],
  ] as const)('gives back what it cannot finish %s, and no attempt is used', async (_, words, signals) => {
    const worker = await aWorker({ mode: 'hang' }, [...words])
    const id = await ask()
    await asked(worker.claude, 1)
    for (const signal of signals) {
      worker.kill(signal)
      await expect.poll(() => worker.said()).toContain('stopping: 1 at hand')
    }
    expect(await worker.ended).toMatchObject({ exit: 0 })
    const [run] = await worker.claude.runs()
    expect(isAlive(run!.pid)).toBe(false)
    expect(await rowOf(sql, id)).toMatchObject({ state: 'pending' })
    await aWorker()
    await ends(id, 'done')
    expect((await rowOf(sql, id)).attempt).toBe(1)
  })

  it('leaves a task whose worker was killed to the next one, which ends it once, and the program that it ran', async () => {
    const killed = await aWorker({ mode: 'hang', text: ['It is '] })
    const id = await ask()
    await expect.poll(() => deltas(sql, id)).toHaveLength(1)
    const { pid } = (await killed.claude.runs())[0]!
    killed.kill('SIGKILL')
    await killed.ended
    await rescue(id)
    expect(isAlive(pid)).toBe(true)
    const { claude, said } = await aWorker()
    await expect.poll(() => isAlive(pid)).toBe(false)
    expect(said()).toContain(`ended what a worker had left running: ${pid}`)
    await ends(id, 'done')
    expect(await rowOf(sql, id)).toMatchObject({ output: ANSWER, attempt: 2 })
    expect((await eventTypes(sql, id)).filter((type) => type === 'done')).toHaveLength(1)
    expect(await claude.runs()).toHaveLength(1)
    expect(await usageOf(sql, id)).toMatchObject([{ input: null }, { input: 15_803 }])
  })

  it('ends its program when it ends since nobody reads what it says', async () => {
    const worker = await aWorker({ mode: 'hang', text: ['It is '] }, ['--concurrency', '2'])
    const id = await ask()
    await expect.poll(() => deltas(sql, id)).toHaveLength(1)
    const { pid } = (await worker.claude.runs())[0]!
    worker.deafen()
    const [next] = await Promise.all([ask(), worker.ended])
    await expect.poll(() => isAlive(pid)).toBe(false)
    for (const one of [id, next]) await call('task/cancel', { id: one })
  })

  it('does not repeat a call that a killed worker had journaled', async () => {
    const id = await ask()
    await expect
      .poll(async () => (await call<TaskView>('task/show', { id })).lane, ASK_AGAIN)
      .toBe('claude-code')
    const claimed = await call<{ task: ClaimedTask }>('worker/claim', {
      worker: 'w-1',
      lanes: ['claude-code'],
      sends_token: true,
    })
    const { lease_no, lease_token, content, round } = claimed.task
    const step = { id, lease_no, lease_token, call_id: `${id}:${round}:1` }
    await startStep(sql, { ...step, name: 'claude-code/default', request: { content } })
    const answer = { text: 'paid for', tokens: {}, cut: false, ms: 5 }
    await finishStep(sql, { ...step, response: { answer, route: 'claude-code/default' } })
    await rescue(id)
    const { claude } = await aWorker()
    await ends(id, 'done')
    expect(await rowOf(sql, id)).toMatchObject({ output: 'paid for', attempt: 2 })
    expect(await claude.runs()).toEqual([])
  })

  it('answers each of many tasks once when there are two of it', async () => {
    const slow = { text: ['It is ', 'well.'], pauseMs: 500 }
    const both = await Promise.all([aWorker(slow), aWorker(slow)])
    const ids: string[] = []
    const runs = () => Promise.all(both.map(({ claude }) => claude.runs()))
    // however long one of them sleeps between two looks, some work waits for it then
    await expect
      .poll(async () => {
        const [row] = await sql<{ waiting: number }[]>`
          select count(*)::int as waiting from hai.task_queue where id = any(${ids}) and state = 'pending'`
        for (let n = row!.waiting; n < 5; n += 1) ids.push(await ask(`what is the ${ids.length}th thing?`))
        return (await runs()).map((each) => each.length > 0)
      })
      .toEqual([true, true])
    await Promise.all(ids.map((id) => ends(id, 'done')))
    expect((await runs()).flat()).toHaveLength(ids.length)
    const rows = await Promise.all(ids.map((id) => usageOf(sql, id)))
    expect(rows.map((each) => each.length)).toEqual(ids.map(() => 1))
  })

  it('is woken by an announcement when it may listen to the database', async () => {
    const listening = { HAI_DATABASE_URL: stack.instance.database_url }
    const worker = await aWorker({}, ['--name', 'listener'], listening)
    await expect
      .poll(() => sql`select asleep from hai.worker where name = 'listener'`)
      .toMatchObject([{ asleep: true }])
    const started = Date.now()
    await ends(await ask(), 'done')
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'hai worker' and datname = current_database()`
    await ends(await ask(), 'done')
    expect(Date.now() - started).toBeLessThan(10_000)
    expect(worker.said()).not.toContain(new URL(stack.instance.database_url).password)
  })

  it('does not lose an answer that comes while the server is restarted', async () => {
    const worker = await aWorker({ pauseMs: 500 })
    const id = await ask()
    await asked(worker.claude, 1)
    await stopInstance({ env: stack.env })
    await expect.poll(() => worker.said()).toContain('trying again until it answers')
    const { pid } = (await worker.claude.runs())[0]!
    await expect.poll(() => isAlive(pid)).toBe(false)
    const stranger = await aStranger(stack.endpoint)
    const { database_url } = await ensureRunning({ env: stack.env, progress: () => {} })
    await sql.end({ timeout: 0 })
    sql = connect({ url: database_url })
    await ends(id, 'done')
    expect(await stranger.end()).toBe(0)
    expect(await rowOf(sql, id)).toMatchObject({ output: ANSWER, attempt: 1 })
    expect(await worker.claude.runs()).toHaveLength(1)
    expect(worker.said().match(/trying again|the server is back/g)).toEqual([
      'trying again',
      'the server is back',
    ])
  })
})

/** Another program that took the port of a stack that stopped. It tells how many requests it was sent. */
async function aStranger(endpoint: string): Promise<{ end(): Promise<number> }> {
  let requests = 0
  const server = createServer((_, response) => {
    requests += 1
    response.writeHead(401).end()
  })
  server.listen(Number(new URL(endpoint).port), '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    // another test's stack was faster
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return { end: async () => 0 }
    throw error
  }
  const end = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    return requests
  }
  return { end }
}

/** What the sweep does once the lease has run out, without the wait for that. */
async function rescue(id: string): Promise<void> {
  await age(sql, id, 100)
  await call('worker/sweep', {})
  await expect.poll(async () => (await rowOf(sql, id)).state).toBe('pending')
}
