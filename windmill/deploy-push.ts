import { stripVTControlCharacters } from 'node:util'
import { ServerError } from './server.ts'
import { wmill } from './wmill.ts'

/** Where a staged bundle is, and the CLI's configuration that leads to the server. */
export interface Staged {
  cwd: string
  configDir: string
}

export interface Change {
  type: 'added' | 'edited' | 'deleted'
  path: string
}

/** Adds and updates; deletes nothing, as what runs now may still need it. */
const EXPAND = ['--keep-deleted']
/** What else is gone from the bundle may be somebody's: only scripts, flows, schedules and triggers are removed. */
const KEPT = /\.(resource|resource-type|variable)\.|folder\.meta\./
const CONTRACT = [
  '--skip-resources',
  '--skip-resource-types',
  '--skip-variables',
  '--skip-apps',
  '--skip-folders',
]

export interface PushOptions {
  /** Owners and permissions of a folder that exists are the operator's. */
  skipFolders: boolean
}

/** What a deploy would change, by the official CLI's own comparison. */
export async function plan(staged: Staged, options: PushOptions): Promise<Change[]> {
  const output = await sync(['--dry-run', '--json-output', '--skip-apps', ...folders(options)], staged)
  const { changes = [] } = JSON.parse(output.slice(output.indexOf('{'))) as { changes?: Change[] }
  return changes.filter(({ type, path }) => type !== 'deleted' || !KEPT.test(path))
}

/** Changes of files as changes of what they make up: a script's code, metadata and lock are one. */
export function byItem(changes: Change[]): Change[] {
  const types = new Map<string, Change['type']>()
  for (const { type, path } of changes) {
    const item = path.replace(/\.(script\.(yaml|lock)|ts)$/, '').replace(/__flow\/.*$/, '__flow')
    types.set(item, (types.get(item) ?? type) === type ? type : 'edited')
  }
  return [...types].map(([path, type]) => ({ type, path }))
}

/** Adds what is new and updates what changed. */
export async function pushNew(staged: Staged, options: PushOptions): Promise<void> {
  await sync(['--yes', ...EXPAND, ...folders(options)], staged)
}

/** Takes away what the bundle no longer has. */
export async function removeOld(staged: Staged): Promise<void> {
  await sync(['--yes', ...CONTRACT], staged)
}

function folders({ skipFolders }: PushOptions): string[] {
  return skipFolders ? ['--skip-folders'] : []
}

async function sync(flags: string[], staged: Staged): Promise<string> {
  const { code, stdout, stderr } = await wmill(['sync', 'push', ...flags], staged)
  if (code === 0) return stdout
  const said = stripVTControlCharacters(stderr.trim() || stdout.trim()).slice(-2000)
  throw new ServerError(`wmill sync push ended with code ${code}: ${said}`)
}
