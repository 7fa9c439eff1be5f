import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Instance } from '../../runner/instance.ts'
import { Failure } from '../failure.ts'
import type { Io } from '../io.ts'
import { chooseProfile, type Profile, readConfig, readToken } from './profile.ts'
import { LOCAL } from './remote.ts'
import { keepProfiles } from './suggestions.ts'
import type { Target, Webhook } from './webhook.ts'

/** The profile that this command line, environment and config choose. */
export async function profileOf(io: Io, flag: string | undefined): Promise<Profile> {
  const config = await readConfig(io.env)
  keepProfiles(io.env, [LOCAL, ...Object.keys(config.profiles)], config.profile)
  return chooseProfile(config, flag, io.env)
}

/** Who hears what is said meanwhile. */
interface Told {
  note: (line: string) => void
  /** How far a stack is that is being started. */
  progress: (phase: string) => void
}

/** A webhook client for the profile. The local stack is started when it does not run; a remote one never. */
export async function connect(io: Io, profile: Profile, { note, progress }: Told): Promise<Webhook> {
  const { Webhook } = await import('./webhook.ts')
  if (!profile.local) return new Webhook(remoteTarget(profile, note), note)
  const start = async () => localTarget(profile, await startStack(io, progress), note)
  return new Webhook(await start(), note, {
    locate: async () => {
      const instance = await runningStack(io)
      return instance && localTarget(profile, instance, note)
    },
    revive: async (answered) => {
      if (answered) await refuseIfStopped(io)
      return start()
    },
  })
}

/** Where the local stack is, when it is ready. */
export async function runningStack(io: Io): Promise<Instance | undefined> {
  const { dataDirOf, readInstance } = await import('../../runner/instance.ts')
  const instance = readInstance(dataDirOf(io.env))
  return instance?.ready ? instance : undefined
}

async function startStack(io: Io, progress: Told['progress']): Promise<Instance> {
  const { ensureRunning } = await import('../../runner/instance.ts')
  return ensureRunning({ env: io.env, progress }).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    throw new Failure('unreachable', message, { cause: error, next: 'hai logs; hai doctor' })
  })
}

/** A stack that crashed left its runner.json and is started again; one that `hai down` stopped shall stay so. */
async function refuseIfStopped(io: Io): Promise<void> {
  const { dataDirOf } = await import('../../runner/instance.ts')
  if (existsSync(join(dataDirOf(io.env), 'runner.json'))) return
  throw new Failure('unreachable', 'the local stack was stopped', { next: 'hai up' })
}

export function localTarget(profile: Profile, instance: Instance, note: (line: string) => void): Target {
  const token = profile.token ?? readToken(instance.token_file, note)
  if (!token) {
    const next = 'make a new one: hai down && hai up'
    throw new Failure('denied', `the local stack's token file ${instance.token_file} is gone`, { next })
  }
  return {
    name: profile.name,
    local: true,
    endpoint: instance.endpoint,
    workspace: profile.workspace ?? instance.workspace,
    token,
    token_from: profile.token ? 'HAI_TOKEN' : instance.token_file,
  }
}

function remoteTarget(profile: Profile, note: (line: string) => void): Target {
  const { name, endpoint = '', workspace = '', token_file } = profile
  const token = profile.token ?? (token_file ? readToken(token_file, note) : undefined)
  if (!token) {
    const next = token_file ? `hai auth set-token --profile ${name}` : 'set HAI_TOKEN'
    throw new Failure('denied', `there is no token for ${name}`, { next })
  }
  const from = profile.token ? 'HAI_TOKEN' : (token_file ?? '')
  return { name, local: false, endpoint, workspace, token, token_from: from }
}
