import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Document } from 'yaml'
import { Failure } from '../failure.ts'
import { alone, configDirOf, writePrivate } from '../files.ts'

type Env = Record<string, string | undefined>

/** A server that is not the local stack, as config.yaml names it. */
export interface Remote {
  endpoint: string
  workspace: string
  token_file?: string
}

/** `~/.config/hai/config.yaml`, checked. `profile` is the one in use; `local` needs no entry. */
export interface Config {
  file: string
  profile: string
  profiles: Record<string, Remote>
}

export const LOCAL = 'local'
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/
const KEYS = ['profile', 'profiles']
const REMOTE_KEYS = ['endpoint', 'workspace', 'token_file']

/** Reads the config; a missing file is an empty one. What is wrong with it is said with file and line. */
export async function readConfig(env: Env): Promise<Config> {
  const file = configFileOf(env)
  const text = readText(file)
  if (text.trim() === '') return { file, profile: LOCAL, profiles: {} }
  const { document, lineOf } = await parse(file, text)
  const refuse: Refuse = (path, message) => new Failure('usage', `${file}:${lineOf(path)}: ${message}`)
  const root: unknown = document.toJS()
  if (root === null) return { file, profile: LOCAL, profiles: {} }
  if (!isMap(root)) throw refuse([], `expected a map with ${KEYS.join(' and ')}`)
  knownKeys(root, KEYS, [], refuse)
  const profiles = root.profiles ?? {}
  if (!isMap(profiles)) throw refuse(['profiles'], 'profiles: expected a map of names to endpoints')
  for (const [name, remote] of Object.entries(profiles)) checkRemote(name, remote, refuse)
  const profile = root.profile ?? LOCAL
  if (typeof profile !== 'string' || (profile !== LOCAL && !Object.hasOwn(profiles, profile))) {
    const names = [LOCAL, ...Object.keys(profiles)].join(', ')
    throw refuse(['profile'], `profile: ${JSON.stringify(profile)} is not defined; expected one of ${names}`)
  }
  return { file, profile, profiles: profiles as Record<string, Remote> }
}

/** Changes the config in place, with its comments kept. */
export async function editConfig(env: Env, edit: (document: Document) => void): Promise<void> {
  await readConfig(env)
  const file = configFileOf(env)
  const { parseDocument } = await import('yaml')
  await alone(file, () => {
    const document: Document = parseDocument(readText(file))
    document.contents ??= document.createNode({})
    edit(document)
    writePrivate(file, document.toString())
  })
}

/** A profile's name, or a refusal that says what one may look like. */
export function checkName(name: string): void {
  if (name === LOCAL) throw new Failure('usage', `${LOCAL} is the stack on this machine; choose another name`)
  if (!NAME.test(name)) {
    throw new Failure(
      'usage',
      `${JSON.stringify(name)} is no profile name; use lower case letters, digits, - and _`,
    )
  }
}

/** Why a text cannot be an endpoint; undefined when it can. */
export function endpointProblem(endpoint: string): string | undefined {
  if (!URL.canParse(endpoint)) return 'expected a URL like https://windmill.example.com'
  const url = new URL(endpoint)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return 'expected a URL that begins with http:// or https://'
  if (url.username || url.password) return 'a URL must not carry a password; use hai auth set-token'
  if (url.search || url.hash) return 'expected a URL without ? and #'
  return undefined
}

type Refuse = (path: string[], message: string) => Failure

function checkRemote(name: string, remote: unknown, refuse: Refuse): void {
  const at = ['profiles', name]
  if (name === LOCAL)
    throw refuse(at, `${LOCAL} is the stack on this machine and cannot be defined; choose another name`)
  if (!NAME.test(name))
    throw refuse(at, `${JSON.stringify(name)}: expected lower case letters, digits, - and _`)
  if (!isMap(remote)) throw refuse(at, `profiles.${name}: expected a map with endpoint and workspace`)
  knownKeys(remote, REMOTE_KEYS, at, refuse)
  for (const key of REMOTE_KEYS) {
    const value = remote[key]
    if (value === undefined && key === 'token_file') continue
    if (value === undefined) throw refuse(at, `profiles.${name}: ${key} is missing`)
    if (typeof value !== 'string' || value === '') {
      throw refuse(
        [...at, key],
        `profiles.${name}.${key}: ${JSON.stringify(value)} is not accepted; expected text`,
      )
    }
  }
  const problem = endpointProblem(String(remote.endpoint))
  if (problem) throw refuse([...at, 'endpoint'], `profiles.${name}.endpoint: ${problem}`)
}

function knownKeys(map: Record<string, unknown>, keys: string[], at: string[], refuse: Refuse): void {
  const unknown = Object.keys(map).find((key) => !keys.includes(key))
  if (unknown === undefined) return
  const name = [...at, unknown].join('.')
  throw refuse([...at, unknown], `unknown key ${name}; expected ${keys.join(', ')}`)
}

async function parse(file: string, text: string) {
  const { LineCounter, isMap: isYamlMap, isScalar, parseDocument } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const error = document.errors[0]
  if (error) {
    const { line, col } = lines.linePos(error.pos[0])
    throw new Failure('usage', `${file}:${line}:${col}: not YAML: ${error.message}`)
  }
  /** The line of the key at this path, else of the nearest thing above it. */
  const lineOf = (path: string[]): number => {
    let node: unknown = document.contents
    let offset = 0
    for (const key of path) {
      const pair = isYamlMap(node)
        ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
        : undefined
      if (!pair) break
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    }
    return lines.linePos(offset).line
  }
  return { document, lineOf }
}

function configFileOf(env: Env): string {
  return join(configDirOf(env), 'config.yaml')
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new Failure('usage', `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
