import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { Executor, type ExecutorOptions } from '../../runner/executor.ts'
import { isTooDeep, MOST_LEVELS } from '../../runner/http/arguments.ts'
import { OPERATOR } from '../../runner/identity.ts'
import { logFileOf } from '../../runner/instance/file.ts'
import { Jobs } from '../../runner/jobs.ts'
import { JobOutput } from '../../runner/process/output.ts'
import { type Assignment, Pool, type PoolOptions } from '../../runner/process/pool.ts'
import type { WorkerProcess } from '../../runner/process/process.ts'
import type { Ending, Order } from '../../runner/process/protocol.ts'
import { outliveRejections } from '../../runner/serve.ts'
import fc from '../support/fast-check.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { bundleFolder } from './bundle-folder.ts'

const { root } = bundleFolder({
  'f/hai/nothing.ts': 'export function main() {}',
  'f/hai/deep.ts':
    'export function main(levels: number) { let a: any = 1; for (let n = 0; n < levels; n += 1) a = [a]; return a }',
  'f/hai/in.ts': 'export function main(body: any) { return typeof body }',
  'f/hai/slow.ts': 'export async function main() { await new Promise((r) => setTimeout(r, 60_000)) }',
  'f/hai/nested__flow/flow.yaml': `summary: hands a deep result on
value:
  modules:
    - id: a
      value: { type: script, path: f/hai/deep, input_transforms: { levels: { type: javascript, expr: flow_input.levels } } }
    - id: b
      value: { type: script, path: f/hai/in, input_transforms: { body: { type: javascript, expr: results.a } } }
`,
  'f/hai/in.http_trigger.yaml':
    'script_path: f/hai/in\nis_flow: false\nroute_path: in\nhttp_method: post\nrequest_type: sync\nauthentication_method: windmill\nworkspaced_route: false\nwrap_body: true\nraw_string: true\n',
})

let stack: TestStack
beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

const post = (path: string, body: string) =>
  stack.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
const nested = (levels: number, inner = '1') => '['.repeat(levels) + inner + ']'.repeat(levels)
const unfinished = async () => {
  const jobs = (await (await stack.request('/api/w/hai/jobs/list')).json()) as { success?: boolean }[]
  return jobs.filter(({ success }) => success === undefined).length
}

describe('a body that nests without end', () => {
  it.each([
    'w/hai/jobs/run/p/f/hai/nothing',
    'w/hai/jobs/run_wait_result/p/f/hai/nothing',
    'w/hai/jobs/run_and_stream/p/f/hai/nothing',
    'w/hai/jobs/run_wait_result/f/f/hai/nested',
    'w/hai/jobs/run/preview',
    'w/hai/jobs/run/preview_flow',
    'w/hai/resources/create',
    'w/hai/variables/create',
    'w/hai/scripts/create',
    'users/tokens/create',
    'r/in',
  ])('is refused by %s, and leaves no job', async (path) => {
    for (const levels of [MOST_LEVELS + 1, 1500, 3000, 100_000]) {
      for (const body of [nested(levels), `{"a":${nested(levels)}}`, '['.repeat(levels)]) {
        const answer = await post(`/api/${path}`, body)
        expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('nests deeper')])
      }
    }
    expect(await unfinished()).toBe(0)
  })

  it('is taken up to the limit, and brackets inside of texts are none', async () => {
    const path = '/api/w/hai/jobs/run_wait_result/p/f/hai/in'
    expect((await post(path, `{"body":${nested(MOST_LEVELS - 1)}}`)).status).toBe(200)
    expect((await post(path, JSON.stringify({ body: '[{"'.repeat(9000) }))).status).toBe(200)
  })

  it('is measured as a parser would', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.integer({ min: 195, max: 203 }), (inner, around) => {
        const text = nested(around, inner)
        expect(isTooDeep(text)).toBe(around + depth(JSON.parse(inner)) > MOST_LEVELS)
      }),
    )
  })
})

describe('a client that hangs up', () => {
  const lines = () => readFileSync(logFileOf(stack.env.HAI_DATA_DIR!), 'utf8')

  /** Sends the beginning of a request, and no more of it. */
  async function hangUp(path: string, body: string, announced: number | undefined, meanwhile: () => unknown) {
    const { hostname, port } = new URL(stack.endpoint)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const length = announced === undefined ? 'transfer-encoding: chunked' : `content-length: ${announced}`
    const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${stack.token}\r\ncontent-type: application/json\r\n${length}\r\n\r\n`
    socket.write(head + body)
    await meanwhile()
    socket.resetAndDestroy()
    await once(socket, 'close')
  }

  it('costs no line in the log, wherever he does', async () => {
    const before = lines()
    const paths = [
      'w/hai/jobs/run/p/f/hai/in',
      'w/hai/jobs/run_wait_result/p/f/hai/in',
      'w/hai/jobs/run_and_stream/p/f/hai/in',
      'w/hai/jobs/run_wait_result/f/f/hai/nested',
      'w/hai/jobs/run/preview',
      'w/hai/resources/create',
      'w/hai/jobs_u/queue/cancel/none',
      'w/hai/nothing/like/it',
      'users/tokens/create',
      'r/in',
    ]
    const called = () => stack.call('f/hai/nothing')
    for (const path of paths) {
      await hangUp(`/api/${path}`, '{"body":', 100_000, called)
      await hangUp(`/api/${path}`, '8\r\n{"body":\r\n', undefined, called)
    }
    const running = () => expect.poll(unfinished).toBe(1)
    for (const mode of ['run_wait_result', 'run_and_stream']) {
      await hangUp(`/api/w/hai/jobs/${mode}/p/f/hai/slow`, '{}', 2, running)
      const jobs = (await (await stack.request('/api/w/hai/jobs/queue/list')).json()) as { id: string }[]
      // a stream's job goes on by itself
      for (const { id } of jobs) await post(`/api/w/hai/jobs_u/queue/cancel/${id}`, '{}')
      await expect.poll(unfinished).toBe(0)
    }
    await called()
    expect(lines()).toBe(before)
  })
})

it('ends a job whose own result is too deep to be handed on', async () => {
  for (const levels of [5_000, 50_000]) {
    await stack.call('f/hai/deep', { levels })
    await post('/api/w/hai/jobs/run_wait_result/f/f/hai/nested', JSON.stringify({ levels }))
  }
  expect(await unfinished()).toBe(0)
  expect(await stack.call('f/hai/nothing')).toEqual({ status: 200, body: null })
})

describe('a job whose way to its process breaks', () => {
  const broken = () => {
    throw new RangeError('Maximum call stack size exceeded')
  }
  const script = { path: 'f/hai/nothing', file: '/nowhere.ts' }
  const executorWith = (options: Partial<ExecutorOptions>) =>
    new Executor({
      jobs: new Jobs(() => {}),
      items: { reader: () => ({}) },
      tokens: { mint: () => ({ token: '', revoke() {} }) },
      named: () => ({}),
      pools: {
        doors: { submit() {}, withdraw: () => true, patience: 0 },
        work: { submit() {}, withdraw: () => true, patience: 0 },
      },
      cold: true,
      workspace: 'hai',
      endpoint: () => '',
      ...options,
    } as unknown as ExecutorOptions)
  const run = (executor: Executor, delayMs = 0) =>
    executor.run(script as never, {
      path: script.path,
      args: {},
      identity: OPERATOR,
      scheduledFor: new Date(Date.now() + delayMs),
    })

  it('has an end: what is made of its result', async () => {
    const pool = {
      submit: ({ end, output }: Assignment) => {
        output.stream.text = broken
        end({ kind: 'finished', success: true, shaped: false, result: 'null' })
      },
    }
    const job = run(executorWith({ pools: { doors: pool } } as unknown as Partial<ExecutorOptions>))
    await job.done
    expect(job).toMatchObject({ success: false, result: expect.stringContaining('call stack') })
  })

  it('has an end: its completion, and that of who watches it', async () => {
    class Breaking extends Jobs {
      #broke = false
      override complete(...args: Parameters<Jobs['complete']>) {
        if (this.#broke) return super.complete(...args)
        this.#broke = true
        return broken()
      }
    }
    const logged: string[] = []
    const jobs = new Breaking((line) => void logged.push(line))
    let finish = () => {}
    const pool = {
      submit({ end }: Assignment) {
        finish = () => end({ kind: 'finished', success: true, shaped: false, result: '7' })
      },
    }
    const job = run(executorWith({ jobs, pools: { doors: pool } } as unknown as Partial<ExecutorOptions>))
    job.watchers.add(broken)
    finish()
    await job.done
    expect(job).toMatchObject({ success: false, result: expect.stringContaining('call stack') })
    expect(logged).toEqual([expect.stringContaining('call stack')])
  })

  it.each([
    ['its arguments', { items: { reader: broken } }],
    ['its pool', { pools: { doors: { submit: broken } } }],
  ])('has an end: %s', async (_where, options) => {
    for (const delay of [0, 20]) {
      const job = run(executorWith(options as unknown as Partial<ExecutorOptions>), delay)
      await job.done
      expect(job).toMatchObject({ success: false, result: expect.stringContaining('call stack') })
    }
  })
})

describe('a job in a pool', () => {
  const broken = () => {
    throw new RangeError('Maximum call stack size exceeded')
  }
  const FINISHED: Ending = { kind: 'finished', success: true, shaped: false, result: '7' }

  /** A pool whose processes are none: what they do is what the test says. */
  function poolWith({ run, ...given }: Partial<PoolOptions> & { run?: () => Promise<Ending> } = {}) {
    const logged: string[] = []
    const spawn = () => {
      const process = {
        ...{ name: '', pid: undefined, spent: false, fresh: true, lost: undefined },
        gone: new Promise<void>(() => {}),
        run: async (order: Order) => order && (run ? run() : FINISHED),
        kill: () => {
          process.spent = true
        },
      }
      return process as unknown as WorkerProcess
    }
    const pool = new Pool({
      ...{
        name: 'doors',
        min: 0,
        keep: 2,
        max: 2,
        reserved: 0,
        patience: 0,
        spawn,
        stamp: () => '',
        changed() {},
      },
      log: (line) => void logged.push(line),
      ...given,
    })
    const submit = (more: Partial<Assignment> = {}) =>
      new Promise<Ending>((resolve) => {
        pool.submit({
          ...{ user: 'sam', admin: false, shared: false, warm: true, label: () => 'a job' },
          ...{ output: new JobOutput(() => {}), begin: () => ({}) as Order, preprocessed() {}, end: resolve },
          ...more,
        })
      })
    return { submit, logged }
  }
  let times = 0
  const once = (then: () => string) => () => (times++ === 0 ? broken() : then())
  beforeEach(() => {
    times = 0
  })

  it.each([
    ['its order', {}, { begin: broken }],
    ['its run', { run: async () => broken() }, {}],
  ])('ends when %s breaks, and the next one runs', async (_what, options, more) => {
    const { submit } = poolWith(options as Partial<PoolOptions>)
    const broke = await submit(more)
    expect(broke).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('call stack') })
    if ('begin' in more) expect(await submit()).toEqual(FINISHED)
  })

  it('ends when no process can be had for it, and the ones behind it run', async () => {
    const { submit } = poolWith({ stamp: once(() => '') })
    const [first, second] = await Promise.all([submit(), submit()])
    expect([first.kind, second]).toEqual(['crashed', FINISHED])
  })

  it('leaves its process to the next one when its own end breaks, and that is told', async () => {
    const { submit, logged } = poolWith({ max: 1 })
    void submit({ end: broken })
    expect(await submit()).toEqual(FINISHED)
    expect(logged).toEqual([expect.stringContaining('call stack')])
  })

  it('ends though what comes after it breaks', async () => {
    let looked = 0
    // the second look is the one after the run
    const { submit, logged } = poolWith({ max: 1, stamp: () => (++looked === 3 ? broken() : '') })
    expect(await submit()).toEqual(FINISHED)
    expect(await submit()).toEqual(FINISHED)
    expect(logged).toEqual([expect.stringContaining('call stack')])
  })
})

it('is outlived, when a promise of the runner’s rejects with nobody there', () => {
  const logged: string[] = []
  const before = process.listeners('unhandledRejection')
  outliveRejections((line) => void logged.push(line))
  const [added] = process.listeners('unhandledRejection').filter((listener) => !before.includes(listener))
  process.off('unhandledRejection', added!)
  added!(new Error('nobody waits'), Promise.resolve())
  expect(logged).toEqual([expect.stringContaining('nobody waits')])
})

it('goes first when it is a schedule’s or a wake-up, whoever rang', async () => {
  const jobs = new Jobs(() => {})
  const order: [string, boolean, boolean][] = []
  const pool = {
    submit: ({ user, admin, shared }: Assignment) => void order.push([user, admin, shared]),
    withdraw: () => true,
    patience: 0,
  }
  const executor = new Executor({
    ...{ jobs, items: { reader: () => ({}) }, tokens: { mint: () => ({ token: '', revoke() {} }) } },
    ...{ named: () => ({}), pools: { doors: pool, work: pool }, endpoint: () => '' },
  } as unknown as ExecutorOptions)
  const sam = { ...OPERATOR, user: 'sam', admin: false }
  const run = (path: string, identity = sam, schedulePath = '') =>
    executor.run({ path, file: '/nowhere.ts' } as never, { path, args: {}, identity, schedulePath })
  run('f/hai/task/wait')
  run('f/hai/worker/run')
  run('f/hai/outbox/send')
  run('f/hai/worker/sweep', OPERATOR)
  run('f/hai/worker/sweep', OPERATOR, 'f/hai/worker/sweep')
  expect(order).toEqual([
    ['sam', false, false],
    ['sam', false, true],
    ['sam', false, true],
    ['operator', true, false],
    ['operator', true, true],
  ])
})
