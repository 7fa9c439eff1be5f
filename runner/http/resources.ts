import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { mayRead } from '../identity.ts'
import type { Resource } from '../items/items.ts'
import { resolveResource } from '../items/references.ts'
import { objectOf } from './arguments.ts'
import { optionalText, textField } from './body-fields.ts'
import { type Api, pathAfter, type Stack } from './context.ts'

/** Resources, below `/api/w/:workspace`. */
export function resourceRoutes(stack: Stack): Hono<Api> {
  const { items } = stack
  const routes = new Hono<Api>()
  routes.get('/resources/get_value_interpolated/*', (call) => {
    const { value } = find(stack, pathAfter(call, '/resources/get_value_interpolated/'))
    const reader = items.reader((path) => mayRead(call.get('identity'), path))
    return call.json(resolveResource(value, reader) as object)
  })
  routes.get('/resources/get_value/*', (call) => {
    return call.json(find(stack, pathAfter(call, '/resources/get_value/')).value as object)
  })
  routes.get('/resources/get/*', (call) => call.json(view(stack, pathAfter(call, '/resources/get/'))))
  routes.get('/resources/exists/*', (call) => {
    return call.json(items.resource(pathAfter(call, '/resources/exists/')) !== undefined)
  })
  routes.get('/resources/list', (call) => {
    const { resource_type: type } = call.req.query()
    const listed = items.paths('resource').map((path) => view(stack, path))
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
    const before = find(stack, path)
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

function view(stack: Stack, path: string): Resource & { workspace_id: string; path: string } {
  return { workspace_id: stack.workspace, path, ...find(stack, path) }
}

function find({ items }: Stack, path: string): Resource {
  const found = items.resource(path)
  if (!found) throw new ApiError(404, `resource ${path} not found`)
  return found
}
