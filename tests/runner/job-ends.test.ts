import { beforeAll, describe, expect, inject, it } from 'vitest'
import { Executor, type ExecutorOptions } from '../../runner/executor.ts'
import { OPERATOR } from '../../runner/identity.ts'
import { Jobs } from '../../runner/jobs.ts'
import { isTooDeep, MOST_LEVELS } from '../../runner/json-depth.ts'
import fc from '../support/fast-check.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { bundleFolder } from './bundle-folder.ts'

const { root } = bundleFolder({
  'f/hai/nothing.ts': 'export function main() {}',
  'f/hai/deep.ts':
    'export function main(levels: number) { let a: any = 1; for (let n = 0; n < levels; n += 1) a = [a]; return a }',
  'f/hai/in.ts': 'export function main(body: any) { return typeof body }',
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
      jobs: new Jobs(),
      items: { reader: () => ({}) },
      tokens: { mint: () => ({ token: '', revoke() {} }) },
      named: () => ({}),
      pools: { doors: { submit() {}, withdraw: () => true }, work: { submit() {}, withdraw: () => true } },
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
