import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { ensureRunning, type Instance, readInstance, stopInstance } from '../../../runner/instance.ts'
import { commandOf, processes } from '../../../runner/process/table.ts'
import { projectRoot } from '../../../runner/root.ts'
import { buildProject, removeStack, testEnvironment } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const { root } = bundleFolder({
  'f/hai/admin/migrate.ts': 'export function main() { return { version: 1 } }',
  'f/hai/admin/health.ts':
    'export function main() { return { queue: { running: 0, due: 0, next_due_at: null } } }',
  'f/hai/ping.ts': 'export function main() { return "pong" }',
  'f/hai/loop.ts': 'export function main() { for (;;) {} }',
  'f/hai/loop.script.yaml': 'tag: hai-work\n',
})
const { root: unmigratable } = bundleFolder({
  'f/hai/admin/migrate.ts': 'export function main() { throw new Error("migration 7 was edited") }',
})
const { root: busy } = bundleFolder({
  'f/hai/admin/health.ts': `import { appendFileSync } from 'node:fs'
export function main() {
  appendFileSync(import.meta.dirname + '/../../../asked', 'x')
  return { queue: { running: 0, due: 0, next_due_at: new Date(Date.now() + 60_000).toISOString() } }
}`,
})

const environments: Record<string, string>[] = []

async function environment(extra: Record<string, string> = {}): Promise<Record<string, string>> {
  await buildProject()
  const env = await testEnvironment({ bundle: root, databaseUrl: inject('databaseUrl'), env: extra })
  environments.push(env)
  return env
}

afterEach(async () => {
  for (const env of environments.splice(0)) await removeStack(env)
})

function start(env: Record<string, string>, phases: string[] = []): Promise<Instance> {
  return ensureRunning({ env, progress: (phase) => phases.push(phase), idleMinutes: 10 })
}

function ownProcesses(env: Record<string, string>): string[] {
  return processes()
    .filter(({ command }) => command.includes(env.HAI_DATA_DIR!))
    .map(({ pid, command }) => `${pid} ${command}`)
}

async function post(instance: Instance, script: string, route = 'run_wait_result'): Promise<string> {
  const url = `${instance.endpoint}/api/w/${instance.workspace}/jobs/${route}/p/${script}`
  const authorization = `Bearer ${readFileSync(instance.token_file, 'utf8').trim()}`
  return (await fetch(url, { method: 'POST', headers: { authorization } })).text()
}

describe('starting', () => {
  it('tells its phases, and leaves a token and a record that only the owner can read', async () => {
    const env = await environment()
    const phases: string[] = []
    const instance = await start(env, phases)
    expect(phases).toContain('migrating')
    expect(instance).toMatchObject({ ready: true, phase: 'ready', workspace: 'hai', cluster_dir: '' })
    expect(instance.pids.workers.length).toBeGreaterThanOrEqual(3)
    expect(await post(instance, 'f/hai/ping')).toBe('"pong"')
    for (const file of [instance.token_file, join(instance.data_dir, 'runner.json')]) {
      expect(statSync(file).mode & 0o777).toBe(0o600)
    }
    expect(readInstance(instance.data_dir)).toEqual(await start(env))
  })

  it('gives all of many racing callers the same instance', async () => {
    const env = await environment()
    const instances = await Promise.all(Array.from({ length: 6 }, () => start(env)))
    expect(new Set(instances.map(({ pid }) => pid)).size).toBe(1)
    await expect.poll(() => ownProcesses(env).filter((line) => line.includes('runner.cjs')).length).toBe(1)
    expect(await post(instances[0]!, 'f/hai/ping')).toBe('"pong"')
  })

  it('keeps the token over a restart, and the port when it is free', async () => {
    const env = await environment()
    const first = await start(env)
    const token = readFileSync(first.token_file, 'utf8')
    await stopInstance({ env })
    const second = await start(env)
    expect(second.pid).not.toBe(first.pid)
    expect(readFileSync(second.token_file, 'utf8')).toBe(token)
  })

  it('takes another port when its own is taken', async () => {
    const env = await environment()
    const other = createServer()
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port))
    })
    mkdirSync(env.HAI_DATA_DIR!, { recursive: true })
    writeFileSync(join(env.HAI_DATA_DIR!, 'port'), String(port))
    const instance = await start(env)
    expect(instance.endpoint).not.toContain(String(port))
    expect(await post(instance, 'f/hai/ping')).toBe('"pong"')
    await new Promise((resolve) => other.close(resolve))
  })

  it('says why it could not, and where the log is', async () => {
    const broken = await environment({ HAI_BUNDLE_DIR: unmigratable })
    await expect(start(broken)).rejects.toThrow(/could not start.*migration 7 was edited.*runner\.log/s)
    expect(ownProcesses(broken)).toEqual([])
    const noServer = await environment({ HAI_DATABASE_URL: 'postgresql://hai:secret@127.0.0.1:1/hai' })
    const failure = await start(noServer).catch((error: Error) => error.message)
    expect(failure).toMatch(/127\.0\.0\.1:1\/hai \(HAI_DATABASE_URL\): .*ECONNREFUSED/)
    expect(failure).not.toContain('secret')
    for (const [url, why] of [
      ['nonsense', /HAI_DATABASE_URL is no URL/],
      ['postgresql://hai:secret@127.0.0.1:1', /HAI_DATABASE_URL names no host and database/],
      ['postgresql://hai:secret%zz@127.0.0.1:1/hai', /HAI_DATABASE_URL/],
    ] as const) {
      const env = await environment({ HAI_DATABASE_URL: url })
      await expect(start(env)).rejects.toThrow(why)
      expect(readFileSync(join(env.HAI_DATA_DIR!, 'logs', 'runner.log'), 'utf8')).not.toContain('secret')
    }
    await expect(start(await environment({ HAI_DOOR_PROCESSES: 'many' }))).rejects.toThrow(
      /HAI_DOOR_PROCESSES/,
    )
  })

  it('names a data directory that cannot be written', async () => {
    const env = await environment()
    const file = join(env.HOME!, 'a-file')
    writeFileSync(file, '')
    await expect(start({ ...env, HAI_DATA_DIR: join(file, 'data') })).rejects.toThrow(
      /is not writable \(ENOTDIR\)/,
    )
  })

  it('refuses a data directory that others can write to, or that is somebody else’s', async () => {
    const env = await environment()
    const folder = join(env.HOME!, 'open')
    mkdirSync(folder)
    chmodSync(folder, 0o777)
    await expect(start({ ...env, HAI_DATA_DIR: folder })).rejects.toThrow(/mode 0777.*chmod 700/)
    expect(readdirSync(folder)).toEqual([])
    chmodSync(folder, 0o700)
    if (process.getuid?.() !== 0) return
    chownSync(folder, 12345, 12345)
    await expect(start({ ...env, HAI_DATA_DIR: folder })).rejects.toThrow(/belongs to user 12345/)
  })

  it('in the foreground beside a running one, ends at once and in peace', async () => {
    const env = await environment()
    const { pid } = await start(env)
    const program = join(projectRoot(), 'build', 'runner.cjs')
    const child = spawn(process.execPath, [program, 'serve', '--foreground'], { env })
    let text = ''
    child.stderr.on('data', (chunk) => {
      text += chunk
    })
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
    expect(text).toContain('is running already')
    expect(readInstance(env.HAI_DATA_DIR!)?.pid).toBe(pid)
  })
})

describe('stopping', () => {
  it('leaves no process and no record, and is false the second time', async () => {
    const env = await environment()
    const instance = await start(env)
    await post(instance, 'f/hai/loop', 'run')
    expect(await stopInstance({ env })).toBe(true)
    expect(ownProcesses(env)).toEqual([])
    for (const pid of instance.pids.workers) expect(commandOf(pid)).toBeUndefined()
    expect(existsSync(join(instance.data_dir, 'runner.json'))).toBe(false)
    expect(await stopInstance({ env })).toBe(false)
  })

  it('also ends its own PostgreSQL, and finds its data again', async () => {
    // of other programs: none leads the stack elsewhere, or keeps it from its own
    const theirs = { DATABASE_URL: 'postgresql://them:theirs@127.0.0.1:1/theirs', PGHOST: 'nowhere.invalid' }
    const env = await environment({
      HAI_DATABASE_URL: '',
      ...theirs,
      PGSSL: 'require',
      PGTARGETSESSIONATTRS: 'standby',
    })
    const unused = 'DATABASE_URL is set and not used; HAI_DATABASE_URL is what names a database of hai’s'
    const [phases, later]: [string[], string[]] = [[], []]
    const first = await start(env, phases)
    expect(phases.filter((phase) => phase.includes('DATABASE_URL'))).toEqual([unused])
    expect(first.pids.postgres).toBeGreaterThan(0)
    await stopInstance({ env })
    expect(commandOf(first.pids.postgres!)).toBeUndefined()
    expect(existsSync(join(first.cluster_dir, 'postmaster.pid'))).toBe(false)
    const second = await start(env, later)
    expect(second.database_url).toBe(first.database_url)
    expect(later.join()).not.toContain('DATABASE_URL')
    const log = readFileSync(join(env.HAI_DATA_DIR!, 'logs', 'runner.log'), 'utf8')
    expect(log).not.toContain(new URL(first.database_url).password)
    expect(log).not.toContain('theirs')
  })

  it('works while it starts', async () => {
    const env = await environment({ HAI_DATABASE_URL: '' })
    const starting = start(env).then(
      () => 'started',
      () => 'refused',
    )
    await expect.poll(() => readInstance(env.HAI_DATA_DIR!)).toBeDefined()
    await stopInstance({ env })
    // The caller that waited may have started another one, which is its right.
    await starting
    await stopInstance({ env })
    expect(ownProcesses(env)).toEqual([])
  })

  it('happens by itself after idle minutes', async () => {
    const env = await environment()
    const instance = await ensureRunning({ env, progress: () => {}, idleMinutes: 0.02 })
    await expect.poll(() => commandOf(instance.pid)).toBeUndefined()
    expect(ownProcesses(env)).toEqual([])
  })

  it('does not happen by itself while something is due', async () => {
    const asked = join(busy, 'asked')
    const env = await environment({ HAI_BUNDLE_DIR: busy })
    const instance = await ensureRunning({ env, progress: () => {}, idleMinutes: 0.02 })
    await expect.poll(() => existsSync(asked) && readFileSync(asked, 'utf8')).toBe('xx')
    expect(readInstance(env.HAI_DATA_DIR!)).toMatchObject({ pid: instance.pid, ready: true })
  })
})

describe('after kill -9', () => {
  it('leaves no worker of the runner, not even a blocked one, and the next start just works', async () => {
    const env = await environment()
    const first = await start(env)
    await post(first, 'f/hai/loop', 'run')
    process.kill(first.pid, 'SIGKILL')
    await expect.poll(() => ownProcesses(env)).toEqual([])
    expect(readInstance(env.HAI_DATA_DIR!)).toBeUndefined()
    const second = await start(env)
    expect(second.pid).not.toBe(first.pid)
    expect(await post(second, 'f/hai/ping')).toBe('"pong"')
  })

  it('has the runner’s PostgreSQL adopted by the next start, or ended by a stop', async () => {
    const env = await environment({ HAI_DATABASE_URL: '' })
    const first = await start(env)
    process.kill(first.pid, 'SIGKILL')
    await expect.poll(() => commandOf(first.pid)).toBeUndefined()
    const second = await start(env)
    expect(second.pids.postgres).toBe(first.pids.postgres)
    process.kill(second.pid, 'SIGKILL')
    await expect.poll(() => commandOf(second.pid)).toBeUndefined()
    expect(await stopInstance({ env })).toBe(true)
    expect(commandOf(second.pids.postgres!)).toBeUndefined()
    expect(ownProcesses(env)).toEqual([])
  })

  it('has the stack come back by itself when it was PostgreSQL’s', async () => {
    const env = await environment({ HAI_DATABASE_URL: '' })
    const instance = await start(env)
    process.kill(instance.pids.postgres!, 'SIGKILL')
    const pid = () => readInstance(env.HAI_DATA_DIR!)?.pids.postgres
    await expect.poll(pid).not.toBe(instance.pids.postgres)
    await expect
      .poll(() => readFileSync(join(env.HAI_DATA_DIR!, 'logs', 'runner.log'), 'utf8'))
      .toContain('took the instance lock again')
    expect(await post(instance, 'f/hai/ping')).toBe('"pong"')
    expect(readInstance(env.HAI_DATA_DIR!)?.pid).toBe(instance.pid)
  })
})

describe('the record', () => {
  it('is not taken for a live runner’s when that is dead, even when its pid was given away', async () => {
    const env = await environment()
    const instance = await start(env)
    await stopInstance({ env })
    const file = join(instance.data_dir, 'runner.json')
    writeFileSync(file, JSON.stringify({ ...instance, pid: process.pid }))
    expect(readInstance(instance.data_dir)).toBeUndefined()
    writeFileSync(file, '{"pid": 1')
    expect(readInstance(instance.data_dir)).toBeUndefined()
    expect((await start(env)).pid).not.toBe(process.pid)
  })

  it('is written again when someone removed it, and a second runner gives way', async () => {
    const env = await environment()
    const { pid, data_dir } = await start(env)
    rmSync(join(data_dir, 'runner.json'))
    expect((await start(env)).pid).toBe(pid)
  })
})
