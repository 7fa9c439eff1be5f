import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { Accounts } from './accounts.ts'
import type { Database } from './database.ts'
import { Executor, type Queue } from './executor.ts'
import { Flows } from './flows/flows.ts'
import type { Stack } from './http/context.ts'
import { createApi, lastPort, listen, rememberPort } from './http/server.ts'
import { OPERATOR, operatorToken, Tokens } from './identity.ts'
import { Bundle } from './items/bundle.ts'
import { Catalog } from './items/catalog.ts'
import { Items } from './items/items.ts'
import { Uploads } from './items/uploads.ts'
import { Jobs } from './jobs.ts'
import { namedEnvironment } from './process/environment.ts'
import { memoryLimit } from './process/memory.ts'
import type { Pools } from './process/pools.ts'
import { Scheduler } from './schedules.ts'
import { readSettings, SettingsWatch } from './settings.ts'

export const WORKSPACE = 'hai'
const PREFERRED_PORT = 4424
const MIGRATE = 'f/hai/admin/migrate'

export interface ListeningStack extends Stack {
  endpoint: string
  server: Server
}

/** Puts the stack together and opens its HTTP API; schedules don't run yet. */
export async function listenWith(options: {
  dataDir: string
  cold: boolean
  bundle: Bundle
  pools: Pools
  database: Database
  log: (line: string) => void
  called: () => void
  /** Called when the settings are read anew: which there are, and what they refer to. */
  settingsRead: (what: { names: string[]; referred: string[] }) => void
}): Promise<ListeningStack> {
  const { dataDir, cold, bundle, pools, database, log, called, settingsRead } = options
  const jobs = new Jobs(log)
  const accounts = new Accounts(join(dataDir, 'accounts.json'))
  const tokens = new Tokens(operatorToken(dataDir), accounts)
  const uploads = new Uploads(join(dataDir, 'uploads.json'))
  const catalog = new Catalog(bundle, uploads)
  const items = new Items({
    bundle,
    stateFile: join(dataDir, 'state.json'),
    settings: (name) => readSettings(name, process.env),
  })
  const listening = { endpoint: '' }
  const executor = new Executor({
    catalog,
    items,
    jobs,
    tokens,
    pools,
    cold,
    memoryMegabytes: memoryLimit(process.env),
    named: () => namedEnvironment(process.env, watch.referred),
    databaseUrl: database.url,
    workspace: WORKSPACE,
    endpoint: () => listening.endpoint,
    log,
  })
  const flows = new Flows({ catalog, executor, items, jobs })
  const scheduler = new Scheduler({ catalog, executor, flows, items, log })
  const runs = { executor, flows, jobs, scheduler }
  const watch: SettingsWatch = new SettingsWatch({
    bundle,
    items,
    executor,
    env: process.env,
    log,
    changed: () => settingsRead({ names: watch.names, referred: watch.referred }),
  })
  const stack = {
    workspace: WORKSPACE,
    bundle,
    catalog,
    uploads,
    accounts,
    items,
    tokens,
    ...runs,
    log,
    called,
    settle: () => watch.settle(),
  }
  const portFile = join(dataDir, 'port')
  const { server, port } = await listen(createApi(stack), [PREFERRED_PORT, ...lastPort(portFile)])
  rememberPort(portFile, port)
  listening.endpoint = `http://127.0.0.1:${port}`
  return { ...stack, endpoint: listening.endpoint, server }
}

/** Brings the schema up to date by the bundle's own door. A bundle without one has no schema. */
export async function migrate({ bundle, executor, log }: Stack): Promise<void> {
  if (!(await bundle.find(MIGRATE))) {
    log(`there is no ${MIGRATE} in ${bundle.root}; nothing to migrate`)
    return
  }
  // as what it does by itself, like a schedule's: whatever the members are called, and before there are any
  const job = await executor.submit({ path: MIGRATE, args: {}, identity: OPERATOR, schedulePath: MIGRATE })
  await job.done
  if (job.success) return
  throw new Error(
    `the schema could not be migrated: ${messageOf(job.result)}\n${stripVTControlCharacters(job.output.log.text())}`.trimEnd(),
  )
}

function messageOf(result: string | undefined): string {
  const { result: shaped, error } = JSON.parse(result ?? 'null') as FailedResult
  return shaped?.error?.message ?? error?.message ?? String(result)
}

interface FailedResult {
  result?: FailedResult
  error?: { message?: string }
}

/** Takes no more calls; once the jobs have ended, lets their answers leave and cuts what is still open. */
export async function closeServer(server: Server, jobsEnded: Promise<unknown>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await jobsEnded
  const cut = setTimeout(() => server.closeAllConnections(), 500)
  await closed
  clearTimeout(cut)
}

export interface BareStack {
  endpoint: string
  workspace: string
  token: string
  close: () => Promise<void>
}

/** The HTTP API over a bundle, without database, worker processes and schedules: enough for what only reads scripts. */
export async function serveBundle(options: {
  root: string
  /** Where variables and resources that somebody sets would go. */
  dataDir: string
  log: (line: string) => void
}): Promise<BareStack> {
  const { root, dataDir, log } = options
  const bundle = new Bundle(root)
  const jobs = new Jobs(log)
  const token = randomBytes(32).toString('base64url')
  const accounts = new Accounts(join(dataDir, 'accounts.json'))
  const tokens = new Tokens(token, accounts)
  const uploads = new Uploads(join(dataDir, 'uploads.json'))
  const catalog = new Catalog(bundle, uploads)
  const stateFile = join(dataDir, 'state.json')
  const items = new Items({ bundle, stateFile, settings: () => undefined })
  const pools = { doors: NOBODY, work: NOBODY }
  const listening = { endpoint: '' }
  const context = { workspace: WORKSPACE, endpoint: () => listening.endpoint }
  const executor = new Executor({
    catalog,
    items,
    jobs,
    tokens,
    pools,
    cold: true,
    named: () => ({}),
    databaseUrl: '',
    log,
    ...context,
  })
  const flows = new Flows({ catalog, executor, items, jobs })
  const scheduler = new Scheduler({ catalog, executor, flows, items, log })
  const runs = { executor, flows, jobs, scheduler, log, called() {}, async settle() {} }
  const stack = { workspace: WORKSPACE, bundle, catalog, uploads, accounts, items, tokens, ...runs }
  const { server, port } = await listen(createApi(stack), [])
  listening.endpoint = `http://127.0.0.1:${port}`
  const close = () => closeServer(server, Promise.resolve())
  return { endpoint: listening.endpoint, workspace: WORKSPACE, token, close }
}

const NOBODY: Queue = {
  submit: ({ end }) => end({ kind: 'crashed', started: false, reason: 'this stack only reads the bundle' }),
  withdraw: () => false,
  patience: 0,
}
