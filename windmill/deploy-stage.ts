import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { withoutTags } from './deploy-tags.ts'
import { FOLDERS, readScripts } from './scripts.ts'
import { recordedHashes } from './staleness.ts'

const TAGGED = /(\.script|\.schedule|__flow\/flow)\.yaml$/

/** Copies the bundle into an empty folder in the form in which it goes to the server; the checkout stays as it is. */
export function stage(root: string, folder: string, onePool: boolean): void {
  for (const own of FOLDERS.map((name) => join('f', name)).filter((own) => existsSync(join(root, own)))) {
    cpSync(join(root, own), join(folder, own), { recursive: true })
  }
  for (const name of readdirSync(root).filter((name) => /^c_hai_.*\.resource-type\.yaml$/.test(name))) {
    cpSync(join(root, name), join(folder, name))
  }
  writeFileSync(join(folder, 'wmill.yaml'), stringify(syncSettings(root)))
  if (onePool) for (const file of filesIn(folder, TAGGED)) edit(file, withoutTags)
  const locks = { ...recordedHashes(root), ...scriptHashes(folder) }
  writeFileSync(join(folder, 'wmill-lock.yaml'), stringify({ version: 'v2', locks }))
}

/** The project's, narrowed to what is the bundle's: other people's things in the workspace are none of its business. */
function syncSettings(root: string): Record<string, unknown> {
  return {
    ...(parse(readFileSync(join(root, 'wmill.yaml'), 'utf8')) as Record<string, unknown>),
    includes: FOLDERS.map((name) => `f/${name}/**`),
    excludes: [],
    skipSecrets: true,
    skipWorkspaceDependencies: true,
    skipDatatableMigrations: true,
  }
}

function filesIn(folder: string, ending: RegExp): string[] {
  return readdirSync(join(folder, 'f'), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, 'f', name))
}

function edit(file: string, change: (content: Record<string, unknown>) => object): void {
  const content = parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  writeFileSync(file, stringify(change(content)))
}

/** As the CLI computes them: else it would call all the edited metadata stale. */
function scriptHashes(folder: string): Record<string, string> {
  const hashes = readScripts(folder).map(({ path, code, metadata }) => {
    return [path, createHash('sha256').update(`{}${code}${metadata}`).digest('hex')] as const
  })
  return Object.fromEntries(hashes)
}
