import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, vi } from 'vitest'
import { ensureRunning, type Instance, readInstance, stopInstance } from '../../runner/instance.ts'
import { clusterDirOf } from '../../runner/postgres/cluster.ts'
import { commandOf } from '../../runner/process/table.ts'
import { projectRoot } from '../../runner/root.ts'
import { aDatabase } from './database.ts'

/** A local stack of a test's own, on a home directory of its own, as `hai up` starts it. */
export interface TestStack {
  instance: Instance
  endpoint: string
  workspace: string
  token: string
  /** What a CLI process or another start needs to find this stack. */
  env: Record<string, string>
  /** POSTs to the sync webhook of a script; the answer as it came. */
  call: <Body = unknown>(path: string, args?: unknown) => Promise<Answer<Body>>
  /** One request to the API, its path without the endpoint; with the token, if the headers name no other. */
  request: (path: string, init?: RequestInit) => Promise<Response>
  stop: () => Promise<void>
}

export interface Answer<Body> {
  status: number
  /** Parsed when it came as JSON, else text. */
  body: Body
}

export interface StackOptions {
  /** The folder that holds `f/`; the project's own when not given. */
  bundle?: string
  /** Use this server instead of an embedded PostgreSQL of its own, which takes a second more. */
  databaseUrl?: string
  /** Use a migrated database of the run's own server: to make one and a server for it takes seconds of the processor. */
  shared?: boolean
  env?: Record<string, string>
  /** Minutes without a call after which it stops by itself. */
  idleMinutes?: number
}

const PREFIX = 'hai-stack-'
const started = new Set<TestStack>()

/** Starts a stack. It is stopped and its files are removed after the test file, whatever happens. */
export async function startStack(options: StackOptions = {}): Promise<TestStack> {
  await buildProject()
  await removeAbandoned()
  const database = options.shared ? await aDatabase() : undefined
  const env = await testEnvironment(database ? { ...options, databaseUrl: database.url } : options)
  // A stack whose test was killed shall not run for ever.
  const idleMinutes = options.idleMinutes ?? 10
  const instance = await ensureRunning({ env, progress: () => {}, idleMinutes })
  const stack = testStack(instance, env, database)
  started.add(stack)
  return stack
}

afterAll(async () => {
  await Promise.all([...started].map((stack) => stack.stop()))
})

/** Has the model server at `url` answer by default, under the name `llama`. */
export async function answerBy(stack: TestStack, url: string): Promise<void> {
  const folder = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  await mkdir(folder, { recursive: true })
  const models = `default: llama/gpt-fake\nbackends:\n  llama: { kind: openai-compatible, url: '${url}', billing: local, models: { gpt-fake: {} } }\n`
  await writeFile(join(folder, 'models.yaml'), models)
}

/** The environment of a user who has just one fresh home directory. */
export async function testEnvironment(options: StackOptions = {}): Promise<Record<string, string>> {
  const home = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`))
  await chmod(home, 0o711)
  const { PATH = '', HAI_COLD, LANG = 'C.UTF-8' } = process.env
  return {
    PATH,
    LANG,
    HOME: home,
    HAI_DATA_DIR: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_STATE_HOME: join(home, 'state'),
    // No test is to meet an Ollama that happens to run on this machine.
    OLLAMA_HOST: '127.0.0.1:9',
    ...(HAI_COLD ? { HAI_COLD } : {}),
    ...(options.bundle ? { HAI_BUNDLE_DIR: options.bundle } : {}),
    ...(options.databaseUrl ? { HAI_DATABASE_URL: options.databaseUrl } : {}),
    ...options.env,
  }
}

function testStack(
  instance: Instance,
  env: Record<string, string>,
  database: { drop(): Promise<void> } | undefined,
): TestStack {
  const token = readFileSync(instance.token_file, 'utf8').trim()
  const { endpoint, workspace } = instance
  const request: TestStack['request'] = (path, init = {}) => {
    // one that was started again may have another port
    const now = readInstance(env.HAI_DATA_DIR!)?.endpoint || endpoint
    return fetch(`${now}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...init.headers },
    })
  }
  const stack: TestStack = {
    instance,
    endpoint,
    workspace,
    token,
    env,
    request,
    call: async <Body>(path: string, args: unknown = {}): Promise<Answer<Body>> => {
      const response = await request(`/api/w/${workspace}/jobs/run_wait_result/p/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(args),
      })
      const text = await response.text()
      const json = response.headers.get('content-type')?.startsWith('application/json')
      return { status: response.status, body: (json ? JSON.parse(text) : text) as Body }
    },
    stop: async () => {
      started.delete(stack)
      await removeStack(env)
      await database?.drop()
    },
  }
  return stack
}

/** Stops what runs in the environment of a test, and removes its files. */
export async function removeStack(env: Record<string, string>): Promise<void> {
  const dataDir = env.HAI_DATA_DIR!
  const cluster = readInstance(dataDir)?.cluster_dir || clusterDirOf(dataDir)
  await stopInstance({ env })
  // Under root the cluster may lie outside of the home, in a folder of its own.
  await rm(dirname(cluster), { recursive: true, force: true })
  await rm(env.HOME!, { recursive: true, force: true })
}

/** Stops and removes what earlier runs left that were killed. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? []
    if (!pid || commandOf(Number(pid))) continue
    const home = join(tmpdir(), name)
    await removeStack({ HOME: home, HAI_DATA_DIR: join(home, 'data') })
  }
}

/** Bundles the CLI and the runner when a source is newer. Test files run side by side: one builds, the others wait. */
export async function buildProject(): Promise<void> {
  const root = projectRoot()
  if (isFresh(root)) return
  const lock = join(root, 'build', '.lock')
  mkdirSync(dirname(lock), { recursive: true })
  await vi.waitFor(() => takeLock(lock), { interval: 50 })
  try {
    if (!isFresh(root)) execFileSync(process.execPath, ['build.mjs'], { cwd: root, stdio: 'inherit' })
  } finally {
    rmSync(lock, { recursive: true })
  }
}

function takeLock(lock: string): void {
  // Left by a run that was killed while it built.
  if (changedAt(lock) > 0 && Date.now() - changedAt(lock) > 30_000)
    rmSync(lock, { recursive: true, force: true })
  mkdirSync(lock)
}

function isFresh(root: string): boolean {
  const built = ['hai.cjs', 'runner.cjs', 'serve.cjs', 'kubernetes.cjs'].map((name) =>
    changedAt(join(root, 'build', name)),
  )
  const sources = ['cli', 'worker', 'serve', 'runner', 'f/hai/core'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      changedAt(join(root, folder, name)),
    ),
  )
  return Math.min(...built) >= Math.max(...sources, changedAt(join(root, 'build.mjs')))
}

function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
