import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import type { Resource, Variable } from '../items.ts'
import { readSchedules } from '../schedules.ts'
import { objectOf } from './arguments.ts'
import { type Api, pathAfter, type Stack } from './context.ts'

/** Variables, resources and schedules, below `/api/w/:workspace`. */
export function itemRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  addVariableRoutes(routes, stack)
  addResourceRoutes(routes, stack)
  routes.get('/schedules/list', (call) => call.json(schedules(stack)))
  return routes
}

function addVariableRoutes(routes: Hono<Api>, stack: Stack): void {
  const { items, workspace } = stack
  routes.get('/variables/get_value/*', (call) => {
    return call.json(variable(stack, pathAfter(call, '/variables/get_value/')).value)
  })
  routes.get('/variables/exists/*', (call) => {
    return call.json(items.variable(pathAfter(call, '/variables/exists/')) !== undefined)
  })
  routes.get('/variables/list', (call) => {
    const listed = items.paths('variable').map((path) => {
      const { value, is_secret, description } = variable(stack, path)
      const shown = is_secret ? null : value
      return { workspace_id: workspace, path, value: shown, is_secret, description, extra_perms: {} }
    })
    return call.json(listed)
  })
  routes.post('/variables/create', async (call) => {
    const body = await objectOf(call)
    const path = text(body, 'path')
    if (items.variable(path)) throw new ApiError(400, `variable ${path} already exists`)
    const secret = body.is_secret === true
    items.setVariable(path, { value: text(body, 'value'), is_secret: secret, description: description(body) })
    return call.text(`variable ${path} created`, 201)
  })
  routes.post('/variables/update/*', async (call) => {
    const path = pathAfter(call, '/variables/update/')
    const before = variable(stack, path)
    const body = await objectOf(call)
    refuseMove(body, path)
    items.setVariable(path, {
      value: body.value === undefined ? before.value : text(body, 'value'),
      is_secret: typeof body.is_secret === 'boolean' ? body.is_secret : before.is_secret,
      description: body.description === undefined ? before.description : description(body),
    })
    return call.text(`variable ${path} updated`)
  })
}

function addResourceRoutes(routes: Hono<Api>, stack: Stack): void {
  const { items } = stack
  routes.get('/resources/get_value_interpolated/*', (call) => {
    const { value } = resource(stack, pathAfter(call, '/resources/get_value_interpolated/'))
    return call.json(items.interpolate(value) as object)
  })
  routes.get('/resources/get_value/*', (call) => {
    return call.json(resource(stack, pathAfter(call, '/resources/get_value/')).value as object)
  })
  routes.get('/resources/exists/*', (call) => {
    return call.json(items.resource(pathAfter(call, '/resources/exists/')) !== undefined)
  })
  routes.post('/resources/create', async (call) => {
    const body = await objectOf(call)
    const path = text(body, 'path')
    const exists = items.resource(path) !== undefined
    if (exists && call.req.query('update_if_exists') !== 'true') {
      throw new ApiError(400, `resource ${path} already exists`)
    }
    const type = text(body, 'resource_type')
    items.setResource(path, {
      value: body.value ?? null,
      resource_type: type,
      description: description(body),
    })
    return call.text(`resource ${path} created`, 201)
  })
  routes.post('/resources/update_value/*', async (call) => {
    const path = pathAfter(call, '/resources/update_value/')
    const before = resource(stack, path)
    const body = await objectOf(call)
    if (body.value === undefined) throw new ApiError(400, 'value is missing: expected the new value')
    items.setResource(path, { ...before, value: body.value })
    return call.text(`value of resource ${path} updated`)
  })
}

function schedules(stack: Stack): object[] {
  return readSchedules(stack.bundle).map((schedule) => ({
    ...schedule,
    workspace_id: stack.workspace,
    edited_by: 'operator',
    email: 'operator@example.com',
    extra_perms: {},
    next_run: stack.scheduler.nextRun(schedule.path),
  }))
}

function variable({ items }: Stack, path: string): Variable {
  const found = items.variable(path)
  if (!found) throw new ApiError(404, `variable ${path} not found`)
  return found
}

function resource({ items }: Stack, path: string): Resource {
  const found = items.resource(path)
  if (!found) throw new ApiError(404, `resource ${path} not found`)
  return found
}

function text(body: Record<string, unknown>, field: string): string {
  const value = body[field]
  if (typeof value === 'string') return value
  throw new ApiError(400, `${field} is ${value === undefined ? 'missing' : 'not text'}: expected text`)
}

function description(body: Record<string, unknown>): string {
  return typeof body.description === 'string' ? body.description : ''
}

function refuseMove(body: Record<string, unknown>, path: string): void {
  if (body.path === undefined || body.path === path) return
  throw new ApiError(501, `not implemented by the local runner: renaming ${path}`)
}
