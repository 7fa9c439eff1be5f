import { createHmac, randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { WHITELIST } from '../../windmill/whitelist.ts'
import { MARK } from '../process/mark.ts'

type Env = Record<string, string | undefined>

/** What environment a stack was started in, so that another can be compared with it. No value can be read from it. */
export interface EnvironmentMark {
  salt: string
  /** A piece of each value's hash, by name; null where it is not set or empty. */
  variables: Record<string, string | null>
  /** Names that the settings refer to by `$env:NAME`. */
  named: string[]
  /** The folders of PATH in the same way. */
  path: string[]
}

/** Names whose values decide what a worker reaches; those that end in `*` are prefixes. */
const WATCHED = [...WHITELIST, 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'HAI_*']
/** These are of one command, or say which stack is meant, and may be others for each. */
const OF_THE_CALLER = new Set([
  'HAI_TOKEN',
  'HAI_ENDPOINT',
  'HAI_WORKSPACE',
  'HAI_PROFILE',
  'HAI_DEBUG',
  'HAI_DATA_DIR',
  MARK,
])
/** Enough to tell two values apart, too little to find one by trying. */
const HASH_LENGTH = 8

/** The mark of an environment, with what the settings refer to. */
export function markOf(env: Env, named: string[]): EnvironmentMark {
  const salt = randomBytes(16).toString('hex')
  const names = [...new Set([...Object.keys(env).filter(isWatched), ...WATCHED.filter(isName), ...named])]
  return {
    salt,
    variables: Object.fromEntries(names.sort().map((name) => [name, hash(salt, env[name])])),
    named,
    path: foldersOf(env).map((folder) => hash(salt, folder) ?? ''),
  }
}

export interface Difference {
  name: string
  /** `other`: it is set in both, to another value. */
  stack: 'unset' | 'other'
}

/** What is set in this environment and isn't, or is another, in that of the stack. What only the stack has harms nobody. */
export function differencesFrom(mark: EnvironmentMark, env: Env): Difference[] {
  const names = new Set([...Object.keys(env).filter(isWatched), ...mark.named])
  return [...names].sort().flatMap((name): Difference[] => {
    const here = hash(mark.salt, env[name])
    const there = mark.variables[name] ?? null
    if (here === null || here === there) return []
    return [{ name, stack: there === null ? 'unset' : 'other' }]
  })
}

/** Names that the settings refer to and that are empty in the stack's environment. */
export function emptyReferences(mark: EnvironmentMark): string[] {
  return mark.named.filter((name) => (mark.variables[name] ?? null) === null)
}

/** The file of a program that is on the PATH here, and in no folder of the stack's PATH; undefined when both have it. */
export function programOnlyHere(mark: EnvironmentMark, env: Env, program: string): string | undefined {
  const found = foldersOf(env).filter((folder) => isProgram(join(folder, program)))
  const both = found.some((folder) => mark.path.includes(hash(mark.salt, folder) ?? ''))
  return both || !found[0] ? undefined : join(found[0], program)
}

function foldersOf(env: Env): string[] {
  return (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
}

function isProgram(path: string): boolean {
  try {
    const file = statSync(path)
    return file.isFile() && (file.mode & 0o111) !== 0
  } catch {
    // a folder on PATH that is missing or closed to us has no program for us
    return false
  }
}

function hash(salt: string, value: string | undefined): string | null {
  if (!value) return null
  return createHmac('sha256', salt).update(value).digest('hex').slice(0, HASH_LENGTH)
}

const isName = (name: string) => !name.endsWith('*')

function isWatched(name: string): boolean {
  if (OF_THE_CALLER.has(name)) return false
  return WATCHED.some((known) => (isName(known) ? name === known : name.startsWith(known.slice(0, -1))))
}
