import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Accounts } from './accounts.ts'
import { Executor, type Queue } from './executor.ts'
import { Flows } from './flows/flows.ts'
import { createApi, listen } from './http/server.ts'
import { Tokens } from './identity.ts'
import { Bundle } from './items/bundle.ts'
import { Catalog } from './items/catalog.ts'
import { Items } from './items/items.ts'
import { Uploads } from './items/uploads.ts'
import { Jobs } from './jobs.ts'
import { Scheduler } from './schedules.ts'
import { closeServer, WORKSPACE } from './stack.ts'

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
