import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { compare, type Difference, type Kind } from '../drift/compare.ts'
import { gitSides, liveSides } from '../drift/sides.ts'
import { bundlePaths } from '../scripts.ts'
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
