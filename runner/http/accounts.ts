import { Hono } from 'hono'
import type { TokenGrant } from '../accounts.ts'
import { ApiError } from '../api-error.ts'
import { isReservedLabel, isStandIn, OPERATOR, ROUTE_OWNER } from '../identity.ts'
import { flagField, objectOf, optionalText, textField } from './arguments.ts'
import type { Api, Call, Stack } from './context.ts'

/** Who one is and which tokens one has, below `/api/users`. */
export function tokenRoutes({ accounts }: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  routes.get('/whoami', (call) => call.json(whoami(call)))
  routes.post('/tokens/create', async (call) => {
    const body = await objectOf(call)
    return call.text(accounts.addToken(grantOf(call, body, call.get('identity').user)), 201)
  })
  routes.post('/tokens/impersonate', async (call) => {
    if (!call.get('identity').admin)
      throw new ApiError(403, 'Permission denied: only an admin impersonates others')
    const body = await objectOf(call)
    const email = textField(body, 'impersonate_email')
    const user = [OPERATOR, ...accounts.users].find((known) => known.email === email)
    if (!user) throw new ApiError(404, `user ${email} not found`)
    return call.text(accounts.addToken(grantOf(call, body, user.username)), 201)
  })
  routes.get('/tokens/list', (call) => {
    const tokens = accounts.tokensOf(call.get('identity').user)
    const shown = tokens.map(({ prefix, created_at, last_used_at, label, expiration, scopes, read_only }) => {
      return {
        token_prefix: prefix,
        created_at,
        last_used_at: last_used_at ?? created_at,
        label,
        expiration,
        scopes,
        read_only,
      }
    })
    return call.json(shown)
  })
  routes.delete('/tokens/delete/:prefix', (call) => {
    const prefix = call.req.param('prefix')
    accounts.removeToken(call.get('identity').user, prefix)
    return call.text(`token ${prefix} deleted`)
  })
  return routes
}

/** The users of the workspace, below `/api/w/:workspace`. */
export function userRoutes({ accounts }: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  routes.get('/users/whoami', (call) => call.json(whoami(call)))
  routes.get('/users/list', (call) => {
    const operator = { ...OPERATOR, created_at: new Date(0).toISOString() }
    return call.json([operator, ...accounts.users].map(userView))
  })
  routes.post('/workspaces/add_user', async (call) => {
    const body = await objectOf(call)
    const email = textField(body, 'email')
    const username = optionalText(body, 'username') ?? email.split('@')[0]!
    const ours = [OPERATOR, ROUTE_OWNER]
    if (
      !/^[\w.-]+$/.test(username) ||
      isStandIn(username) ||
      ours.some((user) => user.username === username)
    ) {
      throw new ApiError(
        400,
        `username "${username}" is not accepted; expected letters, digits, . _ or -, not operator or hai, and no beginning such as label-`,
      )
    }
    const owner = ours.find((user) => user.email === email)
    if (owner) throw new ApiError(400, `email "${email}" is that of the user ${owner.username}`)
    accounts.addUser({ username, email, admin: flagField(body, 'is_admin') })
    return call.text(`user ${email} added`, 201)
  })
  routes.delete('/users/delete/:username', (call) => {
    const username = call.req.param('username')
    accounts.removeUser(username)
    return call.text(`username ${username} deleted`)
  })
  return routes
}

function grantOf(call: Call, body: Record<string, unknown>, username: string): TokenGrant {
  if (call.get('identity').scopes) {
    throw new ApiError(403, 'Permission denied: a token with scopes makes no others')
  }
  const expiration = optionalText(body, 'expiration')
  if (expiration !== undefined && !(Date.parse(expiration) > Date.now())) {
    throw new ApiError(
      400,
      `expiration is "${expiration}"; expected a time to come such as 2030-01-01T00:00:00Z`,
    )
  }
  const label = optionalText(body, 'label') || undefined
  if (label && isReservedLabel(label)) {
    throw new ApiError(400, `label "${label}" is not accepted: such a one is given by the server alone`)
  }
  const { scopes, read_only } = body
  if (scopes !== undefined && scopes !== null && !isTexts(scopes)) {
    throw new ApiError(400, 'scopes is not a list of text such as ["jobs:run:scripts:f/hai/*"]')
  }
  return {
    username,
    label,
    scopes: isTexts(scopes) ? scopes : undefined,
    workspace: optionalText(body, 'workspace_id') || undefined,
    read_only: read_only === true,
    expiration,
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

function whoami(call: Call): object {
  const { user: username, email, admin } = call.get('identity')
  const created_at = new Date(0).toISOString()
  const name = username === OPERATOR.username ? { name: 'operator' } : {}
  return { ...userView({ username, email, admin, created_at }), ...name }
}

function userView(user: { username: string; email: string; admin: boolean; created_at: string }): object {
  const { username, email, admin, created_at } = user
  const folders = ['hai']
  return {
    email,
    username,
    is_admin: admin,
    is_super_admin: false,
    created_at,
    // who is no admin runs what is there and writes nothing: Windmill's role of that name
    operator: !admin,
    disabled: false,
    groups: ['all'],
    folders,
    folders_read: folders,
    folders_owners: admin ? folders : [],
  }
}
