import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { createAdaptorServer } from '@hono/node-server'
import { profileOf, runningStack } from '../cli/call/connection.ts'
import { Http } from '../cli/call/http.ts'
import { type Profile, readConfig } from '../cli/call/profile.ts'
import { type Target, Webhook } from '../cli/call/webhook.ts'
import { Failure, type Interrupt } from '../cli/failure.ts'
import { type Io, processIo } from '../cli/io.ts'
import { Session } from '../cli/session.ts'
import { createApp, type Surroundings } from './app.ts'
import { Streams } from './streams.ts'

const GRACE_SECONDS = 10
export const DEFAULT_LISTEN = '127.0.0.1:4425'

/** The options of `hai serve`. */
export interface ServeFlags {
  /** HOST:PORT, or a port of 127.0.0.1. */
  listen?: string
  allowOrigin?: string[]
  /** Seconds. */
  grace?: number
}

/** Runs `hai serve` to its end and resolves with the exit status. What it says goes to stderr. */
export async function runServe(flags: ServeFlags, io: Io, profileFlag: string | undefined): Promise<number> {
  const session = new Session(io)
  session.profileFlag = profileFlag
  try {
    await serve(session, flags)
    return 0
  } catch (error) {
    return session.report(error)
  }
}

async function serve(session: Session, flags: ServeFlags): Promise<void> {
  const { io } = session
  const { host, port } = addressIn(flags.listen ?? DEFAULT_LISTEN)
  const origins = (flags.allowOrigin ?? []).map(originIn)
  const profile = await profileOf(io, session.profileFlag)
  const where = await placeOf(io, profile)()
  const streams = new Streams()
  const warn = (line: string) => session.warn(line)
  const loopback = isLoopback(host)
  const server = doorServer({
    webhookOf: webhooksAt(placeOf(io, profile)),
    origins: async () => [...origins, ...(await listedOrigins(io, warn))],
    loopback,
    streams,
    log: warn,
  })
  const address = `${host.includes(':') ? `[${host}]` : host}:${await listening(server, host, port)}`
  session.note(`chat clients of ${where.endpoint} are served at http://${address}/v1`)
  session.note('the API key of each is a token of its own; hai serve has none')
  if (!loopback)
    session.warn(`http://${address} is open to other machines, and tokens travel in clear: put TLS before it`)
  const told = await new Promise<Interrupt>((resolve) => void io.onInterrupt(resolve))
  session.note(`stopping: ${told}`)
  await closed(server, streams, (flags.grace ?? GRACE_SECONDS) * 1000)
}

/** Where the Windmill is that questions go to. */
type Place = Pick<Target, 'endpoint' | 'workspace' | 'local'>

function placeOf(io: Io, profile: Profile): () => Promise<Place> {
  const { endpoint, workspace, local } = profile
  if (endpoint && workspace) return async () => ({ endpoint, workspace, local })
  return async () => {
    const stack = await runningStack(io)
    if (!stack) throw new Failure('unreachable', 'the local stack does not run', { next: 'hai up' })
    return { endpoint: stack.endpoint, workspace: workspace ?? stack.workspace, local: true }
  }
}

/** Clients of the webhooks there, each with its caller's token, over connections that they share. */
function webhooksAt(place: () => Promise<Place>): Surroundings['webhookOf'] {
  const http = new Http()
  return async (token) => {
    const target = { name: 'hai', token, token_from: 'the request', ...(await place()) }
    return new Webhook(target, () => {}, undefined, http)
  }
}

/** Those that config.yaml lists. One that can't be read lists none, and whoever reads the log is told why. */
async function listedOrigins({ env }: Io, log: (line: string) => void): Promise<readonly string[]> {
  try {
    return (await readConfig(env)).allow_origins
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    log(error.message)
    return []
  }
}

function doorServer(surroundings: Surroundings): Server {
  const { fetch } = createApp(surroundings)
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false }) as Server
  // longer than a client's own, so that a kept connection isn't closed under a request
  server.keepAliveTimeout = 75_000
  return server
}

/** Takes no more calls, lets answers that are under way end for a while, and tells the others. */
async function closed(server: Server, streams: Streams, graceMs: number): Promise<void> {
  server.close()
  server.closeIdleConnections()
  await streams.close(graceMs)
  server.closeIdleConnections()
}

/** Resolves with the port. */
function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port)))
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

function cannotListen({ code, message }: NodeJS.ErrnoException, host: string, port: number): Failure {
  if (code !== 'EADDRINUSE') return new Failure('usage', `cannot listen at ${host} port ${port}: ${message}`)
  return new Failure('conflict', `port ${port} of ${host} is taken`, {
    next: 'the local stack serves chat clients by itself, hai status says where; another port: --listen',
  })
}

const isLoopback = (host: string) => /^(localhost|127(\.\d+){3}|::1)$/.test(host)

function addressIn(text: string): { host: string; port: number } {
  const [, six, name, digits = ''] = /^(?:(?:\[([\da-f:.]+)\]|([\w.-]*)):)?(\d{1,5})$/i.exec(text) ?? []
  const port = Number(digits)
  if (digits === '' || port > 65_535)
    throw new Failure(
      'usage',
      `--listen ${JSON.stringify(text)} is not accepted; expected HOST:PORT, as ${DEFAULT_LISTEN}`,
    )
  return { host: six ?? (name || '127.0.0.1'), port }
}

function originIn(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text.replace(/\/$/, '')) return new URL(text).origin
  throw new Failure(
    'usage',
    `--allow-origin ${JSON.stringify(text)} is not accepted; expected scheme and host, as https://chat.example.com`,
  )
}

/** As a child of the local stack, which listens and hands each connection over. It ends with its parent. */
function besideStack(): void {
  const { values } = parseArgs({
    options: {
      endpoint: { type: 'string', default: '' },
      workspace: { type: 'string', default: '' },
      'grace-ms': { type: 'string', default: '0' },
    },
  })
  const { endpoint, workspace } = values
  const io = processIo()
  const log = (line: string) => void process.stderr.write(`${line}\n`)
  const streams = new Streams()
  const server = doorServer({
    webhookOf: webhooksAt(async () => ({ endpoint, workspace, local: true })),
    origins: () => listedOrigins(io, log),
    loopback: true,
    streams,
    log,
  })
  process.on('message', (_, socket) => {
    // who hung up on the way is handed over as nothing; nothing small waits for what was sent before it to be acknowledged,
    // as on connections that the server takes itself
    if (socket) server.emit('connection', (socket as Socket).setNoDelay().resume())
  })
  const end = async () => {
    await closed(server, streams, Number(values['grace-ms']))
    process.exit(0)
  }
  process.once('SIGTERM', end)
  process.once('disconnect', end)
}

if (typeof require !== 'undefined' && require.main === module) besideStack()
