import { isDirect } from './address.ts'
import { asMeant } from './arguments.ts'
import {
  type Caller,
  DEFAULT_MEMBERS,
  type Issued,
  identify,
  inZone,
  type Members,
  memberOf,
  principal,
  routeUser,
  webhookUser,
  type Zones,
} from './caller.ts'
import { SCHEMA_VERSION } from './contract.ts'
import { connect, outage, type Pool, prepareIf, type Sql } from './db.ts'
import { HaiError, STATUS, withoutWords } from './errors.ts'
import { isZone, ownZone } from './time.ts'

/** A failed call as Windmill understands it: the job fails, and a sync caller gets the status and `result`. */
interface Failure {
  wm_failure?: string
  windmill_status_code: number
  windmill_headers?: Record<string, string>
  result: { error: { code: string; message: string; details?: Record<string, unknown> } }
}

/**
 * The one place that learns who is calling, gets a connection, and turns a `HaiError` into status and body.
 * An error that is not ours stays an exception: it is a bug, and Windmill shows its stack.
 */
export async function door<Args extends object, T>(
  args: Args,
  work: Work<[given: Omit<NoInfer<Args>, 'time_zone'>, caller: Caller], T>,
): Promise<T | Failure> {
  return openTo(() => undefined, args, work)
}

/** `refusal` says why a caller may not; it comes before anything of what was sent is looked at. */
async function openTo<Args extends object, T>(
  refusal: (caller: Caller) => string | undefined,
  args: Args,
  work: Work<[given: Omit<NoInfer<Args>, 'time_zone'>, caller: Caller], T>,
): Promise<T | Failure> {
  return called((sql, { secrets }, caller, ...more) => {
    const why = refusal(caller)
    if (why) throw new HaiError('forbidden', why)
    const { time_zone, ...given } = asMeant(args, secrets) as Args & { time_zone?: string }
    return work(sql, given, time_zone === undefined ? caller : inZone(caller, zoneOf(time_zone)), ...more)
  })
}

/** Any door may be told in which zone its caller is; where it is not, the house's is meant. */
function zoneOf(named: unknown): string {
  if (typeof named === 'string' && isZone(named)) return named
  throw new HaiError('invalid', 'time_zone: expected an IANA time zone, such as Europe/Berlin')
}

type Work<Given extends unknown[], T> = (
  sql: Sql,
  ...given: [...Given, as: As, stopped: () => AbortSignal, jobId: string]
) => Promise<T>
/** What of an error the caller is told. */
type Told = 'message' | 'plain'

/** The caller that a task's requester is. */
type As = (requester: string) => Caller

/**
 * A door behind an HTTP route. What it refuses it doesn't repeat: Windmill may have put a secret in the place of what was
 * sent, one that the route's owner can read and the sender can't.
 */
export async function route<T>(work: Work<[caller: Caller], T>): Promise<T | Failure> {
  const manner = { told: 'plain', user: routeUser } as const
  return called((sql, _house, caller, ...more) => work(sql, caller, ...more), manner)
}

/** A door behind an HTTP route that asks for no token: `work` finds out as which member its caller speaks. */
export async function signedRoute<T>(work: (sql: Sql, as: As) => Promise<T>): Promise<T | Failure> {
  return answering(async (sql) => {
    const { members, zones } = await greet(sql)
    return work(sql, (name) => {
      if (Object.hasOwn(members, name)) return principal(name, members, zones)
      throw new HaiError(
        'forbidden',
        'the member as whom this webhook speaks is none; hai member ls shows who is',
      )
    })
  }, 'plain')
}

async function called<T>(
  work: Work<[house: Household, caller: Caller], T>,
  { told, user }: Manner = { told: 'message', user: webhookUser },
): Promise<T | Failure> {
  return answering(async (sql) => {
    const house = await greet(sql)
    const { members, zones } = house
    const as = (requester: string) => principal(requester, members, zones)
    return work(sql, house, identify(user(issued()), members, zones), as, stopped, jobId())
  }, told)
}

/** What a door says when it refuses, and how it learns whose call it is. */
interface Manner {
  told: Told
  user: (issued: Issued) => string
}

function issued(): Issued {
  const { WM_PERMISSIONED_AS: permissionedAs = '', WM_USERNAME: username = '' } = process.env
  return { permissionedAs, username }
}

/** A door to what is the operator's alone: how hai itself is set up, and what it may spend. */
export async function operatorDoor<Args extends object, T>(
  args: Args,
  work: Work<[given: Omit<NoInfer<Args>, 'time_zone'>, caller: Caller], T>,
): Promise<T | Failure> {
  return openTo(
    ({ name, role }) =>
      role === 'operator' ? undefined : `${name} is not the operator, whom alone this is for`,
    args,
    work,
  )
}

/**
 * A door for workers that live elsewhere: they see every task they lease, and say what calls cost, so a household member
 * may not be one.
 */
export async function workerDoor<Args extends object, T>(
  args: Args,
  work: (sql: Sql, given: Omit<NoInfer<Args>, 'time_zone'>, as: As, caller: Caller) => Promise<T>,
): Promise<T | Failure> {
  return openTo(
    ({ name, role }) =>
      role === 'member'
        ? `${name} is a member and not a worker; use a token of the operator or of a machine`
        : undefined,
    args,
    (sql, given, caller, as) => work(sql, given, as, caller),
  )
}

/** What a job that acts for nobody in particular knows of itself. */
export interface Job {
  worker: string
  jobId: string
  /** The operator or a schedule of the bundle's started it. */
  trusted: boolean
  /** Aborts when Windmill stops the job, where its workers wait for it: MAX_WAIT_FOR_SIGINT. */
  signal: AbortSignal
  principal: As
  /** The member whose job it is, and who can read it; undefined when it is nobody's. */
  reader: string | undefined
}

type Service<Args extends object, T> = (sql: Sql, given: Args, job: Job) => Promise<T>

/** For jobs that act for nobody: who woke a worker has no part in what it then does, so that anybody may. */
export const service = <Args extends object, T>(args: Args, work: Service<Args, T>): Promise<T | Failure> =>
  forNobody(args, work, isTrusted)

/** For jobs that act for nobody and take the word of whoever starts them: the operator, or a schedule of the bundle's. */
export const housekeeping = <Args extends object, T>(
  args: Args,
  work: Service<Args, T>,
): Promise<T | Failure> =>
  forNobody(args, work, (house) => {
    refuseOthers(house)
    return true
  })

/** `trusts` says whether whoever started the job is taken at their word, or refuses them. */
async function forNobody<Args extends object, T>(
  args: Args,
  work: Service<Args, T>,
  trusts: (house: Household) => boolean,
): Promise<T | Failure> {
  return answering(async (sql) => {
    const house = await greet(sql)
    const trusted = trusts(house)
    return work(sql, asMeant(args, house.secrets), jobIn(house, trusted))
  })
}

/**
 * Housekeeping that must also work on a database without a schema, where nothing is anybody's yet: only migrate. `strict`
 * refuses there too who will be no operator afterwards.
 */
export async function bareDoor<T>(
  work: (sql: Sql) => Promise<T>,
  { strict = false }: { strict?: boolean } = {},
): Promise<T | Failure> {
  return answering(async (sql) => {
    const [made] = await sql<{ before: boolean }[]>`select to_regclass('hai.config') is not null as before`
    if (made?.before) refuseOthers(await householdOf(sql))
    else if (strict) refuseOthers({ members: DEFAULT_MEMBERS, zones: zonesOf(null, null) })
    return work(sql)
  })
}

/** The job that this process runs; empty outside of one. */
export const jobId = (): string => process.env.WM_JOB_ID ?? ''

function jobIn({ members, zones }: Household, trusted: boolean): Job {
  const id = jobId()
  const as = (requester: string) => principal(requester, members, zones)
  const reader = memberOf(issued().permissionedAs.replace(/^u\//, ''), members)
  return { worker: `job ${id}`, jobId: id, trusted, signal: stopped(), principal: as, reader }
}

/** Windmill's word: only who may write folder hai, and so these scripts, makes a schedule in it. */
const isScheduled = (): boolean => (process.env.WM_SCHEDULE_PATH ?? '').startsWith('f/hai/')

function isTrusted(house: Household): boolean {
  try {
    refuseOthers(house)
    return true
  } catch (error) {
    if (error instanceof HaiError && error.code === 'forbidden') return false
    throw error
  }
}

function refuseOthers({ members, zones }: Pick<Household, 'members' | 'zones'>): void {
  if (isScheduled()) return
  const { name, role } = identify(webhookUser(issued()), members, zones)
  if (role === 'operator') return
  throw new HaiError(
    'forbidden',
    `${name} is not the operator; this is for the operator and for hai's own schedules`,
  )
}

let stopping: AbortController | undefined

function stopped(): AbortSignal {
  if (!stopping) {
    const controller = new AbortController()
    process.once('SIGINT', () => controller.abort())
    stopping = controller
  }
  return stopping.signal
}

async function answering<T>(work: (sql: Sql) => Promise<T>, told: Told = 'message'): Promise<T | Failure> {
  try {
    return await work(database())
  } catch (thrown) {
    if (thrown instanceof HaiError) return failure(thrown, told)
    const error = outage(thrown)
    // a bug's own words may hold what it stumbled over
    if (!error) throw told === 'plain' ? withoutWords(thrown) : thrown
    if (error.code === 'unavailable') await forget()
    return failure(error, told)
  }
}

function failure(error: HaiError, told: Told): Failure {
  const { code, details: all, [told]: message } = error
  const details = told === 'plain' && all ? sayable(all) : all
  const retryAfter = details?.retry_after_seconds
  return {
    // of a job that fails a server keeps what its preprocessor was given, the caller's token with it: no route's does
    ...(told === 'plain' ? {} : { wm_failure: message }),
    windmill_status_code: STATUS[code],
    ...(retryAfter === undefined ? {} : { windmill_headers: { 'Retry-After': String(retryAfter) } }),
    result: { error: { code, message, ...(details ? { details } : {}) } },
  }
}

/** Of an error's details what was not sent by whoever is told them. */
const SAYABLE = ['retry_after_seconds', 'task_id', 'state', 'index', 'candidates', 'param', 'reason']

function sayable(details: Record<string, unknown>): Record<string, unknown> | undefined {
  const said = Object.entries(details).filter(([name]) => SAYABLE.includes(name))
  return said.length > 0 ? Object.fromEntries(said) : undefined
}

let pool: Pool | undefined

/** One cached pool per process; a warm process keeps it from job to job. */
function database(): Pool {
  pool ??= connect({ url: databaseUrl() })
  return pool
}

/**
 * From the worker's environment: every resource and variable can be named in a text. So can `$HAI_DATABASE_URL`, but then
 * a door meets it as an argument, and refuses it.
 */
function databaseUrl(): string {
  const { HAI_DATABASE_URL: url, WM_WORKER_GROUP: group } = process.env
  if (url) return url
  throw new HaiError(
    'unavailable',
    `HAI_DATABASE_URL is not set here: set it for the worker group ${group || 'that runs this'} and name it in its WHITELIST_ENVS, as "The workers" in docs/windmill.md says; the local stack gives it to hai's own scripts only`,
    {
      plain: 'HAI_DATABASE_URL is not set for the worker that runs this, or not named in its WHITELIST_ENVS',
    },
  )
}

/** The next job connects anew: the database may have moved or changed its password. */
async function forget(): Promise<void> {
  const old = pool
  pool = undefined
  await old?.end({ timeout: 0 })
}

/** Names of variables that hold a secret, whether or not the settings refer to them: the job's own token is one. */
const SECRET = /^HAI_DATABASE_(?:DIRECT_)?URL$|(?:KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)$/

interface Greeting {
  backend: number
  version: number
  members: Members | null
  zone: string | null
  time: { zone?: string; day_first?: boolean } | null
  /** Names of the environment to which the settings refer. */
  referred: string[] | null
}

interface Household {
  members: Members
  zones: Zones
  /** What no caller may read of this process's environment. */
  secrets: ReadonlySet<string>
}

/** One round trip before the work: names the connection after the job, reads who is who, checks the schema. */
async function greet(sql: Sql): Promise<Household> {
  const { version, ...house } = await householdOf(sql)
  if (version >= SCHEMA_VERSION) return house
  throw new HaiError(
    'unavailable',
    `the database schema is at ${version}, this release needs ${SCHEMA_VERSION}; run f/hai/admin/migrate (locally: hai down, hai up)`,
  )
}

async function householdOf(sql: Sql): Promise<Household & { version: number }> {
  const answer = await sql<Greeting[]>`
    select pg_backend_pid() as backend,
      -- for the session: poolers keep this name apart for each of their clients
      set_config('application_name', ${process.env.WM_JOB_ID ?? 'hai'}, false),
      (select max(version) from hai.migration) as version,
      (select value from hai.config where name = 'members') as members,
      (select value ->> 'time_zone' from hai.config where name = 'budget') as zone,
      (select value from hai.config where name = 'time') as time,
      (select array_agg(referred[1])
        from hai.config, regexp_matches(value::text, '"\\$env:([A-Z][A-Z0-9_]*)"', 'g') as referred) as referred`
  const [row] = answer
  prepareIf(sql, isDirect(answer, row!.backend))
  const hidden = Object.keys(process.env).filter((name) => SECRET.test(name) || row!.referred?.includes(name))
  const secrets = hidden.flatMap((name) => process.env[name] || [])
  return {
    version: row!.version ?? 0,
    members: row!.members ?? DEFAULT_MEMBERS,
    zones: zonesOf(row!.time, row!.zone),
    secrets: new Set(secrets),
  }
}

/** The house's zone, and the ledger's; who says neither has that of the process. */
function zonesOf(time: Greeting['time'], budget: string | null): Zones {
  const ledgerZone = budget ?? ownZone()
  return { zone: time?.zone ?? ledgerZone, ledgerZone, dayFirst: time?.day_first }
}
