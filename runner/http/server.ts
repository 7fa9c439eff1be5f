import type { Server } from 'node:http'
import type { AddressInfo, Server as Listener } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { ApiError } from '../api-error.ts'
import { readText, writeAtomically } from '../files.ts'
import { authentication, authorization, refuseForeign } from './access.ts'
import { tokenRoutes, userRoutes } from './accounts.ts'
import type { Api, Call, Stack } from './context.ts'
import { resourceRoutes, variableRoutes } from './items.ts'
import { jobRoutes, jobStateRoutes } from './jobs.ts'
import { dependencyRoutes, runnableRoutes } from './runnables.ts'
import { runRoutes } from './runs.ts'
import { previewRoute, scheduleRoutes } from './schedules.ts'
import { triggerItemRoutes, triggerRoutes } from './triggers.ts'

/** The Windmill whose shapes we speak. */
const VERSION = 'CE v1.818.0'

const BELOW_WORKSPACE = [
  runRoutes,
  jobRoutes,
  jobStateRoutes,
  variableRoutes,
  resourceRoutes,
  scheduleRoutes,
  triggerItemRoutes,
  runnableRoutes,
  userRoutes,
  dependencyRoutes,
]

/** Windmill's HTTP API over the bundle. What isn't served answers 501 by name, never a wrong success. */
export function createApi(stack: Stack): Hono<Api> {
  const api = new Hono<Api>()
  api.onError((error, call) => failure(stack, error, call))
  api.use(drained())
  api.use(refuseForeign())
  api.get('/api/version', (call) => call.text(VERSION))
  api.route('/api/r', triggerRoutes(stack))
  // whoever was given this address with a good token is not to hear that the token is wrong
  api.on('ALL', ['/v1', '/v1/*', '/chat/*'], (call) =>
    call.text(`Not found: ${call.req.path}; chat clients have an address of their own: hai status`, 404),
  )
  api.use(authentication(stack))
  api.use('/api/*', authorization())
  api.route('/api/users', tokenRoutes(stack))
  api.route('/api/schedules', previewRoute())
  api.use('/api/w/:workspace/*', async (call, next) => {
    const workspace = call.req.param('workspace')
    if (workspace === stack.workspace) return next()
    throw new ApiError(404, `workspace ${workspace} not found; the local stack has one, ${stack.workspace}`)
  })
  for (const routes of BELOW_WORKSPACE) api.route('/api/w/:workspace', routes(stack))
  api.all('/api/*', (call) => {
    throw new ApiError(501, `not implemented by the local runner: ${call.req.method} ${call.req.path}`)
  })
  api.notFound((call) => call.text(`Not found: ${call.req.path}; the API is below /api`, 404))
  return api
}

/** A body that nobody wanted is read to its end, or an answer to a large one is lost with the connection. */
function drained() {
  return createMiddleware<Api>(async (call, next) => {
    await next()
    const { incoming } = call.env
    if (!incoming.readableEnded && !incoming.destroyed) incoming.resume()
  })
}

function failure(stack: Stack, error: Error, call: Call): Response {
  if (error instanceof ApiError) {
    const { status, message, retryAfter } = error
    if (retryAfter !== undefined) call.header('Retry-After', String(retryAfter))
    return call.text(message, status)
  }
  stack.log(`${call.req.method} ${call.req.path}: ${error.stack ?? error}`)
  return call.text(`Internal: ${error.message}`, 500)
}

/** Listens on 127.0.0.1, on the first of the ports that is free, else on any. */
export async function listen(api: Hono<Api>, ports: number[]): Promise<{ server: Server; port: number }> {
  const server = createAdaptorServer({ fetch: api.fetch, overrideGlobalObjects: false }) as Server
  // Longer than a client's own, so that a kept connection isn't closed under a request.
  server.keepAliveTimeout = 75_000
  return { server, port: await listenOn(server, ports) }
}

/** Opens a port of 127.0.0.1 for the server: the first of these that is free, else any. Returns it. */
export async function listenOn(server: Listener, ports: number[]): Promise<number> {
  for (const port of [...ports, 0]) {
    const error = await tryToListen(server, port)
    if (!error) return (server.address() as AddressInfo).port
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
  }
  throw new Error('no port is free on 127.0.0.1')
}

/** The port that a server had last time, from the file that remembers it; none where it is not known. */
export function lastPort(file: string): number[] {
  const port = Number(readText(file))
  return Number.isInteger(port) && port > 0 && port < 65_536 ? [port] : []
}

export function rememberPort(file: string, port: number): void {
  writeAtomically(file, `${port}\n`)
}

function tryToListen(server: Listener, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve(error)
    server.once('error', failed)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed)
      resolve(undefined)
    })
  })
}
