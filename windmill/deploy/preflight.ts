import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { FOLDERS, type Item, isOwn, readBundle, SERVICE_USER } from '../bundle.ts'
import { ServerError, type WindmillServer } from '../server.ts'
import { neededTags } from '../stage/stage.ts'
import { lookAtDatabase } from './jobs.ts'

/** The first that was tried: older ones know no rule by which a folder's routes get an owner. */
const OLDEST = [1, 721] as const
/** Older ones let anybody label a token `ephemeral-script-end-user-NAME`, and take such a caller for NAME at a route. */
const LABELS_GUARDED = [1, 776] as const
const DEFAULT_TAGS = ['bun', 'flow']
/** What waits has this tag, whatever waits for whom. */
const WORK_TAG = 'hai-work'
const LIVE_SECONDS = 60

export interface Preflight {
  version: string
  /** Who deploys. */
  user: { username: string; email: string; is_admin: boolean }
  /** What is no reason to stop, a sentence each with its cure. */
  warnings: string[]
  /** The names of the migrations that the database lacks. */
  pending: string[]
}

interface User {
  username: string
  is_admin: boolean
  operator: boolean
  disabled: boolean
}

/** What was found: what has to be mended first, and what should be; a sentence each with its cure. */
interface Found {
  problems: string[]
  notes: string[]
  pending?: string[]
}

/** Asks whether this server can take the staged bundle, and changes nothing. Throws with all that has to be mended first. */
export async function preflight(
  windmill: WindmillServer,
  { staged, onePool }: { staged: string; onePool: boolean },
): Promise<Preflight> {
  const version = (await windmill.text('/version')).trim()
  const notes = checkVersion(version)
  const user = await windmill.json<Preflight['user']>('users/whoami')
  await refuseNarrowToken(windmill)
  const bundle = readBundle(staged)
  const routes = bundle.items('.http_trigger.yaml')
  const hasRoutes = routes.length > 0
  const found = await Promise.all([
    deployer(windmill, user),
    label(windmill),
    tags(windmill, neededTags(bundle, onePool), { onePool, staged }),
    defaultPackages(windmill),
    users(windmill, user.username, hasRoutes),
    ...(hasRoutes ? [routePrefix(windmill), takenRoutes(windmill, routes)] : []),
    exposed(windmill),
    readers(windmill),
  ])
  const problems = found.flatMap((one) => one.problems)
  if (problems.length > 0) throw new ServerError(['nothing was changed', ...problems].join('\n  '))
  const pending = [...new Set(found.flatMap((one) => one.pending ?? []))]
  return { version, user, pending, warnings: [...notes, ...found.flatMap((one) => one.notes)] }
}

const note = (...notes: string[]): Found => ({ problems: [], notes })
const problem = (...problems: string[]): Found => ({ problems, notes: [] })

/** The skew between server and CLI, if it is worth a word. An older server than the bundle needs is an error. */
function checkVersion(version: string): string[] {
  const [major, minor] = numbersIn(version)
  if (major === undefined || minor === undefined) {
    throw new ServerError(
      `what answers as /api/version is no Windmill: ${JSON.stringify(version.slice(0, 80))}`,
    )
  }
  if (isOlder([major, minor], OLDEST)) {
    throw new ServerError(
      `the server is ${version}; hai needs ${OLDEST.join('.')} or newer: upgrade Windmill first`,
    )
  }
  const cli = pinnedCli()
  const [cliMajor, cliMinor] = numbersIn(cli)
  const skew = `the server is ${version}, the pinned wmill ${cli}: fields that only one of them knows may get lost`
  const forgery = `the server is older than ${LABELS_GUARDED.join('.')}: whoever has a token can be anybody at the HTTP routes, see "Routes" in docs/windmill.md`
  return [
    ...(cliMajor === major && cliMinor === minor ? [] : [skew]),
    ...(isOlder([major, minor], LABELS_GUARDED) ? [forgery] : []),
  ]
}

const isOlder = ([major, minor]: [number, number], [least, under]: readonly [number, number]): boolean =>
  major < least || (major === least && minor < under)

function numbersIn(version: string): number[] {
  const [, major, minor] = /v?(\d+)\.(\d+)/.exec(version) ?? []
  return major && minor ? [Number(major), Number(minor)] : []
}

function pinnedCli(): string {
  const manifest = createRequire(import.meta.url).resolve('windmill-cli/package.json')
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

/** A token made for one workspace opens nothing outside of it, not even the list of workers. */
async function refuseNarrowToken(windmill: WindmillServer): Promise<void> {
  try {
    await windmill.text('/workers/is_default_tags_per_workspace')
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 401) throw error
    const { workspace } = windmill.server
    throw new ServerError(
      `the token opens nothing outside workspace ${workspace}: it was made with a workspace_id; deploy with one made without (POST /api/users/tokens/create {})`,
      error.status,
      { cause: error },
    )
  }
}

/** Windmill tells of a labelled token little but its label. */
async function label(windmill: WindmillServer): Promise<Found> {
  const rows = await allowed<{ token_prefix: string; label: string | null }[]>(windmill, '/users/tokens/list')
  const own = rows?.find(({ token_prefix: prefix }) => prefix && windmill.server.token.startsWith(prefix))
  if (!own?.label) return note()
  return note(
    `the deploying token is labelled ${own.label}: schedules and history may name the label and not you; make one without a label for deploying`,
  )
}

/** Only an admin of the workspace may make routes of hai's own, and say as whom they run. */
async function deployer({ server }: WindmillServer, user: Preflight['user']): Promise<Found> {
  if (user.is_admin) return note()
  return problem(
    `${user.username} is no admin of workspace ${server.workspace}, and only one may make hai's routes and say as whom they run: deploy as an admin, or have one make ${user.username} an admin`,
  )
}

/** Routes are the instance's, whatever workspace they lie in; one that another trigger serves would break a push halfway. */
async function takenRoutes(windmill: WindmillServer, routes: Item[]): Promise<Found> {
  const taken = await Promise.all(
    routes.map(async ({ path, content }) => {
      const { route_path, http_method, workspaced_route = false } = content
      const asked = { route_path, http_method, workspaced_route, trigger_path: path }
      const exists = await windmill.json<boolean>('http_triggers/route_exists', asked)
      return exists ? [`${String(http_method).toUpperCase()} /api/r/${route_path}`] : []
    }),
  )
  const named = taken.flat()
  if (named.length === 0) return note()
  return problem(
    `another trigger serves ${named.join(', ')}, in this workspace or in another one of this instance: delete it there first (an earlier place of hai's, perhaps)`,
  )
}

interface Worker {
  last_ping: number | null
  custom_tags: string[] | null
}

async function tags(
  windmill: WindmillServer,
  needed: Map<string, string>,
  { onePool, staged }: { onePool: boolean; staged: string },
): Promise<Found> {
  // Then the server's own tags carry the workspace's name, where the instance's settings say so.
  if (await windmill.json<boolean>('/workers/is_default_tags_per_workspace')) {
    for (const tag of DEFAULT_TAGS) needed.delete(tag)
  }
  const own = [...needed.keys()].filter((tag) => !DEFAULT_TAGS.includes(tag))
  const custom = await windmill.json<string[]>('workers/custom_tags')
  const unknown = own.filter((tag) => !custom.includes(tag))
  const problems = unknown.length > 0 ? [unknownTags(unknown, custom)] : []
  const query = new URLSearchParams({
    tags: [...needed.keys()].join(','),
    workspace: windmill.server.workspace,
  })
  const served =
    needed.size === 0
      ? {}
      : await windmill.json<Record<string, boolean>>(`/workers/exists_workers_with_tags?${query}`)
  const missing = [...needed].filter(([tag]) => !served[tag])
  if (missing.length > 0) {
    const named = missing.map(([tag, who]) => `${tag} (${who})`).join(', ')
    problems.push(
      `no live worker serves the tag ${named}: add a worker group, see "The workers" in docs/windmill.md, or use --one-pool`,
    )
  }
  const probed = onePool ? (served.bun ? ['bun'] : []) : own.filter((tag) => served[tag])
  const { problems: found, ...rest } = await databases(windmill, staged, probed)
  return { problems: [...problems, ...found], ...rest, notes: onePool ? [] : await workers(windmill) }
}

const unknownTags = (unknown: string[], custom: string[]) =>
  `the instance does not know the tag ${unknown.join(', ')}, so only a superadmin could use it: a superadmin sends POST /api/settings/global/custom_tags ${JSON.stringify({ value: [...custom, ...unknown] })}`

/** A worker shows what it gives its jobs, and where that leads, only to a job. */
async function databases(windmill: WindmillServer, staged: string, tags: string[]): Promise<Found> {
  const looks = await Promise.all(tags.map((tag) => lookAtDatabase(windmill, staged, tag)))
  return {
    problems: looks.flatMap((look) => ('problem' in look ? [look.problem] : [])),
    notes: [],
    pending: looks.flatMap((look) => ('pending' in look ? look.pending : [])),
  }
}

/** Of those who serve what waits: one who waits for a model lets nobody else's work begin. */
async function workers(windmill: WindmillServer): Promise<string[]> {
  const rows = await windmill.list<Worker>(`/workers/list?ping_since=${LIVE_SECONDS}`)
  const serving = rows.filter((row) => row.custom_tags?.includes(WORK_TAG))
  if (serving.length !== 1) return []
  return [
    `one worker alone serves ${WORK_TAG}: while it waits for a model nobody else's question begins; let two serve it`,
  ]
}

async function defaultPackages(windmill: WindmillServer): Promise<Found> {
  const rows = await allowed<{ language: string; name: string | null }[]>(
    windmill,
    'workspace_dependencies/list',
  )
  if (!rows?.some(({ language, name }) => language === 'bun' && !name)) return note()
  return note(
    `the workspace has a default package.json: hai's scripts follow none, as their first line says; keep that line where you change one`,
  )
}

/** Where the instance says so, each route begins with its workspace. */
async function routePrefix(windmill: WindmillServer): Promise<Found> {
  const isPrefix = windmill.server.workspace === 'hai'
  if ((await windmill.json('/settings/global/http_route_workspaced_route')) !== true) {
    if (!isPrefix) return note()
    return note(
      `in a workspace of this name users' own routes begin as the bundle's do, /api/r/hai/…, and one of theirs could answer in the place of another; take a workspace of another name`,
    )
  }
  return problem(
    `the instance puts the workspace before each HTTP route, so that /api/r/hai/… would not be hai's: a superadmin sends POST /api/settings/global/http_route_workspaced_route {"value": false}`,
  )
}

/** Who writes scripts can read what the workers know, hai's database with it. */
async function users(windmill: WindmillServer, deployer: string, hasRoutes: boolean): Promise<Found> {
  const everybody = await windmill.json<User[]>('users/list')
  const writers = everybody
    .filter(({ operator, disabled, username }) => !operator && !disabled && username !== deployer)
    .map(({ username }) => username)
  const named = `${writers.join(', ')} may write scripts here, and by one read all that hai's workers know: give them Windmill's role operator, or know that they are as good as the operator`
  return {
    notes: writers.filter((name) => name !== SERVICE_USER).length > 0 ? [named] : [],
    problems: hasRoutes ? serviceUser(everybody.find(({ username }) => username === SERVICE_USER)) : [],
  }
}

function serviceUser(user: User | undefined): string[] {
  const cure = `add a user whose e-mail address begins with ${SERVICE_USER}@ and give that user Windmill's role operator`
  if (!user) return [`there is no user ${SERVICE_USER}, as whom the HTTP routes run: ${cure}`]
  if (user.operator && !user.disabled) return []
  const is = user.disabled ? 'is disabled' : user.is_admin ? 'is an admin' : 'may write scripts'
  return [
    `the user ${SERVICE_USER}, as whom the HTTP routes run, ${is}: give that user Windmill's role operator, else a text that a route is sent can name all that user reads`,
  ]
}

interface Folder {
  name: string
  owners: string[]
  extra_perms: Record<string, boolean>
}

/** Folders that are there already are somebody's decision; one of which a route's reader is shut out is named. */
async function readers(windmill: WindmillServer): Promise<Found> {
  const folders = await windmill.list<Folder>('folders/list?')
  const routes = folders.find(({ name }) => name === 'hai_routes')
  const own = `u/${SERVICE_USER}`
  const others = Object.keys(routes?.extra_perms ?? {}).filter(
    (who) => who !== own && !routes?.owners.includes(who),
  )
  const open = `${others.join(', ')} may read folder hai_routes, and with it what everybody sends to the HTTP routes: take that away, ${own} alone needs it`
  const shut = folders
    .filter(({ name, extra_perms: perms }) => FOLDERS.includes(name) && !(own in perms || 'g/all' in perms))
    .map(
      ({ name }) =>
        `${own} may not read folder ${name}, so no HTTP route can be answered: make that user a reader of it`,
    )
  return note(...(others.length > 0 ? [open] : []), ...shut)
}

/** What is read in hai's folder can be named in the text of everybody who may read there: no secret may be among it. */
async function exposed(windmill: WindmillServer): Promise<Found> {
  const variables = await windmill.json<Listed[]>('variables/list?path_start=f/hai')
  const resources = await windmill.json<Listed[]>('resources/list?path_start=f/hai')
  const settings = ({ resource_type: type = '' }: Listed) => type.startsWith('c_hai_')
  const found = [...variables.filter((one) => one.is_secret), ...resources.filter((one) => !settings(one))]
    .map(({ path }) => path)
    .filter(isOwn)
  if (found.length === 0) return note()
  return note(
    `${found.join(', ')}: whoever may read the folder, or calls a route of hai's, can name them in a text and gets what they hold; when this is deployed, move them elsewhere or delete them (the database is found by HAI_DATABASE_URL of the workers alone)`,
  )
}

interface Listed {
  path: string
  is_secret?: boolean
  resource_type?: string
}

/** What a token of fewer scopes may not ask is left open; it is no reason to stop. */
async function allowed<T>(windmill: WindmillServer, path: string): Promise<T | undefined> {
  try {
    return await windmill.json<T>(path)
  } catch (error) {
    if (error instanceof ServerError && (error.status === 403 || error.status === 404)) return undefined
    throw error
  }
}
