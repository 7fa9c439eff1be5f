import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { workerEnvironment } from '../../../runner/process/environment.ts'
import { MARK } from '../../../runner/process/mark.ts'
import { JobOutput } from '../../../runner/process/output.ts'
import { WorkerProcess } from '../../../runner/process/process.ts'
import { commandOf } from '../../../runner/process/table.ts'
import { bunBinary, projectRoot } from '../../../runner/root.ts'
import { WORKER_NAMES } from '../../../windmill/conformance/cases/worker.ts'
import { WHITELIST } from '../../../windmill/whitelist.ts'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const WORK = 'tag: hai-work\n'
/** Says when it is told to end, by whatever signal can be heard. */
const TOLD = `export async function main() {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => console.log('told'))
  console.log('on')
  await new Promise((r) => setTimeout(r, 60_000))
}`
const { root, write } = bundleFolder({
  'f/hai/pid.ts': 'export function main() { return process.pid }',
  'f/hai/echo.ts':
    'export async function main(n: number) { await new Promise((r) => setTimeout(r, n % 7)); console.log("n", n); return { n, job: process.env.WM_JOB_ID } }',
  'f/hai/wait.ts':
    'export async function main(ms: number) { await new Promise((r) => setTimeout(r, ms)); return process.pid }',
  'f/hai/spin.ts': 'export function main() { console.log("spinning"); for (;;) {} }',
  'f/hai/exit.ts': 'export function main(code: number) { console.log("last words"); process.exit(code) }',
  'f/hai/reject.ts':
    'export async function main() { Promise.reject(new Error("nobody listens")); await new Promise(() => {}) }',
  // by hand: Bun's process.stdout.write drops what a full socket doesn't take
  'f/hai/flood.ts':
    'import { writeSync } from "node:fs"\nexport function main() { let rest = Buffer.alloc(8 << 20, "x".repeat(1023) + "\\n"); while (rest.length > 0) { try { rest = rest.subarray(writeSync(1, rest)) } catch (error) { if ((error as { code?: string }).code !== "EAGAIN") throw error } } return "done" }',
  'f/hai/big.ts': 'export function main(mb: number) { return "y".repeat(mb * 1024 * 1024) }',
  'f/hai/closed.ts': 'import { closeSync } from "node:fs"\nexport function main() { closeSync(1); return 1 }',
  'f/hai/fd3.ts':
    'import { writeSync } from "node:fs"\nexport function main() { writeSync(3, "rubbish\\n"); return 1 }',
  'f/hai/env.ts': `export function main(set?: string) {
    const before = { job: process.env.WM_JOB_ID, schedule: process.env.WM_SCHEDULE_PATH }
    if (set) process.env.WM_EXTRA = set
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
    return { ...before, all: { ...process.env }, zone }
  }`,
  'f/hai/told.ts': TOLD,
  'f/hai/quick.ts': TOLD,
  'f/hai/quick.script.yaml': 'timeout: 0.3\n',
  'f/hai/work.ts': 'export async function main() { await new Promise((r) => setTimeout(r, 60_000)) }',
  'f/hai/work.script.yaml': WORK,
  'f/hai/tidy.ts': `export async function main() {
    process.on('SIGTERM', () => console.log('told by the wrong signal'))
    console.log('on')
    await new Promise<void>((r) => process.once('SIGINT', r))
    console.log('gave the task back')
  }`,
  'f/hai/tidy.script.yaml': WORK,
  'f/hai/tidied.ts': `export async function main() {
    console.log('on')
    await new Promise<void>((r) => process.once('SIGINT', r))
    console.log('gave the task back')
  }`,
  'f/hai/tidied.script.yaml': `${WORK}timeout: 2\n`,
  'f/hai/child.ts': `import { spawn } from 'node:child_process'
export async function main() {
  const child = spawn('sleep', ['61'], { stdio: 'ignore' })
  console.log(String(child.pid))
  await new Promise(() => {})
}`,
  'f/hai/own_channels.resource.yaml':
    'resource_type: c_hai_own_channels\nvalue: { phone: { url: $env:NAMED_KEY } }\n',
  'f/other/pid.ts': 'export function main() { return process.pid }',
  'f/other/names.ts': 'export function main() { return Object.keys(process.env) }',
  'f/hai/version.ts': "import { version } from './library.ts'\nexport function main() { return version }",
  'f/hai/library.ts': 'export const version = 1',
})

let stack: TestStack
const cold = process.env.HAI_COLD === '1'

beforeAll(async () => {
  const env = {
    MINE: 'not for scripts',
    HAI_TOKEN: 'secret',
    HAI_MINE: 'not for scripts either',
    TZ: 'Asia/Tokyo',
    ANTHROPIC_API_KEY: 'key',
    OPENAI_API_KEY: 'of a backend that no setting names',
    NAMED_KEY: 'of a channel that a setting names',
    HTTPS_PROXY: 'http://proxy.example.com:3128',
  }
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl'), env })
})

async function submit(script: string, args: object = {}): Promise<string> {
  const response = await stack.request(`/api/w/hai/jobs/run/p/f/hai/${script}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  })
  return response.text()
}

/** Without the colours that a worker has its scripts write. */
async function logs(id: string): Promise<string> {
  return stripVTControlCharacters(await (await stack.request(`/api/w/hai/jobs_u/get_logs/${id}`)).text())
}

interface View {
  type: string
  running?: boolean
  success?: boolean
  canceled?: boolean
  worker?: string
  result?: { error?: { name: string; message: string } }
}

async function view(id: string): Promise<View> {
  return (await stack.request(`/api/w/hai/jobs_u/get/${id}`)).json() as Promise<View>
}

function cancel(id: string, reason = 'no longer wanted') {
  return stack.request(`/api/w/hai/jobs_u/queue/cancel/${id}`, {
    method: 'POST',
    body: JSON.stringify({ reason }),
  })
}

async function ended(id: string): Promise<View> {
  await expect.poll(async () => (await view(id)).type).toBe('CompletedJob')
  return view(id)
}

async function printed(id: string, text: string): Promise<void> {
  await expect.poll(() => logs(id)).toContain(text)
}

async function pidOf(id: string): Promise<number> {
  await expect.poll(async () => (await view(id)).running).toBe(true)
  return Number((await view(id)).worker?.split('-')[1])
}

async function dead(pid: number): Promise<void> {
  await expect.poll(() => commandOf(pid)).toBeUndefined()
}

describe('a crashed script', () => {
  it.each([0, 7])('is a failed job that says so when it called process.exit(%i)', async (code) => {
    const id = await submit('exit', { code })
    const { success, result } = await ended(id)
    expect(success).toBe(false)
    expect(result?.error?.message).toContain(`exited with code ${code}`)
    expect(await logs(id)).toBe('last words\n')
    expect((await stack.call('f/hai/pid')).status).toBe(200)
  })

  it('is a failed job with the reason in its log when it left a rejection unhandled', async () => {
    const id = await submit('reject')
    expect((await ended(id)).result?.error?.name).toBe('ExecutionErr')
    expect(await logs(id)).toContain('nobody listens')
  })

  it('whose process was killed names the signal, and the next call gets another process', async () => {
    const id = await submit('spin')
    await printed(id, 'spinning')
    process.kill(await pidOf(id), 'SIGKILL')
    expect((await ended(id)).result?.error?.message).toContain('SIGKILL')
    expect((await stack.call('f/hai/pid')).status).toBe(200)
  })

  it('does not show when an idle process was killed', async () => {
    const pids = new Set<number>()
    for (let i = 0; i < 5; i++) {
      const { status, body } = await stack.call<number>('f/hai/pid')
      expect(status).toBe(200)
      pids.add(body)
      if (!cold) process.kill(body, 'SIGKILL')
    }
    expect(pids.size).toBe(5)
  })

  it('harms nobody else when it closed its stdout, or wrote to our channel', async () => {
    expect((await stack.call('f/hai/closed')).status).toBe(200)
    expect((await stack.call('f/hai/fd3')).status).toBe(422)
    expect((await stack.call('f/hai/pid')).status).toBe(200)
  })
})

describe('cancel', () => {
  it('stops a script in a blocked loop, and its process', async () => {
    const id = await submit('spin')
    await printed(id, 'spinning')
    const pid = await pidOf(id)
    expect((await cancel(id)).status).toBe(200)
    const { success, result } = await ended(id)
    expect(success).toBe(false)
    expect(result?.error).toMatchObject({
      name: 'ExecutionErr',
      message:
        'execution error:\njob process terminated due to cancelled by operator (reason: no longer wanted)',
    })
    await dead(pid)
  })

  it('kills a door at once, and lets work tidy up at a SIGINT', async () => {
    const [told, tidy] = [await submit('told'), await submit('tidy')]
    await Promise.all([printed(told, 'on'), printed(tidy, 'on')])
    const pids = [await pidOf(told), await pidOf(tidy)]
    await Promise.all([cancel(told), cancel(tidy)])
    expect((await ended(told)).canceled).toBe(true)
    expect(await logs(told)).toBe('on\n')
    expect((await ended(tidy)).canceled).toBe(true)
    expect(await logs(tidy)).toBe('on\ngave the task back\n')
    // that its job is over by itself leaves no process that was told to end
    await Promise.all(pids.map(dead))
  })

  it('waits no longer than it is told to for a script that hears the signal and goes on', async () => {
    const bun = bunBinary()
    const dataDir = join(root, 'data')
    const harness = join(projectRoot(), 'runner', 'process', 'harness.ts')
    const env = workerEnvironment(process.env)
    const name = randomUUID()
    const child = new WorkerProcess({ bun, harness, dataDir, cwd: root, env, name, preload: [] })
    const output = new JobOutput(() => {})
    const order = { id: 'a', path: 'f/hai/told', file: join(root, 'f/hai/told.ts'), args: {}, parameters: [] }
    const ending = child.run({ ...order, env: {}, mark: '\0over\n' }, output, () => {})
    await expect.poll(() => output.log.text()).toBe('on\n')
    child.end(300)
    expect(await ending).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('SIGKILL') })
    expect(output.log.text()).toBe('on\ntold\n')
  })

  it('also ends what the script started', async () => {
    const id = await submit('child')
    await printed(id, '\n')
    const child = Number(await logs(id))
    expect(commandOf(child)).toBe('sleep 61')
    await cancel(id)
    await dead(child)
  })

  it.each([
    ['told', 'on\n'],
    ['tidy', 'on\ngave the task back\n'],
  ])('happens alike when the caller of the sync route hangs up: %s', async (script, said) => {
    const id = crypto.randomUUID()
    const path = `/api/w/hai/jobs/run_wait_result/p/f/hai/${script}`
    const headers = { authorization: `Bearer ${stack.token}`, 'content-type': 'application/json' }
    const call = httpRequest(`${stack.endpoint}${path}?job_id=${id}`, { method: 'POST', headers })
    call.on('error', () => {})
    call.end('{}')
    await printed(id, 'on')
    call.destroy()
    expect((await ended(id)).result?.error?.message).toContain('http connection broke')
    expect(await logs(id)).toBe(said)
  })

  it('is what a timeout in the script metadata does', async () => {
    const { status, body } = await stack.call('f/hai/quick')
    expect(status).toBe(422)
    const message =
      'execution error:\njob process terminated due to timeout after exceeding job-specific duration limit'
    expect(body).toEqual({ error: { name: 'ExecutionErr', message } })
    const id = await submit('tidied')
    expect((await ended(id)).result?.error).toEqual({ name: 'ExecutionErr', message })
    expect(await view(id)).toMatchObject({
      canceled: true,
      canceled_by: 'timeout',
      canceled_reason: 'duration > 2',
    })
    expect(await logs(id)).toBe('on\ngave the task back\n')
  })
})

describe('output', () => {
  it('is kept up to 1 MB, however much is printed', async () => {
    const id = await submit('flood')
    expect((await ended(id)).result).toBe('done')
    const text = await logs(id)
    expect(text.length).toBeLessThan(1024 * 1024 + 100)
    expect(text).toMatch(/\n\[the log is full at 1 MB; .* is not kept\]\n$/)
  })

  it('never holds what another job printed', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, (_, n) => submit('echo', { n })))
    for (const [n, id] of ids.entries()) {
      await ended(id)
      expect(await logs(id)).toBe(`n ${n}\n`)
    }
  })

  it('may be a result of 10 MB, and one of 40 MB is refused', async () => {
    expect((await stack.call<string>('f/hai/big', { mb: 10 })).body).toHaveLength(10 * 1024 * 1024)
    const { status, body } = await stack.call('f/hai/big', { mb: 40 })
    expect([status, body]).toEqual([
      422,
      { error: expect.objectContaining({ message: expect.stringMatching(/limit/) }) },
    ])
  })
})

describe('many callers', () => {
  it('200 at once: each gets its own answer', async () => {
    const numbers = Array.from({ length: 200 }, (_, n) => n)
    const answers = await Promise.all(
      numbers.map((n) => stack.call<{ n: number; job: string }>('f/hai/echo', { n })),
    )
    expect(answers.map(({ body }) => body.n)).toEqual(numbers)
    expect(new Set(answers.map(({ body }) => body.job)).size).toBe(200)
  })

  it('are answered while every work process that they may have is blocked', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => submit('work')))
    await expect
      .poll(async () => (await Promise.all(ids.map(view))).filter(({ running }) => running).length)
      .toBe(6)
    const began = performance.now()
    for (let i = 0; i < 20; i++) expect((await stack.call('f/hai/pid')).status).toBe(200)
    expect(performance.now() - began).toBeLessThan(40_000)
    await Promise.all(ids.map((id) => cancel(id)))
    for (const id of ids) expect((await ended(id)).canceled).toBe(true)
  })
})

describe('a warm process', () => {
  it.skipIf(cold)('is used again by the scripts of hai, and by no others', async () => {
    const [first, second] = [await stack.call('f/hai/pid'), await stack.call('f/hai/pid')]
    expect(second.body).toBe(first.body)
    const others = [await stack.call('f/other/pid'), await stack.call('f/other/pid')]
    expect(new Set([first.body, ...others.map(({ body }) => body)]).size).toBe(3)
  })

  it.runIf(cold)('does not exist with HAI_COLD=1', async () => {
    const pids = [await stack.call('f/hai/pid'), await stack.call('f/hai/pid'), await stack.call('f/hai/pid')]
    expect(new Set(pids.map(({ body }) => body)).size).toBe(3)
  })

  it('shows a job nothing of the job before it, nor of the environment hai was started in', async () => {
    type Env = { job: string; schedule: string; zone: string; all: Record<string, string> }
    const one = (await stack.call<Env>('f/hai/env', { set: 'left behind' })).body
    const two = (await stack.call<Env>('f/hai/env')).body
    expect(two.job).not.toBe(one.job)
    expect(two.schedule).toBe('')
    expect(two.zone).toBe('UTC')
    const proxies = ['HTTPS_PROXY', 'NO_PROXY']
    const names = [...WORKER_NAMES, ...WHITELIST, ...proxies, 'NAMED_KEY', MARK]
    expect(Object.keys(two.all).sort()).toEqual(names.sort())
    expect(two.all).toMatchObject({
      FORCE_COLOR: '1',
      DO_NOT_TRACK: '1',
      BASE_URL: stack.endpoint,
      HAI_TIME_ZONE: 'Asia/Tokyo',
      ANTHROPIC_API_KEY: 'key',
      NAMED_KEY: 'of a channel that a setting names',
      NO_PROXY: 'localhost,127.0.0.1',
      // named, and set nowhere
      NODE_EXTRA_CA_CERTS: '',
      WM_SCHEDULED_FOR: expect.stringMatching(/T\d\d:\d\d:\d\dZ$/),
    })
  })

  it('shows a script that is none of hai’s no database', async () => {
    const { body } = await stack.call<string[]>('f/other/names')
    expect(body).toContain('HAI_TIME_ZONE')
    expect(body).not.toContain('HAI_DATABASE_URL')
  })

  it('is replaced when a file of the bundle changed', async () => {
    expect((await stack.call('f/hai/version')).body).toBe(1)
    write('f/hai/library.ts', 'export const version = 2')
    await expect.poll(async () => (await stack.call('f/hai/version')).body).toBe(2)
    write('f/hai/new.ts', 'export function main() { return "new" }')
    expect((await stack.call('f/hai/new')).body).toBe('new')
  })
})
