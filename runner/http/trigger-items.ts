import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { readTrigger } from '../triggers.ts'
import { objectOf } from './arguments.ts'
import { pathField } from './body-fields.ts'
import { type Api, pathAfter, type Stack } from './context.ts'

/** HTTP triggers themselves, below `/api/w/:workspace`: reading all, and making ones that lie in no file. */
export function triggerItemRoutes(stack: Stack): Hono<Api> {
  const { uploads } = stack
  const routes = new Hono<Api>()
  routes.get('/http_triggers/list', (call) => call.json(triggers(stack)))
  routes.get('/http_triggers/exists/*', (call) => {
    const path = pathAfter(call, '/http_triggers/exists/')
    return call.json(triggers(stack).some((trigger) => trigger.path === path))
  })
  routes.get('/http_triggers/get/*', (call) => {
    const path = pathAfter(call, '/http_triggers/get/')
    const found = triggers(stack).find((trigger) => trigger.path === path)
    if (!found) throw new ApiError(404, `HTTP trigger ${path} not found`)
    return call.json(found)
  })
  routes.post('/http_triggers/create', async (call) => {
    const body = await objectOf(call)
    const path = pathField(body)
    const { http_method, route_path } = readTrigger(path, body)
    const taken = triggers(stack).find((other) => {
      return other.path === path || (other.http_method === http_method && other.route_path === route_path)
    })
    if (taken) throw new ApiError(400, `HTTP trigger ${taken.path} has this path or route already`)
    uploads.setItem('http_triggers', path, body)
    return call.text(path, 201)
  })
  routes.delete('/http_triggers/delete/*', (call) => {
    const path = pathAfter(call, '/http_triggers/delete/')
    if (!uploads.has('http_triggers', path)) throw new ApiError(404, `HTTP trigger ${path} was not made here`)
    uploads.remove('http_triggers', path)
    return call.text(`HTTP trigger ${path} deleted`)
  })
  return routes
}

function triggers({ catalog, workspace }: Stack) {
  return catalog.items('http_trigger').map(([path, item]) => ({
    workspace_id: workspace,
    edited_by: 'operator',
    email: 'operator@example.com',
    extra_perms: {},
    ...readTrigger(path, item),
  }))
}
