import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const MAYBE_FAIL = `import { writeFileSync, existsSync } from 'node:fs'
export function main(times: number, marker: string) {
  for (let n = 1; n <= times; n++) {
    if (!existsSync(marker + n)) { writeFileSync(marker + n, ''); throw new RangeError('try ' + n) }
  }
  return 'after ' + times
}`
const script = (id: string, path: string, transforms: object, more: object = {}) => ({
  id,
  value: { type: 'script', path, input_transforms: transforms },
  ...more,
})
const js = (expr: string) => ({ type: 'javascript', expr })
const fixed = (value: unknown) => ({ type: 'static', value })
const { root } = bundleFolder({
  'f/hai/double.ts': 'export function main(n: number) { return { twice: 2 * n } }',
  'f/hai/throws.ts': 'export function main(what: string) { throw new TypeError(what) }',
  'f/hai/echo.ts': 'export function main(value: any) { return value }',
  'f/hai/maybe.ts': MAYBE_FAIL,
  'f/hai/wait.ts': 'export async function main() { await new Promise(() => {}) }',
  'f/hai/who.ts': `export function main() {
    const { WM_FLOW_JOB_ID, WM_ROOT_FLOW_JOB_ID, WM_FLOW_PATH, WM_FLOW_STEP_ID, WM_STATE_PATH, WM_JOB_ID } = process.env
    return { WM_FLOW_JOB_ID, WM_ROOT_FLOW_JOB_ID, WM_FLOW_PATH, WM_FLOW_STEP_ID, WM_STATE_PATH, own: WM_JOB_ID !== WM_FLOW_JOB_ID }
  }`,
  'f/hai/greeting.variable.yaml': 'value: hello\nis_secret: false\n',
  'f/hai/lib.ts': 'export const lib = "imported"',
  'f/hai/two__flow/flow.yaml': `summary: Two steps
value:
  modules:
    - id: a
      value: { type: script, path: f/hai/double, input_transforms: { n: { type: javascript, expr: flow_input.n } } }
    - id: b
      value:
        type: rawscript
        language: bun
        content: '!inline b.ts'
        input_transforms:
          before: { type: javascript, expr: results.a.twice }
          same: { type: javascript, expr: 'previous_result.twice === results["a"].twice' }
          text: { type: static, value: $var:f/hai/greeting }
schema: { type: object, properties: { n: { type: number } } }
`,
  'f/hai/two__flow/b.ts':
    "import { lib } from '../lib.ts'\nexport async function main(before: number, same: boolean, text: string) { return { before, same, text, lib } }",
})

let stack: TestStack

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

const JSON_TYPE = { 'content-type': 'application/json' }

async function post(path: string, body: unknown): Promise<[number, string]> {
  const response = await stack.request(`/api/w/hai/${path}`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(body),
  })
  return [response.status, await response.text()]
}

async function preview(modules: unknown[], more: object = {}, args: object = {}): Promise<[number, unknown]> {
  const [status, text] = await post('jobs/run_wait_result/preview_flow', {
    value: { modules, ...more },
    path: 'u/operator/tried',
    args,
  })
  return [status, status < 400 || text.startsWith('{') ? JSON.parse(text) : text]
}

interface ShownJob {
  type: string
  flow_status: { modules: { job?: string }[] }
}

async function job(id: string): Promise<ShownJob> {
  return (await stack.request(`/api/w/hai/jobs_u/get/${id}`)).json() as Promise<ShownJob>
}

describe('a flow', () => {
  it('runs its steps in order, with what came before and what is written', async () => {
    const [status, text] = await post('jobs/run_wait_result/f/f/hai/two', { n: 4 })
    expect([status, JSON.parse(text)]).toEqual([
      200,
      { before: 8, same: true, text: 'hello', lib: 'imported' },
    ])
  })

  it('is a job with a job for each step, and shows how far it is', async () => {
    const [status, id] = await post('jobs/run/f/f/hai/two', { n: 1 })
    expect(status).toBe(201)
    await expect.poll(async () => (await job(id)).type).toBe('CompletedJob')
    const flow = await job(id)
    expect(flow).toMatchObject({
      job_kind: 'flow',
      script_path: 'f/hai/two',
      success: true,
      raw_flow: { modules: [{ id: 'a' }, { id: 'b' }] },
      flow_status: {
        step: 2,
        modules: [
          { id: 'a', type: 'Success' },
          { id: 'b', type: 'Success' },
        ],
      },
    })
    const { modules } = flow.flow_status
    expect(await job(modules[0]!.job!)).toMatchObject({
      parent_job: id,
      is_flow_step: true,
      flow_step_id: 'a',
      result: { twice: 2 },
    })
    const listed = await stack.request('/api/w/hai/jobs/list?job_kinds=flow&has_null_parent=true')
    expect(((await listed.json()) as { id: string }[]).map((one) => one.id)).toContain(id)
  })

  it('tells its steps which flow and step they are', async () => {
    const [, result] = await preview([script('a', 'f/hai/who', {})])
    expect(result).toEqual({
      WM_FLOW_JOB_ID: expect.stringMatching(/^[0-9a-f-]{36}$/),
      WM_ROOT_FLOW_JOB_ID: expect.stringMatching(/^[0-9a-f-]{36}$/),
      WM_FLOW_PATH: 'u/operator/tried',
      WM_FLOW_STEP_ID: 'a',
      WM_STATE_PATH: 'u/operator/tried/a_user',
      own: true,
    })
  })

  it('fails with the error of the step that failed, which names the step', async () => {
    expect(
      await preview([script('a', 'f/hai/throws', { what: fixed('no') }), script('b', 'f/hai/double', {})]),
    ).toEqual([422, { error: expect.objectContaining({ name: 'TypeError', message: 'no', step_id: 'a' }) }])
  })

  it('goes on after a step that may fail', async () => {
    const steps = [
      script('a', 'f/hai/throws', { what: fixed('no') }, { continue_on_error: true }),
      script('b', 'f/hai/echo', { value: js('results.a.error.message + previous_result.error.name') }),
    ]
    expect(await preview(steps)).toEqual([200, 'noTypeError'])
  })

  it('hands a failure to its failure module, and stays failed unless that recovers', async () => {
    const steps = [script('a', 'f/hai/throws', { what: fixed('no') })]
    const handler = (expr: string) => ({
      failure_module: script('failure', 'f/hai/echo', { value: js(expr) }),
    })
    expect(await preview(steps, handler('({ told: error.message, by: error.step_id })'))).toEqual([
      422,
      { told: 'no', by: 'a' },
    ])
    expect(await preview(steps, handler('({ recover: true })'))).toEqual([200, { recover: true }])
  })

  it('tries a step again as often as its retry says', async () => {
    const marker = `${stack.env.HOME}/tried-`
    const retry = { constant: { attempts: 2, seconds: 0 } }
    const maybe = (times: number, name: string) => [
      script('a', 'f/hai/maybe', { times: fixed(times), marker: fixed(marker + name) }, { retry }),
    ]
    expect(await preview(maybe(2, 'twice'))).toEqual([200, 'after 2'])
    expect(await preview(maybe(4, 'four'))).toEqual([
      422,
      { error: expect.objectContaining({ message: 'try 3' }) },
    ])
    const choosy = { ...retry, retry_if: { expr: 'error.name === "TypeError"' } }
    const [step] = maybe(1, 'choosy')
    expect((await preview([{ ...step, retry: choosy }]))[0]).toBe(422)
  })

  it('stops after a step when it is told to', async () => {
    const steps = (expr: string, more = {}) => [
      script('a', 'f/hai/double', { n: fixed(2) }, { stop_after_if: { expr, ...more } }),
      script('b', 'f/hai/echo', { value: fixed('went on') }),
    ]
    expect(await preview(steps('result.twice > 3'))).toEqual([200, { twice: 4 }])
    expect(await preview(steps('result.twice > 4'))).toEqual([200, 'went on'])
    expect(await preview(steps('true', { error_message: 'enough' }))).toEqual([
      422,
      { error: expect.objectContaining({ message: 'enough', step_id: 'a' }) },
    ])
  })

  it('is cancelled with the step that runs', async () => {
    const [, id] = await post('jobs/run/preview_flow', {
      value: { modules: [script('a', 'f/hai/wait', {})] },
    })
    const step = async () => (await job(id)).flow_status
    await expect.poll(async () => (await step()).modules[0]!.job).toBeTruthy()
    await post(`jobs_u/queue/cancel/${id}`, { reason: 'changed my mind' })
    await expect.poll(async () => (await job(id)).type).toBe('CompletedJob')
    expect(await job(id)).toMatchObject({
      canceled: true,
      success: false,
      result: { error: { name: 'Canceled' } },
    })
    expect(await job((await step()).modules[0]!.job!)).toMatchObject({ canceled: true })
  })

  it('names what is missing or not implemented, before anything runs', async () => {
    expect(await post('jobs/run/f/f/hai/none', {})).toEqual([404, 'Not found: flow f/hai/none not found'])
    const loop = { id: 'l', value: { type: 'forloopflow', modules: [] } }
    expect(await preview([loop])).toEqual([501, expect.stringContaining('the type forloopflow of step l')])
    const suspended = script('s', 'f/hai/echo', {}, { suspend: { required_events: 1 } })
    expect(await preview([suspended])).toEqual([501, expect.stringContaining('suspend of step s')])
    expect(await preview([script('a', 'f/hai/none', {})])).toEqual([
      422,
      { error: expect.objectContaining({ message: 'Not found: script f/hai/none not found', step_id: 'a' }) },
    ])
  })
})

describe('an expression', () => {
  const value = async (expr: string, args = {}) => {
    const [, result] = await preview([script('a', 'f/hai/echo', { value: js(expr) })], {}, args)
    return result as { error?: { message: string } }
  }

  it('sees its flow, variables and resources', async () => {
    expect(await value('flow_input.name + variable("f/hai/greeting")', { name: 'me ' })).toBe('me hello')
    expect(await value('const a = flow_input.list.map((n) => n + 1); return a', { list: [1, 2] })).toEqual([
      2, 3,
    ])
  })

  it.each([
    ['process.env'],
    ['globalThis.process.env'],
    ['require("node:fs")'],
    ['(await import("node:fs")).readdirSync("/")'],
    ['import("node:fs")'],
    ['variable.constructor("return process")()'],
    ['flow_input.constructor.constructor("return process.pid")()'],
    ['fetch("http://127.0.0.1")'],
  ])('has no way to the host by %s', async (expr) => {
    expect((await value(expr)).error?.message).toMatch(/^Error during evaluation of expression/)
  })

  it('is ended when it never ends or takes all memory, and names itself when it throws', async () => {
    expect((await value('(() => { for (;;); })()')).error?.message).toContain('for (;;)')
    expect(
      (await value('(() => { const a = []; for (;;) a.push(new Array(1e6).fill(a)) })()')).error,
    ).toBeTruthy()
    for (const outside of [
      'new ArrayBuffer(2 ** 30)',
      'new Uint8Array(2 ** 30)',
      'new Float64Array(2 ** 27)',
    ]) {
      expect((await value(outside)).error?.message).toContain('is not defined')
    }
    expect((await value('flow_input.a.b.c')).error?.message).toContain('flow_input.a.b.c')
  })
})
