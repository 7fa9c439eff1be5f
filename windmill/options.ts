import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '../runner/root.ts'
import type { Server } from './wmill.ts'

type Env = Record<string, string | undefined>

/** What was said is not enough, or makes no sense; the message says what is wanted. */
export class UsageError extends Error {}

export interface Options {
  server: Server
  /** The folder that holds `f/` and wmill.yaml. */
  root: string
  dryRun: boolean
  onePool: boolean
  keep: boolean
  report: boolean
}

type Flag = 'dry-run' | 'one-pool' | 'keep' | 'report'

/** Reads the command line, with those flags; the token comes from WMILL_TOKEN, HAI_TOKEN or a file, and never from an argument. */
export function readOptions(argv: string[], env: Env, flags: Flag[]): Options {
  const { values } = parsed(argv, flags)
  const { workspace, 'base-url': baseUrl } = values
  if (!workspace) throw new UsageError('--workspace is missing: the id of a Windmill workspace')
  if (!baseUrl)
    throw new UsageError('--base-url is missing: the address of Windmill, https://windmill.example.com')
  return {
    server: { endpoint: endpointOf(baseUrl), workspace, token: tokenOf(values['token-file'], env) },
    root: values.root ? resolve(values.root) : projectRoot(),
    dryRun: 'dry-run' in values,
    onePool: 'one-pool' in values,
    keep: 'keep' in values,
    report: 'report' in values,
  }
}

function parsed(argv: string[], flags: Flag[]) {
  try {
    const known = Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' } as const]))
    return parseArgs({
      args: argv,
      options: {
        workspace: { type: 'string' },
        'base-url': { type: 'string' },
        'token-file': { type: 'string' },
        root: { type: 'string' },
        ...known,
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function endpointOf(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (!url?.protocol.startsWith('http') || url.search || url.hash || url.username || url.password) {
    throw new UsageError('--base-url: expected an address like https://windmill.example.com and nothing more')
  }
  return url.href.replace(/\/+$/, '')
}

function tokenOf(file: string | undefined, env: Env): string {
  const token = file ? readTokenFile(file) : (env.WMILL_TOKEN || env.HAI_TOKEN || '').trim()
  if (token === '') {
    throw new UsageError('there is no token: set WMILL_TOKEN, or name a file that holds it with --token-file')
  }
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError('the token has spaces or special characters')
  return token
}

function readTokenFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new UsageError(`--token-file: ${(error as Error).message}`, { cause: error })
  }
}
