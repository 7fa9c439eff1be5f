import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { bunBinary, projectRoot } from '../root.ts'

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

interface LockedPackage {
  version: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

/** A package-lock.json of its own for some packages: their versions, and theirs of all that they need. */
interface PrunedLock {
  dependencies: Record<string, string>
  packages: Record<string, LockedPackage>
}

/** The part of a folder's package-lock.json that these packages need. Throws when it lacks one of them. */
function pruneLock(folder: string, names: string[]): PrunedLock {
  const kept: PrunedLock = { dependencies: {}, packages: {} }
  if (names.length === 0) return kept
  const { packages } = readLock(join(folder, 'package-lock.json'))
  const keep = (key: string) => {
    const found = packages[key]!
    if (kept.packages[key]) return
    kept.packages[key] = found
    for (const [name, optional] of needs(found)) {
      const needed = locate(packages, name, key)
      if (needed) keep(needed)
      else if (!optional)
        throw new Error(`package-lock.json lacks ${name}, which ${key} needs; run npm install`)
    }
  }
  for (const name of names) {
    const key = locate(packages, name, '')
    if (!key)
      throw new Error(`a script imports ${name}, which package-lock.json lacks; run npm install ${name}`)
    kept.dependencies[name] = packages[key]!.version
    keep(key)
  }
  return kept
}

function readLock(file: string): PrunedLock {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as PrunedLock
  } catch (error) {
    throw new Error(`${file} cannot be read, and scripts import packages; run npm install`, { cause: error })
  }
}

/** What a package needs, and whether it also does without. */
function needs(found: LockedPackage): [name: string, optional: boolean][] {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta: meta } = found
  const needed = new Map<string, boolean>()
  for (const name of Object.keys(peerDependencies ?? {})) needed.set(name, meta?.[name]?.optional === true)
  for (const name of Object.keys(dependencies ?? {})) needed.set(name, false)
  for (const name of Object.keys(optionalDependencies ?? {})) needed.set(name, true)
  return [...needed]
}

/** Where Node would find a package from inside another: in the nearest node_modules upwards. */
function locate(packages: Record<string, LockedPackage>, name: string, from: string): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const key = `${at ? `${at}/` : ''}node_modules/${name}`
    if (packages[key]) return key
    if (at === '') return undefined
  }
}
