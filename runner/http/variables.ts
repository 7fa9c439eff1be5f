import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import type { Variable } from '../items/items.ts'
import { objectOf } from './arguments.ts'
import { optionalText, refuseMove, textField } from './body-fields.ts'
import { type Api, pathAfter, type Stack } from './context.ts'

/** Variables, below `/api/w/:workspace`. */
export function variableRoutes(stack: Stack): Hono<Api> {
  const { items } = stack
  const routes = new Hono<Api>()
  routes.get('/variables/get_value/*', (call) => {
    return call.json(find(stack, pathAfter(call, '/variables/get_value/')).value)
  })
  routes.get('/variables/get/*', (call) => {
    const path = pathAfter(call, '/variables/get/')
    return call.json(view(stack, path, call.req.query('decrypt_secret') !== 'false'))
  })
  routes.get('/variables/exists/*', (call) => {
    return call.json(items.variable(pathAfter(call, '/variables/exists/')) !== undefined)
  })
  routes.get('/variables/list', (call) => {
    return call.json(items.paths('variable').map((path) => view(stack, path, false)))
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
    const before = find(stack, path)
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

function view(stack: Stack, path: string, secrets: boolean): object {
  const { value, is_secret, description } = find(stack, path)
  const shown = is_secret && !secrets ? null : value
  return { workspace_id: stack.workspace, path, value: shown, is_secret, description, extra_perms: {} }
}

function find({ items }: Stack, path: string): Variable {
  const found = items.variable(path)
  if (!found) throw new ApiError(404, `variable ${path} not found`)
  return found
}
