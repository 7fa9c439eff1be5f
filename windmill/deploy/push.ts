import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { bundlePaths, SERVICE_USER } from '../bundle.ts'
import { compare, type Difference, type Kind } from '../drift/compare.ts'
import { gitSides, liveSides } from '../drift/sides.ts'
import { ServerError, type WindmillServer } from '../server.ts'
import { wmill } from '../wmill.ts'

/** Where a staged bundle is, and the CLI's configuration that leads to the server. */
export interface Staged {
  cwd: string
  configDir: string
}

/**
 * What a deploy would change. A server adds keys of its own to what it is given, and the official CLI takes them for
 * changes; here only what the bundle says counts.
 */
export async function plan(windmill: WindmillServer, staged: Staged): Promise<Difference[]> {
  const git = gitSides(staged.cwd)
  return compare(git, await liveSides(windmill, git))
}

/** Adds and updates by the official CLI; deletes nothing, as what runs now may still need it. */
export async function pushNew(staged: Staged, changes: Difference[]): Promise<void> {
  const cwd = join(dirname(staged.cwd), 'push')
  const wanted = new Set(changes.filter(({ state }) => state !== 'extra').flatMap(filesOf(staged.cwd)))
  for (const file of ['wmill.yaml', ...wanted]) {
    mkdirSync(dirname(join(cwd, file)), { recursive: true })
    cpSync(join(staged.cwd, file), join(cwd, file))
  }
  const { code, stdout, stderr } = await wmill(['sync', 'push', '--yes', '--keep-deleted'], {
    ...staged,
    cwd,
  })
  if (code === 0) return
  const said = stripVTControlCharacters(stderr.trim() || stdout.trim()).slice(-2000)
  throw new ServerError(`wmill sync push ended with code ${code}: ${said}`)
}

const FILES: Record<Kind, (path: string) => RegExp> = {
  script: (path) => new RegExp(`^${path}\\.(ts|script\\.yaml|script\\.lock)$`),
  flow: (path) => new RegExp(`^${path}__flow/`),
  schedule: (path) => new RegExp(`^${path}\\.schedule\\.yaml$`),
  http_trigger: (path) => new RegExp(`^${path}\\.http_trigger\\.yaml$`),
  resource: (path) => new RegExp(`^${path}\\.resource\\.yaml$`),
  resource_type: (path) => new RegExp(`^${path}\\.resource-type\\.yaml$`),
}

function filesOf(root: string): (change: Difference) => string[] {
  const files = [...bundlePaths(root), ...readdirSync(root)]
  return ({ kind, path }) => files.filter((file) => FILES[kind](path).test(file))
}

/** What starts something goes before what it starts. */
const REMOVED = ['schedule', 'http_trigger', 'flow', 'script'] as const

/**
 * Takes away what the bundle no longer has, the libraries of earlier releases too. Scripts are deleted and not archived,
 * as an archived one still runs when it is called.
 */
export async function removeOld(windmill: WindmillServer, changes: Difference[]): Promise<string[]> {
  const gone = REMOVED.flatMap((kind) =>
    changes.filter((change) => change.state === 'extra' && change.kind === kind),
  )
  for (const { kind, path } of gone) {
    if (kind === 'script') await windmill.text(`scripts/delete/p/${path}`, {})
    else await windmill.remove(`${kind}s/delete/${path}`)
  }
  return gone.map(({ path }) => path)
}

const OWNER = `u/${SERVICE_USER}`
/** The server gives a new trigger below it this owner, and not whoever pushes it. */
const RULE = { path_glob: 'http/**', permissioned_as: OWNER }

interface Folder {
  default_permissioned_as?: { path_glob: string; permissioned_as: string }[]
}

/**
 * Makes the folders that are missing: all of the workspace may read `hai`, and what comes in at the routes lies where the
 * service user alone reads. Of a folder that is there only the owner of its routes is set. Returns what was done.
 */
export async function makeFolders(windmill: WindmillServer): Promise<string[]> {
  const routes = await ensureFolder(windmill, 'hai_routes', { [OWNER]: false })
  const doors = await ensureFolder(windmill, 'hai', { 'g/all': false }, [RULE])
  return [...routes, ...doors]
}

async function ensureFolder(
  windmill: WindmillServer,
  name: string,
  readers: Record<string, boolean>,
  rules: (typeof RULE)[] = [],
): Promise<string[]> {
  const folder = await windmill.find<Folder>(`folders/get/${name}`)
  if (!folder) {
    await windmill.text('folders/create', { name, extra_perms: readers, default_permissioned_as: rules })
    return [`made folder ${name}, which ${Object.keys(readers).join(', ')} may read`]
  }
  const has = folder.default_permissioned_as ?? []
  const first = has.find(({ path_glob: glob }) => glob === RULE.path_glob)
  if (rules.length === 0 || first?.permissioned_as === OWNER) return []
  const others = has.filter((rule) => rule !== first)
  await windmill.text(`folders/update/${name}`, { default_permissioned_as: [...rules, ...others] })
  return [`the routes of folder ${name} get the owner ${OWNER}`]
}

interface Trigger extends Record<string, unknown> {
  path: string
  permissioned_as: string
}

/**
 * Looks whose rights each HTTP route has, and makes them the service user's: with an admin's, whoever may call one could
 * name everything that is secret here. Returns the paths of those it mended; throws where one stays somebody else's.
 */
export async function mendOwners(windmill: WindmillServer): Promise<string[]> {
  const wrong = await foreign(windmill)
  for (const trigger of wrong) {
    await windmill.text(`http_triggers/update/${trigger.path}`, {
      ...trigger,
      permissioned_as: OWNER,
      preserve_permissioned_as: true,
    })
  }
  const left = wrong.length > 0 ? await foreign(windmill) : []
  if (left.length === 0) return wrong.map(({ path }) => path)
  const named = left.map(({ path, permissioned_as: owner }) => `${path} (${owner})`).join(', ')
  throw new ServerError(
    `these HTTP routes do not run as ${OWNER}, and the server lets it not be changed: ${named}. Whoever calls one can read what its owner may: disable them, and deploy as an admin of the workspace`,
  )
}

async function foreign(windmill: WindmillServer): Promise<Trigger[]> {
  const triggers = await windmill.list<Trigger>('http_triggers/list?path_start=f/hai/')
  return triggers.filter(({ path, permissioned_as: owner }) => path.startsWith('f/hai/') && owner !== OWNER)
}
