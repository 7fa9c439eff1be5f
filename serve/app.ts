import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Webhook } from '../cli/call/webhook.ts'
import { modelList, modelOf, type Refusal } from '../f/hai/core/surface/openai_answer.ts'
import { unknownModel } from '../f/hai/core/surface/openai_request.ts'
import { answer, type Silence } from './answering.ts'
import { Chatters } from './chatters.ts'
import { type Form, OLLAMA, OPENAI } from './forms.ts'
import { NOT_SERVED, OLLAMA_VERSION, shown, tags, untagged } from './ollama.ts'
import { meantPath } from './paths.ts'
import { isMistake, problemOf } from './problems.ts'
import { foreignness, jsonIn, keyIn, Refused, requestIdOf, tokenIn } from './requests.ts'
import type { Streams } from './streams.ts'

/** What a door for chat clients stands in. */
export interface Surroundings {
  /** A client of hai's webhooks, with this token. Rejects with a `Failure` while there is no server. */
  webhookOf(token: string): Promise<Webhook>
  /** Origins of the pages that may call, as `https://chat.example.com`. */
  origins(): Promise<readonly string[]>
  /** Nobody but this machine is meant to call. */
  loopback: boolean
  streams: Streams
  /** How long a stream may be silent. */
  silence?: Silence | undefined
  /** Hears of mistakes of this program's own. */
  log(line: string): void
}

interface Door {
  Bindings: HttpBindings
  Variables: { id: string; token: string; form: Form }
}
type Call = Context<Door>

/** What chat clients call: OpenAI's API below `/v1`, and as much of Ollama's below `/api` as chats take. */
export function createApp(surroundings: Surroundings): Hono<Door> {
  const app = new Hono<Door>({ getPath: ({ url }) => meantPath(new URL(url).pathname) })
  app.onError((error, call) => {
    const refusal = problemOf(error)
    if (isMistake(refusal)) surroundings.log(`${call.req.method} ${call.req.path}: ${error.stack ?? error}`)
    return refuse(call, refusal)
  })
  app.notFound((call) => refuse(call, problemOf(nowhere(call))))
  app.use(named())
  app.use(pages(surroundings))
  app.get('/', (call) => call.text('hai is running'))

  const bearing = bearers()
  const known = holders(surroundings)
  const chatters = new Chatters()
  app.get('/v1/models', bearing, known, (call) => call.json(modelList()))
  app.get('/v1/models/:id', bearing, known, (call) => call.json(modelNamed(call.req.param('id'))))
  app.post('/v1/chat/completions', bearing, (call) => chat(call, surroundings, chatters))

  app.get('/api/version', (call) => call.json({ version: OLLAMA_VERSION }))
  app.get('/api/tags', bearing, known, (call) => call.json(tags(modelList().data.map(({ id }) => id))))
  app.get('/api/ps', bearing, known, (call) => call.json({ models: [] }))
  app.post('/api/show', bearing, known, async (call) => {
    const { model, name } = Object(await jsonIn(call.env.incoming)) as { model?: unknown; name?: unknown }
    modelNamed(untagged(model ?? name))
    return call.json(shown())
  })
  app.post('/api/chat', bearing, (call) => chat(call, surroundings, chatters))
  for (const name of NOT_SERVED) {
    app.all(`/api/${name}/*`, () => {
      throw new Refused(501, 'not_implemented', `hai does not serve /api/${name}; it serves /api/chat`)
    })
  }
  return app
}

function modelNamed(name: unknown) {
  const model = typeof name === 'string' ? modelOf(name) : undefined
  if (!model) throw unknownModel()
  return model
}

/** Each answer has the request's name, by which a client and a log can speak of it, and the form of its API. */
function named() {
  return createMiddleware<Door>(async (call, next) => {
    const id = requestIdOf(call.req.header('x-request-id'))
    call.set('id', id)
    call.set('form', call.req.path.startsWith('/api/') ? OLLAMA : OPENAI)
    call.header('x-request-id', id)
    await next()
    // a body that nobody wanted is read to its end, or the answer is lost with the connection
    const { incoming } = call.env
    if (!incoming.readableEnded && !incoming.destroyed) incoming.resume()
  })
}

/** Answers preflights of pages that may call, and refuses what a page of another place has a browser send. */
function pages({ origins, loopback }: Surroundings) {
  return createMiddleware<Door>(async (call, next) => {
    const origin = call.req.header('origin')
    const from = { host: call.req.header('host'), origin }
    // most requests come of no page, and need no look at what is listed
    const isOwn = foreignness(from, { allowed: [], loopback }) === undefined
    const why = isOwn ? undefined : foreignness(from, { allowed: await origins(), loopback })
    if (why) throw new Refused(403, 'forbidden', why)
    for (const [name, value] of Object.entries(sharedWith(origin))) call.header(name, value)
    if (call.req.method !== 'OPTIONS') return next()
    call.header('access-control-allow-methods', 'GET, HEAD, POST, OPTIONS')
    call.header('access-control-allow-headers', call.req.header('access-control-request-headers') ?? '*')
    call.header('access-control-max-age', '600')
    return call.body(null, 204)
  })
}

const sharedWith = (origin: string | undefined): Record<string, string> =>
  origin === undefined
    ? {}
    : {
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'x-request-id, x-hai-notice, x-should-retry',
        vary: 'Origin',
      }

/** Lets in who brings a token. Whether it is known is told by the first call that it is used for. */
function bearers() {
  return createMiddleware<Door>(async (call, next) => {
    const token = tokenIn(call.req.header('authorization'))
    if (!token)
      throw new Refused(401, 'invalid_api_key', 'there is no token; send one as Authorization: Bearer')
    call.set('token', token)
    await next()
  })
}

/** Lets in whose token is known, where nothing else would tell. */
function holders({ webhookOf }: Surroundings) {
  return createMiddleware<Door>(async (call, next) => {
    const webhook = await webhookOf(call.get('token'))
    const workspace = encodeURIComponent(webhook.target.workspace)
    const { status } = await webhook.api('GET', `w/${workspace}/users/whoami`)
    // 403: it is known, and for less than this
    if (status === 401) throw new Refused(401, 'invalid_api_key', 'the token is not known here')
    if (status >= 500) throw new Refused(503, 'unavailable', 'hai does not answer right now; try again later')
    await next()
  })
}

async function chat(call: Call, surroundings: Surroundings, chatters: Chatters): Promise<Response> {
  const { incoming, outgoing } = call.env
  const { webhookOf, streams, silence, log } = surroundings
  const body = await jsonIn(incoming)
  const headers = { 'x-request-id': call.get('id'), ...sharedWith(call.req.header('origin')) }
  const form = call.get('form')
  const webhook = await webhookOf(call.get('token'))
  const key = keyIn(call.req.header('idempotency-key'))
  await chatters.admit(webhook)
  const toSend = await answer({ body, form, webhook, key, outgoing, headers, streams, silence, log })
  if (toSend === undefined) return RESPONSE_ALREADY_SENT
  if ('status' in toSend) return refuse(call, toSend)
  for (const [name, value] of Object.entries(toSend.headers)) call.header(name, value)
  return call.json(toSend.body)
}

function refuse(call: Call, refusal: Refusal): Response {
  for (const [name, value] of Object.entries(refusal.headers)) call.header(name, value)
  return call.json(call.get('form').refused(refusal), refusal.status as ContentfulStatusCode)
}

/** What is served, by its path. */
const SERVED: Record<string, string> = {
  '/': 'GET',
  '/v1/models': 'GET',
  '/v1/chat/completions': 'POST',
  '/api/tags': 'GET',
  '/api/ps': 'GET',
  '/api/version': 'GET',
  '/api/show': 'POST',
  '/api/chat': 'POST',
}

function nowhere({ req: { path } }: Call): Refused {
  const method = SERVED[path]
  if (method) return new Refused(405, 'method_not_allowed', `this path takes ${method} and nothing else`)
  const [there, base] = path.startsWith('/api/')
    ? ['POST /api/chat, GET /api/tags and POST /api/show', 'with nothing']
    : ['POST /v1/chat/completions and GET /v1/models', 'with /v1']
  const text = `nothing is served at this path; there are ${there}. The base URL is this address ${base} behind it`
  return new Refused(404, 'not_found', text)
}
