import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkBundle, problemTable } from './check.ts'
import { migrateDatabase } from './deploy-migrate.ts'
import { type Options, readOptions, UsageError } from './deploy-options.ts'
import { type Preflight, preflight } from './deploy-preflight.ts'
import { byItem, type Change, plan, pushNew, removeOld, type Staged } from './deploy-push.ts'
import { untilRunnable } from './deploy-ready.ts'
import { healthProblems, readSettings, smokeTest } from './deploy-smoke.ts'
import { readDoors } from './scripts.ts'
import { ServerError, WindmillServer } from './server.ts'
import { stageBundle } from './stage.ts'
import { configureWmill } from './wmill.ts'

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
    else if (error instanceof ServerError) log(`stopped: ${error.message}`)
    else throw error
    return error instanceof UsageError ? 2 : 1
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    forget()
  }
}

async function deployFrom(folder: string, options: Options, log: Log): Promise<number> {
  const { root, server, onePool, keep } = options
  const windmill = new WindmillServer(server)
  await refuseUnfit(root)
  const found = await preflight(windmill, { root, onePool })
  report(found, options, log)
  const staged = { cwd: join(folder, 'bundle'), configDir: join(folder, 'config') }
  await stageBundle(root, staged.cwd, { onePool })
  configureWmill(staged.configDir, server)
  const changes = await plan(staged, { skipFolders: found.folderExists })
  const wanted = keep ? changes.filter(({ type }) => type !== 'deleted') : changes
  logPlan(wanted, log)
  if (options.dryRun) return 0
  const target = { staged, skipFolders: found.folderExists }
  await apply(windmill, target, wanted, log).catch((error: unknown) => {
    if (!(error instanceof ServerError)) throw error
    const stays = 'what was done so far stays, and it is safe to run this again'
    throw new ServerError(`${error.message}; ${stays}`, error.status, { cause: error })
  })
  return 0
}

async function refuseUnfit(root: string): Promise<void> {
  const problems = await checkBundle(root)
  if (problems.length === 0) return
  const more = problems.length > SHOWN ? `\n… and ${problems.length - SHOWN} more` : ''
  throw new ServerError(
    `the bundle is not fit to be pushed\n${problemTable(problems.slice(0, SHOWN))}${more}`,
  )
}

function report({ version, user, warnings }: Preflight, { server, onePool }: Options, log: Log): void {
  log(
    `${server.endpoint} is Windmill ${version}; deploying to ${server.workspace} as ${user.username} <${user.email}>`,
  )
  for (const warning of warnings) log(`note: ${warning}`)
  if (!user.is_admin) log('note: that user is no admin; the server may refuse HTTP triggers')
  if (onePool) log(`note: ${ONE_POOL_COST}`)
}

function logPlan(changes: Change[], log: Log): void {
  const items = byItem(changes)
  log(items.length > 0 ? `${items.length} changes:` : 'the server has this bundle already')
  for (const { type, path } of items) log(`  ${type.padEnd(7)}  ${path}`)
}

interface Target {
  staged: Staged
  skipFolders: boolean
}

async function apply(windmill: WindmillServer, target: Target, changes: Change[], log: Log): Promise<void> {
  const { staged, skipFolders } = target
  const applied = await migrateDatabase(windmill, staged.cwd)
  log(applied.length > 0 ? `migrated: ${applied.join(', ')}` : 'the schema is up to date')
  if (changes.some(({ type }) => type !== 'deleted')) await pushNew(staged, { skipFolders })
  await untilRunnable(
    windmill,
    readDoors(staged.cwd).map(({ path }) => path),
  )
  log('pushed; every script can be run')
  await readSettings(windmill)
  const seconds = await smokeTest(windmill)
  log(`a task went through the inbox and came back in ${seconds.toFixed(1)} s`)
  if (changes.some(({ type }) => type === 'deleted')) await removeOld(staged)
  for (const problem of await healthProblems(windmill)) log(`health: ${problem}`)
  log('deployed')
}
