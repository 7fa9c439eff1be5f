import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { neededTags } from './deploy-tags.ts'
import { readBundle } from './items.ts'
import { isOwn } from './scripts.ts'
import { ServerError, type WindmillServer } from './server.ts'

const OLDEST = [1, 699] as const
/** Older ones let anybody label a token `ephemeral-script-end-user-NAME`, and at a route take him for NAME. */
const LABELS_GUARDED = [1, 776] as const
const DEFAULT_TAGS = ['bun', 'flow']

export interface Preflight {
  version: string
  /** Who deploys. */
  user: { username: string; email: string; is_admin: boolean }
  /** What is no reason to stop, a sentence each. */
  warnings: string[]
  folderExists: boolean
}

/** Asks whether this server can take the bundle, and changes nothing. Throws with what to do when it can't. */
export async function preflight(
  windmill: WindmillServer,
  { root, onePool }: { root: string; onePool: boolean },
): Promise<Preflight> {
  const version = await windmill.text('/version')
  const warnings = checkVersion(version.trim())
  const user = await windmill.json<Preflight['user']>('users/whoami')
  await checkTags(windmill, neededTags(readBundle(root), onePool))
  warnings.push(...(await exposed(windmill)))
  const folderExists = await windmill.json<boolean>('folders/exists/hai')
  return { version: version.trim(), user, warnings, folderExists }
}

/** What is read in hai's folder can be named in the text of everybody who may read there: no secret may be among it. */
async function exposed(windmill: WindmillServer): Promise<string[]> {
  const variables = await windmill.json<Listed[]>('variables/list?path_start=f/hai')
  const resources = await windmill.json<Listed[]>('resources/list?path_start=f/hai')
  const settings = ({ resource_type: type = '' }: Listed) => type.startsWith('c_hai_')
  const found = [...variables.filter((one) => one.is_secret), ...resources.filter((one) => !settings(one))]
    .map(({ path }) => path)
    .filter(isOwn)
  if (found.length === 0) return []
  return [
    `${found.join(', ')}: whoever may read the folder, or calls a route of hai's, can name them in a text and gets what they hold; when this is deployed, move them elsewhere or delete them (the database is found by HAI_DATABASE_URL of the workers alone)`,
  ]
}

interface Listed {
  path: string
  is_secret?: boolean
  resource_type?: string
}

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
  const forgery = `the server is older than ${LABELS_GUARDED.join('.')}: whoever has a token can be anybody at the HTTP routes, see "HTTP routes" in docs/windmill.md`
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

async function checkTags(windmill: WindmillServer, needed: Map<string, string>): Promise<void> {
  const { workspace } = windmill.server
  // Then the server's own tags carry the workspace's name, where the instance's settings say so.
  if (await windmill.json<boolean>('/workers/is_default_tags_per_workspace')) {
    for (const tag of DEFAULT_TAGS) needed.delete(tag)
    if (needed.size === 0) return
  }
  const query = new URLSearchParams({ tags: [...needed.keys()].join(','), workspace })
  const served = await windmill.json<Record<string, boolean>>(`/workers/exists_workers_with_tags?${query}`)
  const missing = [...needed].filter(([tag]) => !served[tag])
  if (missing.length === 0) return
  const named = missing.map(([tag, who]) => `${tag} (${who})`).join(', ')
  throw new ServerError(
    `no live worker serves the tag ${named}: add a worker group, see "Workers" in docs/windmill.md, or use --one-pool`,
  )
}
