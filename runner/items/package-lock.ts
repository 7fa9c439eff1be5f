import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface LockedPackage {
  version: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

/** A package-lock.json of its own for some packages: their versions, and theirs of all that they need. */
export interface PrunedLock {
  dependencies: Record<string, string>
  packages: Record<string, LockedPackage>
}

/** The part of a folder's package-lock.json that these packages need. Throws when it lacks one of them. */
export function pruneLock(folder: string, names: string[]): PrunedLock {
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
