import { SERVICE_USER } from '../scripts.ts'
import { ServerError, type WindmillServer } from '../server.ts'

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
