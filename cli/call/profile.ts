import { isAbsolute, join } from 'node:path'
import { Failure } from '../failure.ts'
import { configDirOf, expandHome } from '../files.ts'
import { type Config, endpointProblem, LOCAL, type Remote } from './config.ts'
import { checkToken } from './token.ts'

type Env = Record<string, string | undefined>

/** Where calls go. Without `endpoint` it is the local stack, which is found, or started, when it is needed. */
export interface Profile {
  /** What recent tasks are kept under, and what output calls it: a profile's name, or HAI_ENDPOINT's URL. */
  name: string
  local: boolean
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
