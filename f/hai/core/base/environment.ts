import { statSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { delimiter, join } from 'node:path'
import { HaiError } from './errors.ts'
import { ownZone } from './time.ts'

/** What the worker finds around itself, read at each call: a warm process outlives one job's environment. */
export interface WorkerEnvironment {
  /** Where an Ollama would be. Reading it throws `invalid` when OLLAMA_HOST is no address. */
  readonly ollamaUrl: string
  /** Backends that are there and wait to be enabled. */
  offers: { backend: string; how: string }[]
  /**
   * For settings to refer to and programs of models to see: without the database's address, without what would have a
   * program colour its words, and without what a whitelist names and nobody set, which is empty on a worker. Its zone is
   * ours, in which the times are understood that a program says.
   */
  environment: NodeJS.ProcessEnv
  /** Whether a program of that name is on the PATH. */
  has(program: string): boolean
}

const OLLAMA_PORT = 11434

export function workerEnvironment(): WorkerEnvironment {
  const {
    HAI_DATABASE_URL: _,
    HAI_DATABASE_DIRECT_URL: _direct,
    FORCE_COLOR: __,
    ...environment
  } = process.env
  const set = Object.entries(environment).filter(([, value]) => value)
  return {
    get ollamaUrl() {
      return ollamaUrl(process.env.OLLAMA_HOST)
    },
    offers: offersIn(process.env),
    environment: { ...Object.fromEntries(set), TZ: ownZone() },
    has: (program) => isOnPath(program, process.env),
  }
}

function offersIn(env: NodeJS.ProcessEnv): WorkerEnvironment['offers'] {
  const offers: WorkerEnvironment['offers'] = []
  if (isOnPath('claude', env)) {
    offers.push({ backend: 'claude-code', how: 'claude is on the PATH; its login answers' })
  }
  if (env.ANTHROPIC_API_KEY) {
    offers.push({ backend: 'anthropic', how: 'ANTHROPIC_API_KEY is set; every answer costs money' })
  }
  return offers
}

const isOnPath = (program: string, { PATH = '' }: NodeJS.ProcessEnv): boolean =>
  PATH.split(delimiter).some((folder) => isProgram(join(folder, program)))

function isProgram(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false })
  return file ? file.isFile() && (file.mode & 0o111) !== 0 : false
}

/**
 * OLLAMA_HOST as Ollama reads it: host, host:port, :port or a URL, whose port is its scheme's own when it names none.
 * An address to listen on everywhere is called at home. `invalid` when it is none of these.
 */
export function ollamaUrl(host = ''): string {
  const given = host.trim().replace(/^["']+|["']+$/g, '')
  const [, scheme, place = '', path = ''] = /^(?:(https?):\/\/)?([^/]*)(.*)$/s.exec(given) ?? []
  const named = isIPv6(place) ? `[${place}]` : place.replace(/^(?=:|$)/, '127.0.0.1')
  const port = scheme || /:\d+$/.test(named) ? '' : `:${OLLAMA_PORT}`
  const address = `${scheme ?? 'http'}://${named}${port}${path}`
  if (!URL.canParse(address))
    throw new HaiError(
      'invalid',
      `OLLAMA_HOST is ${JSON.stringify(host)}; expected a host, host:port or a URL`,
    )
  const url = new URL(address)
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = '127.0.0.1'
  return url.origin + url.pathname.replace(/\/+$/, '')
}
