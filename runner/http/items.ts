import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { mayRead } from '../identity.ts'
import type { Resource, Variable } from '../items/items.ts'
import { resolveResource } from '../items/references.ts'
import { objectOf, optionalText, refuseMove, textField } from './arguments.ts'
import { type Api, pathAfter, type Stack } from './context.ts'

/** Variables, below `/api/w/:workspace`. */
export function variableRoutes(stack: Stack): Hono<Api> {
  const { items } = stack
  const routes = new Hono<Api>()
  routes.get('/variables/get_value/*', (call) => {
    return call.json(findVariable(stack, pathAfter(call, '/variables/get_value/')).value)
  })
  routes.get('/variables/get/*', (call) => {
    const path = pathAfter(call, '/variables/get/')
    return call.json(variableView(stack, path, call.req.query('decrypt_secret') !== 'false'))
  })
  routes.get('/variables/exists/*', (call) => {
    return call.json(items.variable(pathAfter(call, '/variables/exists/')) !== undefined)
  })
  routes.get('/variables/list', (call) => {
    return call.json(items.paths('variable').map((path) => variableView(stack, path, false)))
  })
  routes.post('/variables/create', async (call) => {
    const body = await objectOf(call)
    const path = textField(body, 'path')
    if (items.variable(path)) throw new ApiError(400, `variable ${path} already exists`)
    const description = optionalText(body, 'description') ?? ''
    const value = textField(body, 'value')
    items.setVariable(path, { value, is_secret: body.is_secret === true, description })
    return call.text(`variable ${path} created`, 201)
  })
  routes.post('/variables/update/*', async (call) => {
    const path = pathAfter(call, '/variables/update/')
    const before = findVariable(stack, path)
    const body = await objectOf(call)
    refuseMove(body, path)
    items.setVariable(path, {
      value: optionalText(body, 'value') ?? before.value,
      is_secret: typeof body.is_secret === 'boolean' ? body.is_secret : before.is_secret,
      description: optionalText(body, 'description') ?? before.description,
    })
    return call.text(`variable ${path} updated`)
  })
  routes.delete('/variables/delete/*', (call) => {
    const path = pathAfter(call, '/variables/delete/')
    items.remove('variable', path)
    return call.text(`variable ${path} deleted`)
  })
  return routes
}

function variableView(stack: Stack, path: string, secrets: boolean): object {
  const { value, is_secret, description } = findVariable(stack, path)
  const shown = is_secret && !secrets ? null : value
  return { workspace_id: stack.workspace, path, value: shown, is_secret, description, extra_perms: {} }
}

function findVariable({ items }: Stack, path: string): Variable {
  const found = items.variable(path)
  if (!found) throw new ApiError(404, `variable ${path} not found`)
  return found
}

/** Resources, below `/api/w/:workspace`. */
export function resourceRoutes(stack: Stack): Hono<Api> {
  const { items } = stack
  const routes = new Hono<Api>()
  routes.get('/resources/get_value_interpolated/*', (call) => {
    const { value } = findResource(stack, pathAfter(call, '/resources/get_value_interpolated/'))
    const reader = items.reader((path) => mayRead(call.get('identity'), path))
    return call.json(resolveResource(value, reader) as object)
  })
  routes.get('/resources/get_value/*', (call) => {
    return call.json(findResource(stack, pathAfter(call, '/resources/get_value/')).value as object)
  })
  routes.get('/resources/get/*', (call) => call.json(resourceView(stack, pathAfter(call, '/resources/get/'))))
  routes.get('/resources/exists/*', (call) => {
    return call.json(items.resource(pathAfter(call, '/resources/exists/')) !== undefined)
  })
  routes.get('/resources/list', (call) => {
    const { resource_type: type } = call.req.query()
    const listed = items.paths('resource').map((path) => resourceView(stack, path))
    return call.json(listed.filter((resource) => !type || type.split(',').includes(resource.resource_type)))
  })
  routes.post('/resources/create', async (call) => {
    const body = await objectOf(call)
    const path = textField(body, 'path')
    if (items.resource(path) && call.req.query('update_if_exists') !== 'true') {
      throw new ApiError(400, `resource ${path} already exists`)
    }
    items.setResource(path, {
      value: body.value ?? null,
      resource_type: textField(body, 'resource_type'),
      description: optionalText(body, 'description') ?? '',
    })
    return call.text(`resource ${path} created`, 201)
  })
  routes.post('/resources/update_value/*', async (call) => {
    const path = pathAfter(call, '/resources/update_value/')
    const before = findResource(stack, path)
    const body = await objectOf(call)
    if (body.value === undefined) throw new ApiError(400, 'value is missing: expected the new value')
    items.setResource(path, { ...before, value: body.value })
    return call.text(`value of resource ${path} updated`)
  })
  routes.delete('/resources/delete/*', (call) => {
    const path = pathAfter(call, '/resources/delete/')
    items.remove('resource', path)
    return call.text(`resource ${path} deleted`)
  })
  return routes
}

function resourceView(stack: Stack, path: string): Resource & { workspace_id: string; path: string } {
  return { workspace_id: stack.workspace, path, ...findResource(stack, path) }
}

function findResource({ items }: Stack, path: string): Resource {
  const found = items.resource(path)
  if (!found) throw new ApiError(404, `resource ${path} not found`)
  return found
}
