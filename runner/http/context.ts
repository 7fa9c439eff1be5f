import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Accounts } from '../accounts.ts'
import { ApiError } from '../api-error.ts'
import type { Executor } from '../executor.ts'
import type { Flows } from '../flows/flows.ts'
import type { Identity, Tokens } from '../identity.ts'
import type { Bundle } from '../items/bundle.ts'
import type { Catalog } from '../items/catalog.ts'
import type { Items } from '../items/items.ts'
import type { Uploads } from '../items/uploads.ts'
import type { Jobs } from '../jobs.ts'
import type { Scheduler } from '../schedules.ts'

/** What the routes work on. */
export interface Stack {
  workspace: string
  bundle: Bundle
  catalog: Catalog
  uploads: Uploads
  accounts: Accounts
  executor: Executor
  flows: Flows
  jobs: Jobs
  items: Items
  tokens: Tokens
  scheduler: Scheduler
  log: (line: string) => void
  /** Called at each call of a client that is no job of ours. */
  called: () => void
  /** Resolves when the settings in force are those that the operator's files hold. */
  settle: () => Promise<void>
}

export interface Api {
  Bindings: HttpBindings
  Variables: { identity: Identity }
}

export type Call = Context<Api>

/** What follows `marker` in the path, decoded: a Windmill path, its slashes raw or as %2F. */
export function pathAfter(call: Call, marker: string): string {
  const { path } = call.req
  const encoded = path.slice(path.indexOf(marker) + marker.length)
  try {
    return decodeURIComponent(encoded)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw new ApiError(400, `the path ${encoded} is not valid percent-encoding`)
  }
}
