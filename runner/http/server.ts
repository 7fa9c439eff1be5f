import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { OPERATOR } from '../identity.ts'
import { authentication } from './authentication.ts'
import type { Api, Call, Stack } from './context.ts'
import { itemRoutes } from './item-routes.ts'
import { jobRoutes } from './job-routes.ts'

/** The Windmill whose shapes we speak. */
const VERSION = 'CE v1.818.0'

/** Windmill's HTTP API over the bundle. What isn't served answers 501 by name, never a wrong success. */
export function createApi(stack: Stack): Hono<Api> {
  const api = new Hono<Api>()
  api.onError((error, call) => failure(stack, error, call))
  api.get('/api/version', (call) => call.text(VERSION))
  api.use(authentication(stack))
  api.get('/api/users/whoami', (call) => call.json(whoami(call)))
  api.use('/api/w/:workspace/*', async (call, next) => {
    const workspace = call.req.param('workspace')
    if (workspace === stack.workspace) return next()
    throw new ApiError(404, `workspace ${workspace} not found; the local stack has one, ${stack.workspace}`)
  })
  api.get('/api/w/:workspace/users/whoami', (call) => call.json(whoami(call)))
  api.route('/api/w/:workspace', jobRoutes(stack))
  api.route('/api/w/:workspace', itemRoutes(stack))
  api.all('/api/*', (call) => {
    throw new ApiError(501, `not implemented by the local runner: ${call.req.method} ${call.req.path}`)
  })
  api.notFound((call) => call.text(`Not found: ${call.req.path}; the API is below /api`, 404))
  return api
}

function whoami(call: Call): object {
  const { username, email } = call.get('identity')
  return {
    email,
    username,
    is_admin: true,
    is_super_admin: false,
    created_at: new Date(0),
    operator: false,
    disabled: false,
    groups: ['all'],
    folders: ['hai'],
    folders_read: ['hai'],
    folders_owners: ['hai'],
    ...(username === OPERATOR.username ? { name: 'operator' } : {}),
  }
}

function failure(stack: Stack, error: Error, call: Call): Response {
  if (error instanceof ApiError) {
    return error.status === 415 ? call.body(null, 415) : call.text(error.message, error.status)
  }
  stack.log(`${call.req.method} ${call.req.path}: ${error.stack ?? error}`)
  return call.text(`Internal: ${error.message}`, 500)
}

/** Listens on 127.0.0.1, on the first of the ports that is free, else on any. */
export async function listen(api: Hono<Api>, ports: number[]): Promise<{ server: Server; port: number }> {
  const server = createAdaptorServer({ fetch: api.fetch, overrideGlobalObjects: false }) as Server
  // Longer than a client's own, so that a kept connection isn't closed under a request.
  server.keepAliveTimeout = 75_000
  for (const port of [...ports, 0]) {
    const error = await tryToListen(server, port)
    if (!error) return { server, port: (server.address() as AddressInfo).port }
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
  }
  throw new Error('no port is free on 127.0.0.1')
}

function tryToListen(server: Server, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve(error)
    server.once('error', failed)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed)
      resolve(undefined)
    })
  })
}
