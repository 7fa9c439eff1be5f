import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { MACHINE_PATHS } from '../../cdk8s/charts/machine-paths.ts'
import type { Tree } from '../../cdk8s/tree.ts'
import { aTree } from '../cdk8s/configurations.ts'
import { envoyConfig, type Wiring } from './envoy/translation.ts'
import { answers, freePort, peer, type Running, start } from './peer.ts'
import { Upstream } from './upstream.ts'

const HAI = 'hai.example.com'
const BEARER = { authorization: 'Bearer a-token' }
const JOB = '0199e0a1-1111-7222-8333-444455556666'

const folder = mkdtempSync(join(tmpdir(), 'hai-gateway-'))
const windmill = new Upstream()
const edge = new Upstream()
const running: Running[] = []
let count = 0

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

interface Gateway {
  /** The path goes out as it is written here, with nothing made tidy. */
  ask(line: string, headers?: Record<string, string>): Promise<Answer>
  open(line: string, headers?: Record<string, string>): Promise<IncomingMessage>
}

/** Envoy with the tree's routes, translated by our own small translation and not by Envoy Gateway. */
async function aGateway(tree: Tree, more: Partial<Wiring> = {}): Promise<Gateway> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const services = { 'windmill-app': windmill.port, 'hai-oauth2-proxy': edge.port, ...more.services }
  const file = join(folder, `envoy-${++count}.json`)
  writeFileSync(file, JSON.stringify(envoyConfig(tree, { ...more, port, adminPort, services })))
  const args = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning']
  const ready = () => answers(`http://127.0.0.1:${adminPort}/ready`)
  running.push(await start(peer('HAI_PEER_ENVOY'), args, { ready }))

  const open = async (line: string, headers: Record<string, string> = {}): Promise<IncomingMessage> => {
    const [method, path] = line.split(' ') as [string, string]
    const to = { host: '127.0.0.1', port, method, path, agent: false, headers: { host: HAI, ...headers } }
    const asked = request(to).end(method === 'POST' ? '{}' : undefined)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    return response
  }
  const ask = async (line: string, headers?: Record<string, string>): Promise<Answer> => {
    const response = await open(line, headers)
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    return { status: response.statusCode!, headers: response.headers, body }
  }
  return { ask, open }
}

/** Where a request has arrived, and as what. */
function arrival(): string | undefined {
  const [atWindmill, atEdge] = [windmill.last(), edge.last()]
  if (atWindmill && atEdge) throw new Error('it went to both')
  if (atWindmill) return `windmill ${atWindmill.url}`
  return atEdge && `edge ${atEdge.url}`
}

/** A request for each path, and where it goes with a token. */
const requests = MACHINE_PATHS.map(({ method = 'POST', path, below, trigger }) => {
  const at = path.replace('{workspace}', 'main') + (below ? `/${JOB}` : '')
  return [`${method} ${at}`, `windmill ${trigger ? `/api/r/hai${trigger}${below ? `/${JOB}` : ''}` : at}`]
}) as [string, string][]

let gateway: Gateway

beforeAll(async () => {
  await windmill.start()
  await edge.start()
  gateway = await aGateway(aTree({ domain: 'example.com' }))
})
afterEach(() => {
  windmill.arrived.length = 0
  edge.arrived.length = 0
})
afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()))
  windmill.stop()
  edge.stop()
  rmSync(folder, { recursive: true })
})

describe('a machine path', () => {
  it.each(requests)('goes to Windmill with a token, and to the edge without: %s', async (line, arrives) => {
    await gateway.ask(line, BEARER)
    expect(arrival()).toBe(arrives)
    for (const headers of [
      {},
      { cookie: 'token=abc' },
      { authorization: 'Basic b3BlcmF0b3I6cGFzc3dvcmQ=' },
      { authorization: 'Bearer ' },
      { authorization: 'Bearer' },
    ]) {
      await gateway.ask(`${line}?token=abc`, headers as Record<string, string>)
      expect(arrival(), JSON.stringify(headers)).toBe(`edge ${line.split(' ')[1]}?token=abc`)
    }
  })

  it('takes the word in either spelling, and keeps the query', async () => {
    await gateway.ask('GET /v1/models?limit=2', { authorization: 'bearer a-token' })
    expect(arrival()).toBe('windmill /api/r/hai/v1/models?limit=2')
  })

  it('passes the token on as it came, and no cookie beside it', async () => {
    await gateway.ask('POST /inbox', { ...BEARER, cookie: 'token=abc' })
    const { headers } = windmill.last()!
    expect(headers.authorization).toBe('Bearer a-token')
    expect(headers.cookie).toBeUndefined()
  })
})

describe('what else is asked with a token', () => {
  const ELSEWHERE: [string, string][] = [
    ['GET /inbox', 'edge /inbox'],
    ['POST /inbox/', 'edge /inbox/'],
    ['POST /inbox/more', 'edge /inbox/more'],
    ['POST /inboxes', 'edge /inboxes'],
    ['POST /INBOX', 'edge /INBOX'],
    ['DELETE /admin/tasks/1', 'edge /admin/tasks/1'],
    ['GET /admin', 'edge /admin'],
    ['GET /admin/taskss', 'edge /admin/taskss'],
    ['GET /admin/tasks/../secrets', 'edge /admin/secrets'],
    ['GET /admin/tasks/%2e%2e/secrets', 'edge /admin/secrets'],
    ['GET /admin/tasks/..;/secrets', 'edge /admin/secrets'],
    ['POST /api/w/main/jobs/run/p/f/haibutnot/x', 'edge /api/w/main/jobs/run/p/f/haibutnot/x'],
    ['POST /api/w/main/jobs/run/p/f/hai/../../u/me/x', 'edge /api/w/main/jobs/run/p/u/me/x'],
    ['POST /api/w/other/jobs/run/p/f/hai/x', 'edge /api/w/other/jobs/run/p/f/hai/x'],
    ['POST /api/w/main/jobs/run/preview', 'edge /api/w/main/jobs/run/preview'],
    ['POST /api/r/hai/inbox', 'edge /api/r/hai/inbox'],
    ['POST //inbox', 'windmill /api/r/hai/inbox'],
    ['POST /api//w/main//jobs/run/p/f/hai/x', 'windmill /api/w/main/jobs/run/p/f/hai/x'],
  ]
  it.each(ELSEWHERE)('%s arrives at %s', async (line, arrives) => {
    await gateway.ask(line, BEARER)
    expect(arrival()).toBe(arrives)
  })

  it.each([
    'POST /api/w/main/jobs/run/p/f/hai/..%2f..%2fu/me/x',
    'POST /api/w/main/jobs/run/p/f/hai/..%5c..%5cu',
    'GET /admin/tasks/..%2Fsecrets',
  ])('%s arrives nowhere: an escaped slash is redirected', async (line) => {
    const { status } = await gateway.ask(line, BEARER)
    expect(status).toBe(307)
    expect(arrival()).toBeUndefined()
  })

  it('a header name with an underscore is refused', async () => {
    expect((await gateway.ask('POST /inbox', { ...BEARER, x_forwarded_user: 'operator' })).status).toBe(400)
    expect(arrival()).toBeUndefined()
  })

  it('another host is none of ours', async () => {
    expect((await gateway.ask('POST /inbox', { ...BEARER, host: 'other.example.com' })).status).toBe(404)
    expect(arrival()).toBeUndefined()
  })
})

describe('headers by which a client could pose as somebody else', () => {
  const FORGED = [
    ...['user', 'email', 'groups', 'preferred-username', 'uri', 'host'].map((name) => `x-forwarded-${name}`),
    ...['user', 'groups', 'name', 'email'].map((name) => `remote-${name}`),
    ...['x-original-uri', 'x-original-url', 'x-rewrite-url', 'x-auth-request-redirect', 'forwarded'],
  ]
  it.each([
    ['POST /inbox', BEARER],
    ['GET /', {}],
  ])('are gone: %s', async (line, headers) => {
    await gateway.ask(line, { ...Object.fromEntries(FORGED.map((name) => [name, 'forged'])), ...headers })
    const { headers: left } = windmill.last() ?? edge.last()!
    expect(Object.entries(left).filter(([, value]) => value === 'forged')).toEqual([])
  })
})

describe('with a retry for the whole gateway', () => {
  const retry = { numRetries: 2, retryOn: { triggers: ['reset'] } }
  let retrying: Gateway
  beforeAll(async () => {
    retrying = await aGateway(aTree({ domain: 'example.com' }), { gatewayTraffic: { retry } })
  })

  it.each(requests)('what was cut off is sent once: %s', async (line) => {
    windmill.resets = 9
    const { status } = await retrying.ask(line, BEARER)
    windmill.resets = 0
    expect(status).toBe(503)
    expect(windmill.arrived).toHaveLength(1)
  })

  it('which without a policy of ours would send it thrice', async () => {
    const tree = aTree({ domain: 'example.com' })
    const entries = tree.entries.filter(({ object }) => object.kind !== 'BackendTrafficPolicy')
    const unguarded = await aGateway({ ...tree, entries }, { gatewayTraffic: { retry } })
    windmill.resets = 9
    await unguarded.ask('POST /inbox', BEARER)
    windmill.resets = 0
    expect(windmill.arrived).toHaveLength(3)
  })
})

describe('a stream', () => {
  it.each([
    [`GET /api/w/main/jobs_u/getupdate_sse/${JOB}`, BEARER, windmill],
    ['GET /runs', {}, edge],
  ])('passes each event on as it comes: %s', async (line, headers, there) => {
    const stream = await gateway.open(line, { accept: 'text/event-stream', ...headers })
    stream.setEncoding('utf8')
    for (const event of ['data: one\n\n', 'data: two\n\n']) {
      const arrives = once(stream, 'data')
      there.streams.at(-1)!.write(event)
      expect(await arrives).toEqual([event])
    }
    stream.destroy()
  })
})

describe('where Envoy asks Authelia', () => {
  const asked: { url: string; headers: IncomingMessage['headers'] }[] = []
  let authelia: Server
  let asking: Gateway

  beforeAll(async () => {
    // as Authelia answers Envoy: a session or not; and Basic, where that is asked
    authelia = createServer(({ url = '', headers }, response) => {
      asked.push({ url, headers })
      const known = headers.cookie === 'authelia_session=good' || headers.authorization?.startsWith('Basic ')
      response.writeHead(known ? 200 : 302, known ? {} : { location: 'https://auth.example.com/' }).end()
    }).listen(0, '127.0.0.1')
    await once(authelia, 'listening')
    const services = { authelia: (authelia.address() as AddressInfo).port }
    asking = await aGateway(aTree({ domain: 'example.com', edge: { kind: 'envoy-extauth' } }), { services })
  })
  afterEach(() => {
    asked.length = 0
  })
  afterAll(() => {
    authelia.close()
    authelia.closeAllConnections()
  })

  it('lets who has a session in, and sends a stranger to the login', async () => {
    expect((await asking.ask('GET /runs', {})).status).toBe(302)
    expect(arrival()).toBeUndefined()
    expect((await asking.ask('GET /runs', { cookie: 'authelia_session=good' })).status).toBe(200)
    expect(arrival()).toBe('windmill /runs')
    expect(asked.map(({ url }) => url.replace('//', '/'))).toEqual(Array(2).fill('/api/authz/ext-authz/runs'))
    expect(asked.map(({ headers }) => headers['x-forwarded-proto'])).toEqual(['http', 'http'])
  })

  it.each(['GET /', 'GET /runs', 'GET /api/version', 'POST /inbox/'])(
    'takes no password instead of a session, and shows it to nobody: %s',
    async (line) => {
      for (const authorization of ['Basic b3A6cA==', 'basic b3A6cA==', 'Bearer x, Basic b3A6cA==']) {
        const cookie = 'authelia_session=good'
        expect((await asking.ask(line, { authorization, cookie })).status, authorization).toBe(401)
        expect(asked).toEqual([])
        expect(arrival()).toBeUndefined()
      }
    },
  )

  it('answers a page’s own call with 401, where a page would be sent to the login', async () => {
    await asking.ask('GET /api/version', { accept: 'text/html' })
    expect(asked[0]!.headers.accept).toBeUndefined()
    expect(asked[0]!.headers.cookie).toBeUndefined()
  })

  it('asks for no machine that has its token', async () => {
    await asking.ask('POST /inbox', BEARER)
    expect(arrival()).toBe('windmill /api/r/hai/inbox')
    expect(asked).toEqual([])
  })

  it.each([
    'POST /inbox',
    'POST /inbox/',
    'GET /v1/models',
    'POST /v1/chat/completions/',
    'GET /admin/tasks',
  ])('answers a machine without one 401 in JSON, and asks nobody: %s', async (line) => {
    const { status, headers, body } = await asking.ask(line, { cookie: 'authelia_session=good' })
    expect(status).toBe(401)
    expect(headers['content-type']).toContain('application/json')
    expect(() => JSON.parse(body)).not.toThrow()
    expect(arrival()).toBeUndefined()
  })
})
