import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkBundle, problemTable } from '../check/check.ts'
import type { Difference } from '../drift/compare.ts'
import { type Options, readOptions, UsageError } from '../options.ts'
import { ServerError, WindmillServer } from '../server.ts'
import { type StagedDoor, stagedDoors } from '../stage/door.ts'
import { stageBundle } from '../stage/stage.ts'
import { configureWmill } from '../wmill.ts'
import { healthProblems, migrateDatabase, readSettings, smokeTest } from './jobs.ts'
import { type Preflight, preflight } from './preflight.ts'
import { makeFolders, mendOwners, plan, pushNew, removeOld, type Staged } from './push.ts'
import { liveScripts, untilNew, untilRunnable, Warming } from './ready.ts'

const USAGE = `usage: npm run deploy -- --workspace W --base-url URL [--dry-run] [--one-pool] [--keep]
                                [--token-file FILE]
  --dry-run    say what would change, and change nothing
  --one-pool   for a server without worker groups: take the tags away
  --keep       leave scripts, flows, schedules and triggers that the bundle no longer has
The token comes from WMILL_TOKEN, from HAI_TOKEN or from the file. docs/windmill.md tells the rest.`

const ONE_POOL_COST = `--one-pool: waiting work and doors share the workers. While all of them work on tasks, every
door waits, the inbox too, and a sync caller with it; have at least two workers more than tasks that run at once`

/** So many problems are enough to see what is wrong. */
const SHOWN = 20

/** One line for the operator. */
export type Log = (line: string) => void

interface Voice {
  log: Log
  /** How long it is since the command began. */
  took: () => string
}

/**
 * Deploys the bundle: looks first, migrates, pushes, waits until it runs, puts one task through. Returns the exit code:
 * 0 done, 1 it stopped (the last line says where and what to do), 2 usage.
 */
export async function deploy(
  argv: string[],
  env: Record<string, string | undefined>,
  log: Log = (line) => process.stdout.write(`${line}\n`),
): Promise<number> {
  if (argv.includes('--help')) {
    log(USAGE)
    return 0
  }
  const folder = await mkdtemp(join(tmpdir(), 'hai-deploy-'))
  const forget = () => rmSync(folder, { recursive: true, force: true })
  const interrupted = () => {
    forget()
    process.exit(130)
  }
  // The folder holds the token while the CLI runs.
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    return await deployFrom(folder, readOptions(argv, env, ['dry-run', 'one-pool', 'keep']), log)
  } catch (error) {
    if (error instanceof UsageError) log(`${error.message}\n${USAGE}`)
    else if (error instanceof ServerError) log(`stopped: ${error.message}${cureOf(error)}`)
    else throw error
    return error instanceof UsageError ? 2 : 1
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    forget()
  }
}

const cureOf = ({ status }: ServerError): string =>
  status === 401 || status === 403
    ? '; deploying wants a token of an admin of the workspace, without scopes and of no workspace'
    : ''

async function deployFrom(folder: string, options: Options, log: Log): Promise<number> {
  const { root, server, onePool, keep } = options
  const took = stopwatch()
  const windmill = new WindmillServer(server)
  const doors = await stagedDoors(root)
  await refuseUnfit(root, doors)
  const staged = { cwd: join(folder, 'bundle'), configDir: join(folder, 'config') }
  await stageBundle(root, staged.cwd, { onePool, doors })
  const planned = plan(windmill, staged)
  // what the preflight has to say comes first
  planned.catch(() => undefined)
  report(await preflight(windmill, { staged: staged.cwd, onePool }), options, log)
  configureWmill(staged.configDir, server)
  const changes = await planned
  const wanted = keep ? changes.filter(({ state }) => state !== 'extra') : changes
  logPlan(wanted, log)
  if (options.dryRun) return 0
  await apply(windmill, staged, wanted, { log, took }).catch((error: unknown) => {
    if (!(error instanceof ServerError)) throw error
    const stays = 'what was done so far stays, and it is safe to run this again'
    throw new ServerError(`${error.message}; ${stays}`, error.status, { cause: error })
  })
  return 0
}

async function refuseUnfit(root: string, doors: StagedDoor[]): Promise<void> {
  const problems = await checkBundle(root, doors)
  if (problems.length === 0) return
  const more = problems.length > SHOWN ? `\n… and ${problems.length - SHOWN} more` : ''
  throw new ServerError(
    `the bundle is not fit to be pushed\n${problemTable(problems.slice(0, SHOWN))}${more}`,
  )
}

function report(
  { version, user, warnings, pending }: Preflight,
  { server, onePool, dryRun }: Options,
  log: Log,
): void {
  log(
    `${server.endpoint} is Windmill ${version}; deploying to ${server.workspace} as ${user.username} <${user.email}>`,
  )
  for (const warning of warnings) log(`note: ${warning}`)
  if (onePool) log(`note: ${ONE_POOL_COST}`)
  if (dryRun && pending.length > 0) log(`new in the schema: ${pending.join(', ')}`)
}

const VERBS = { missing: 'added', changed: 'edited', extra: 'deleted' }

function logPlan(changes: Difference[], log: Log): void {
  log(
    changes.length > 0 ? `${changes.length} changes:` : 'nothing is new: the server has this bundle already',
  )
  for (const { state, kind, path } of changes) log(`  ${VERBS[state].padEnd(7)}  ${kind.padEnd(13)}  ${path}`)
}

async function apply(
  windmill: WindmillServer,
  staged: Staged,
  changes: Difference[],
  { log, took }: Voice,
): Promise<void> {
  const applied = await migrateDatabase(windmill, staged.cwd)
  log(applied.length > 0 ? `migrated: ${applied.join(', ')}` : 'the schema is up to date')
  for (const done of await makeFolders(windmill)) log(done)
  const pushed = changes.filter(({ state }) => state !== 'extra')
  if (pushed.length > 0) {
    log(`pushing ${pushed.length} …`)
    await pushNew(staged, pushed)
  }
  for (const path of await mendOwners(windmill)) log(`${path} runs as the user hai now`)
  if (pushed.length > 0) log(`pushed, ${took()}`)
  const live = await liveScripts(windmill)
  const fresh = pushed.filter(({ kind }) => kind === 'script').map(({ path }) => path)
  await untilRunnable(windmill, live, fresh)
  const warming = new Warming(windmill, live, fresh)
  if (fresh.length > 0) {
    log(`having calls get ${fresh.length} new versions …`)
    await warming.during(untilNew(windmill, live, fresh))
    log(`calls get the new versions, ${took()}`)
  }
  await warming.during(tryOut(windmill, live, log), BESIDE)
  for (const path of await removeOld(windmill, changes)) log(`deleted ${path}`)
  for (const problem of await healthProblems(windmill, live)) log(`health: ${problem}`)
  log(`deployed, ${took()}`)
  if (warming.left > 0) await watch(warming, { log, took })
}

/** How many doors warm up while calls of the deploy's own have to be answered. */
const BESIDE = 1

async function tryOut(windmill: WindmillServer, live: Map<string, string>, log: Log): Promise<void> {
  await readSettings(windmill, live)
  const seconds = await smokeTest(windmill, live)
  log(`a task went through the inbox and came back in ${seconds.toFixed(1)} s`)
}

/** Whoever stops here loses nothing but the word whether each door starts. */
async function watch(warming: Warming, { log, took }: Voice): Promise<void> {
  log(`${warming.left} of ${warming.size} doors warm up still, each by answering once …`)
  const left = await warming.rest()
  if (left.length === 0) log(`each of ${warming.size} doors has answered, ${took()}`)
  else log(`note: no worker has come yet to ${left.join(', ')}: whether they start is not known`)
}

/** How long it is since then, as one reads it. */
function stopwatch(): () => string {
  const began = performance.now()
  return () => `${((performance.now() - began) / 1000).toFixed(1)} s`
}
