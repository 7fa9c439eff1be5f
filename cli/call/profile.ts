import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { Document } from 'yaml'
import { Failure } from '../failure.ts'
import { alone, configDirOf, expandHome, readText, writePrivate } from '../files.ts'
import { endpointProblem, LOCAL, type Remote } from './remote.ts'

type Env = Record<string, string | undefined>

/** `~/.config/hai/config.yaml`, checked. `profile` is the one in use; `local` needs no entry. */
export interface Config {
  file: string
  profile: string
  profiles: Record<string, Remote>
  /** Origins of web pages that may call where chat clients are served. */
  allow_origins: string[]
}

/** Reads the config; a missing file is an empty one. What is wrong with it is said with file and line. */
export async function readConfig(env: Env): Promise<Config> {
  const file = configFileOf(env)
  const text = readText(file)
  if (text.trim() === '') return { file, profile: LOCAL, profiles: {}, allow_origins: [] }
  const { readConfigText } = await import('./config-file.ts')
  const { profile, profiles, allow_origins } = readConfigText(file, text)
  return { file, profile: profile ?? LOCAL, profiles: profiles ?? {}, allow_origins: allow_origins ?? [] }
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

function configFileOf(env: Env): string {
  return join(configDirOf(env), 'config.yaml')
}

/** Where calls go. Without `endpoint` it is the local stack, which is found, or started, when it is needed. */
export interface Profile {
  /** What recent tasks are kept under, and what output calls it: a profile's name, or HAI_ENDPOINT's URL. */
  name: string
  local: boolean
  /** The one in use as long as nothing else is said, which output need not name. */
  usual?: boolean
  endpoint?: string
  workspace?: string
  /** From HAI_TOKEN. */
  token?: string
  /** Where its token is kept; the local stack knows its own. */
  token_file?: string
}

/** The profile in force: `--profile`, then HAI_PROFILE, then the config's; HAI_ENDPOINT, HAI_TOKEN and HAI_WORKSPACE win over it. */
export function chooseProfile(config: Config, flag: string | undefined, env: Env): Profile {
  const named = flag ?? (env.HAI_PROFILE || config.profile)
  const remote = Object.hasOwn(config.profiles, named) ? config.profiles[named] : undefined
  if (!remote && named !== LOCAL) throw unknownProfile(config, named)
  const token = env.HAI_TOKEN ? { token: checkToken(env.HAI_TOKEN, 'HAI_TOKEN') } : {}
  if (env.HAI_ENDPOINT) return fromEnvironment(env.HAI_ENDPOINT, remote, env, token, named)
  if (!remote) {
    return {
      name: LOCAL,
      local: true,
      ...(env.HAI_WORKSPACE ? { workspace: env.HAI_WORKSPACE } : {}),
      ...token,
    }
  }
  return {
    name: named,
    local: false,
    usual: named === config.profile,
    endpoint: remote.endpoint,
    workspace: env.HAI_WORKSPACE || remote.workspace,
    token_file: tokenFileOf(env, named, remote),
    ...token,
  }
}

/** A profile nobody defined, with those that are. */
export function unknownProfile(config: Config, name: string): Failure {
  const names = [LOCAL, ...Object.keys(config.profiles)].join(', ')
  return new Failure('usage', `no profile is called ${JSON.stringify(name)}; there are: ${names}`, {
    next: `hai profile add ${name} --endpoint URL --workspace NAME`,
  })
}

/** Where a profile's token is kept: the file it names (relative to the config), else `tokens/<name>` beside the config. */
export function tokenFileOf(env: Env, name: string, remote: Pick<Remote, 'token_file'>): string {
  const file = expandHome(remote.token_file ?? join('tokens', name), env)
  return isAbsolute(file) ? file : join(configDirOf(env), file)
}

function fromEnvironment(
  endpoint: string,
  remote: Remote | undefined,
  env: Env,
  token: { token?: string },
  named: string,
): Profile {
  const problem = endpointProblem(endpoint)
  if (problem) throw new Failure('usage', `HAI_ENDPOINT: ${problem}`)
  const workspace = env.HAI_WORKSPACE || remote?.workspace
  if (!workspace) throw new Failure('usage', 'HAI_ENDPOINT is set but HAI_WORKSPACE is not; set both')
  // A profile's token goes only to that profile's server.
  const own = remote && new URL(remote.endpoint).origin === new URL(endpoint).origin
  return {
    name: endpoint,
    local: false,
    endpoint,
    workspace,
    ...(own ? { token_file: tokenFileOf(env, named, remote) } : {}),
    ...token,
  }
}

/** The token in a file; undefined when there is none. `warn` hears of a file that others can read. */
export function readToken(file: string, warn: (message: string) => void): string | undefined {
  let text: string
  let mode: number
  try {
    text = readFileSync(file, 'utf8')
    mode = statSync(file).mode
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Failure('denied', `cannot read the token file ${file}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (mode & 0o077) warn(`others on this machine can read ${file}; close it: chmod 600 ${file}`)
  return checkToken(text, file)
}

/** A token that fits an HTTP header, without the line break around it; `where` names its origin in the refusal. */
export function checkToken(text: string, where: string): string {
  const token = text.trim()
  if (token === '')
    throw new Failure('usage', `the token in ${where} is empty`, { next: 'hai auth set-token' })
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Failure('usage', `the token in ${where} has spaces or special characters; a token is one word`)
  }
  return token
}
