import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOptions, UsageError } from '../options.ts'
import { ServerError, WindmillServer } from '../server.ts'
import { stageBundle } from '../stage/stage.ts'
import type { Server } from '../wmill.ts'
import { compare, type Difference, driftTable, type Side } from './compare.ts'
import { gitSides, liveSides } from './sides.ts'

const USAGE = `usage: npm run drift -- --workspace W --base-url URL [--one-pool] [--report] [--token-file FILE]
The token comes from WMILL_TOKEN, from HAI_TOKEN or from the file. --report stores what was found in hai, as the user of
HAI_TOKEN where that is set (hai auth token add --for ci --allow drift), else as the same.`

/** So many differences a report names; the rest is counted. */
const EXAMPLES = 20
const LINE = 300
const TARGET = 200

/**
 * Compares what a deploy of the checkout would push with what a server has. Returns the exit code: 0 the same,
 * 1 they differ (a table says where), 2 usage, 3 they could not be compared, or the report did not arrive.
 */
export async function drift(
  argv: string[],
  env: Record<string, string | undefined>,
  log: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): Promise<number> {
  if (argv.includes('--help')) {
    log(USAGE)
    return 0
  }
  let compared = false
  try {
    const { server, root, onePool, report } = readOptions(argv, env, ['one-pool', 'report'])
    const windmill = new WindmillServer(server)
    await refuseShortSighted(windmill)
    const git = await stagedSides(root, onePool)
    const differences = compare(git, await liveSides(windmill, git))
    log(differences.length > 0 ? driftTable(differences) : `${git.length} items, all as in Git`)
    compared = true
    if (report) {
      await tell({ ...server, token: env.HAI_TOKEN?.trim() || server.token }, git.length, differences)
      log('reported to hai')
    }
    return differences.length > 0 ? 1 : 0
  } catch (error) {
    if (error instanceof UsageError) log(`${error.message}\n${USAGE}`)
    else if (error instanceof ServerError)
      log(`${compared ? 'cannot report' : 'cannot compare'}: ${error.message}`)
    else throw error
    return error instanceof UsageError ? 2 : 3
  }
}

/** Tells hai, which keeps the last report; `hai doctor`, the dashboard and the metric show it. */
async function tell(server: Server, compared: number, differences: readonly Difference[]): Promise<void> {
  const examples = differences
    .slice(0, EXAMPLES)
    .map(({ state, kind, path }) => `${state}: ${kind} ${path}`.slice(0, LINE))
  const target = `${server.workspace} on ${server.endpoint}`.slice(0, TARGET)
  const body = { kind: 'windmill', target, compared, differences: differences.length, examples }
  await new WindmillServer(server).text(
    'jobs/run_wait_result/p/f/hai/admin/drift?invisible_to_owner=true',
    body,
  )
}

/** Who may not read a folder would see as missing what lies in it. */
async function refuseShortSighted(windmill: WindmillServer): Promise<void> {
  const { username, is_admin } = await windmill.json<{ username: string; is_admin: boolean }>('users/whoami')
  if (is_admin) return
  throw new ServerError(
    `this token is of ${username}, who is no admin of the workspace and may not see all of it; use one of an admin`,
  )
}

/** The checkout as a deploy would push it. */
async function stagedSides(root: string, onePool: boolean): Promise<Side[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hai-drift-'))
  try {
    await stageBundle(root, folder, { onePool })
    return gitSides(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
