import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { bunBinary } from '../process/bun-binary.ts'
import { projectRoot } from '../root.ts'
import { type PrunedLock, pruneLock } from './package-lock.ts'

/** A script as its author has it now; its imports are read from the bundle. */
export interface ScannedScript {
  path: string
  code: string
}

/** Makes the locks of scripts as Windmill's worker does, with the versions that the bundle's package-lock.json pins. */
export class Locks {
  #root: string
  /** By the packages' names: many scripts need the same. */
  #known = new Map<string, Promise<string>>()

  constructor(root: string) {
    this.#root = root
  }

  /** A lock for each script: a package.json, the line `//bun.lock`, and the lockfile. Throws for an unknown package. */
  async of(scripts: ScannedScript[]): Promise<string[]> {
    const input = JSON.stringify({ root: this.#root, scripts })
    const scanner = join(projectRoot(), 'runner', 'items', 'scan-imports.ts')
    const output = await bun([scanner], { cwd: this.#root, input })
    return Promise.all((JSON.parse(output) as string[][]).map((names) => this.#resolve(names)))
  }

  #resolve(names: string[]): Promise<string> {
    const key = names.join(' ')
    const known = this.#known.get(key)
    if (known) return known
    const lock = this.#make(names)
    this.#known.set(key, lock)
    lock.catch(() => this.#known.delete(key))
    return lock
  }

  async #make(names: string[]): Promise<string> {
    const pruned = pruneLock(this.#root, names)
    const manifest = JSON.stringify({ dependencies: pruned.dependencies }, null, 2)
    const lockfile = names.length > 0 ? await migrate(manifest, pruned) : '<empty>'
    return `${manifest}\n//bun.lock\n${lockfile}`
  }
}

/** Bun reads npm's lockfile where it has none of its own, so that it resolves nothing anew. */
async function migrate(manifest: string, { dependencies, packages }: PrunedLock): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hai-lock-'))
  try {
    const lock = { lockfileVersion: 3, requires: true, packages: { '': { dependencies }, ...packages } }
    await writeFile(join(folder, 'package.json'), manifest)
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock))
    await bun(['install', '--lockfile-only', '--ignore-scripts'], { cwd: folder, input: '' })
    const lockfile = await readFile(join(folder, 'bun.lock'), 'utf8')
    // Bun 1.4 writes what 1.3 reads, but for this number; Windmill's workers may well have the older one.
    return lockfile.replace('"lockfileVersion": 2', '"lockfileVersion": 1')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function bun(args: string[], { cwd, input }: { cwd: string; input: string }): Promise<string> {
  const child = spawn(bunBinary(), args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  // Its exit says more than a pipe that broke.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  if (code === 0) return output
  throw new Error(`bun ${args[0]} ended with code ${code}: ${errors.trim()}`)
}
