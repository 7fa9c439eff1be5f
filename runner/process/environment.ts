import { join } from 'node:path'
import { WHITELIST } from '../../windmill/whitelist.ts'
import { isOwn, type Script } from '../items/bundle.ts'
import type { Job } from '../jobs.ts'

/** The database with its password: only a job of hai's own gets it, and not the process before it has that job. */
const DATABASE_URL = 'HAI_DATABASE_URL'
/** Where a day begins, when no setting says it. */
const TIME_ZONE = 'HAI_TIME_ZONE'
/** What a worker hands on of its own, whatever its whitelist names. */
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
/** And what the stack alone connects by, past a pooler: no job gets that. */
const OF_THE_DATABASE = [DATABASE_URL, 'HAI_DATABASE_DIRECT_URL']

/**
 * What every worker process is started with: what Windmill's worker gives to Bun, and what the whitelist names, empty where
 * it is not set. Throws when HAI_TIME_ZONE is no time zone.
 */
export function workerEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const home = env.HOME || '/tmp'
  const cache = join(home, '.bun', 'install', 'cache')
  const listed = WHITELIST.filter((name) => name !== DATABASE_URL).map((name) => [name, env[name] ?? ''])
  return {
    ...proxiesOf(env),
    PATH: env.PATH ?? '',
    HOME: home,
    TZ: '',
    FORCE_COLOR: '1',
    DO_NOT_TRACK: '1',
    BUN_INSTALL_CACHE_DIR: cache,
    // where Bun keeps it by itself: a worker writes 0, for none
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: join(cache, '@t@'),
    ...Object.fromEntries(listed),
    [TIME_ZONE]: timeZoneOf(env),
  }
}

/** A worker's jobs are in UTC, whatever its machine's clock shows; this machine's days are those of who sits at it. */
function timeZoneOf({ [TIME_ZONE]: named }: NodeJS.ProcessEnv): string {
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', named ? { timeZone: named } : {}).resolvedOptions()
    return timeZone === 'Etc/Unknown' ? 'UTC' : timeZone
  } catch {
    throw new Error(`${TIME_ZONE} is "${named}"; expected a time zone such as Europe/Berlin`)
  }
}

function proxiesOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const set = PROXIES.flatMap((name) => (env[name] ? [[name, env[name]] as [string, string]] : []))
  return set.length > 0 ? { NO_PROXY: 'localhost,127.0.0.1', ...Object.fromEntries(set) } : {}
}

/** What a job gets beside that: the variables that the settings name, whatever they are called, where they are set. */
export function namedEnvironment(env: NodeJS.ProcessEnv, names: string[]): Record<string, string> {
  const given = names.filter((name) => !OF_THE_DATABASE.includes(name))
  return Object.fromEntries(given.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
}

/**
 * What a script of hai's own gets beside that, as on a worker group of hai's own: nobody else's may read the
 * database past its doors. A deploy migrates by a preview, so that one of the operator's gets it too.
 */
export function databaseEnvironment(job: Job, script: Script, url: string): Record<string, string> {
  const isAllowed = isOwn(script.path) && (script.code === undefined || job.identity.admin)
  return isAllowed ? { [DATABASE_URL]: url } : {}
}

/** The variables that Windmill's worker sets for a job. What doesn't apply is an empty string there too. */
export function jobEnvironment(
  job: Job,
  context: { endpoint: string; workspace: string; token: string; workerGroup: string },
): Record<string, string> {
  const { flowStep } = job
  const who = job.schedulePath ? job.identity.username : 'user'
  const statePath = flowStep ? `${flowStep.flowPath}/${flowStep.id}_${who}` : `${job.path}/${who}`
  return {
    BASE_URL: context.endpoint,
    WM_BASE_URL: context.endpoint,
    WM_WORKSPACE: context.workspace,
    WM_TOKEN: context.token,
    WM_EMAIL: job.email,
    WM_USERNAME: job.identity.username,
    WM_PERMISSIONED_AS: job.permissionedAs,
    WM_JOB_ID: job.id,
    WM_JOB_PATH: job.path,
    WM_ROOT_JOB_ID: job.rootJob,
    WM_SCHEDULE_PATH: job.schedulePath,
    WM_SCHEDULED_FOR: toTheSecond(job.scheduledFor),
    WM_STATE_PATH: statePath,
    WM_WORKER_GROUP: context.workerGroup,
    WM_FLOW_JOB_ID: flowStep?.flowJob ?? '',
    WM_ROOT_FLOW_JOB_ID: flowStep?.rootFlowJob ?? '',
    WM_FLOW_PATH: flowStep?.flowPath ?? '',
    WM_FLOW_STEP_ID: flowStep?.id ?? '',
    WM_OBJECT_PATH: '',
    WM_RUNNABLE_ID: '',
    WM_END_USER_EMAIL: '',
    WM_TESTED_RUNNABLE: '',
  }
}

const toTheSecond = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z')
