import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { MACHINE_PATHS } from '../../cdk8s/charts/machine-paths.ts'
import type { AutheliaClient } from '../../cli/gitops/authelia.ts'
import { aTree } from '../cdk8s/configurations.ts'
import { aHomeFolder, runHai } from '../cli/run-hai.ts'
import { Browser } from './oidc/browser.ts'
import { type Client, Issuer, type Person } from './oidc/issuer.ts'
import { type ProxyPod, proxyContainer, startProxyPod } from './oidc/proxy-pod.ts'
import { peer } from './peer.ts'
import { Upstream } from './upstream.ts'

const HAI = 'hai.example.com'
const AUTH = 'auth.example.com'
const OPERATOR: Person = {
  sub: 'operator',
  email: 'operator@example.com',
  email_verified: true,
  groups: ['lldap_admin', 'home'],
}
const WS = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }

const folder = mkdtempSync(join(tmpdir(), 'hai-login-'))
const tree = aTree({ domain: 'example.com' })
const home = aHomeFolder()
const { stdout } = await runHai(['gitops', 'authelia-client', '--domain', 'example.com', '--json'], home)
home.remove()
// as the command makes it when nothing else is asked for
const { fields, entry } = JSON.parse(stdout) as AutheliaClient
const [client] = parse(entry) as [Client]
const issuer = new Issuer(`https://${AUTH}`, { ...client, secret: fields.OAUTH_CLIENT_SECRET }, OPERATOR)
const windmill = new Upstream()
let proxy: ProxyPod

const aProxy = (changed: Record<string, string> = {}) =>
  startProxyPod(tree, {
    secrets: { CLIENT_SECRET: fields.OAUTH_CLIENT_SECRET, COOKIE_SECRET: fields.COOKIE_SECRET },
    upstream: windmill.url,
    issuer: { host: AUTH, port: issuer.port },
    folder,
    changed,
  })
const aBrowser = (port = proxy.port) =>
  new Browser({ hai: { host: HAI, port }, issuer: { host: AUTH, port: issuer.port } })

/** A browser in which that person has signed in. */
async function signedIn(person: Person = OPERATOR, port?: number): Promise<Browser> {
  issuer.person = person
  const browser = aBrowser(port)
  await browser.visit(`https://${HAI}/`)
  windmill.last()
  return browser
}

beforeAll(async () => {
  await issuer.start()
  await windmill.start()
  proxy = await aProxy()
})
afterAll(async () => {
  await proxy.stop()
  windmill.stop()
  issuer.stop()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  issuer.person = OPERATOR
})
afterEach(() => {
  expect(issuer.errors.splice(0)).toEqual([])
})

describe('oauth2-proxy as it is deployed', () => {
  it('is of the release that this is tried with, apart from patches of it', () => {
    const tried = peer('HAI_PEER_OAUTH2_PROXY_VERSION')
    const { image } = proxyContainer(tree)
    console.log(`tried with ${tried}, deployed ${image}`)
    expect(image).toContain(`:${/^v\d+\.\d+\./.exec(tried)![0]}`)
  })

  it('starts with every setting known, and warns of none', () => {
    expect(proxy.log()).not.toMatch(/warn|unknown|deprecated|invalid/i)
  })

  it('has its numbers on their own port and on no other', async () => {
    const numbers = await fetch(`http://127.0.0.1:${proxy.metricsPort}/metrics`)
    expect(await numbers.text()).toContain('oauth2_proxy_requests_in_flight')
    expect((await aBrowser().get(`https://${HAI}/metrics`)).status).toBe(302)
  })
})

describe('a login', () => {
  it('goes by the issuer with PKCE, and back to where the browser wanted to go', async () => {
    const browser = aBrowser()
    const sent = await browser.get(`https://${HAI}/runs?page=2`)
    expect(sent.status).toBe(302)
    const to = new URL(sent.headers.location!)
    expect(to.origin).toBe(`https://${AUTH}`)
    expect(to.searchParams.get('code_challenge_method')).toBe('S256')
    expect(to.searchParams.get('nonce')).toBeTruthy()
    const { status, url } = await browser.visit(`https://${HAI}/runs?page=2`)
    expect({ status, url }).toEqual({ status: 200, url: `https://${HAI}/runs?page=2` })
  })

  it('tells Windmill who it is', async () => {
    const browser = await signedIn()
    await browser.get(`https://${HAI}/`)
    expect(windmill.last()?.headers).toMatchObject({
      'x-forwarded-email': 'operator@example.com',
      'x-forwarded-groups': 'lldap_admin,home',
    })
  })

  it('leaves a cookie of this host alone that no script reads', async () => {
    const browser = aBrowser()
    const first = await browser.get(`https://${HAI}/`)
    const back = await browser.get(first.headers.location!)
    const session = await browser.get(back.headers.location!)
    const cookie = session.headers['set-cookie']!.find((line) => line.startsWith('__Host-hai='))
    for (const part of ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']) expect(cookie).toContain(part)
    expect(cookie).not.toMatch(/domain=/i)
  })

  const REFUSED: [string, Person, number][] = [
    ['without the group', { ...OPERATOR, groups: ['home'] }, 403],
    ['whose group is one in capitals', { ...OPERATOR, groups: ['LLDAP_ADMIN'] }, 403],
    ['whose group begins like the right one', { ...OPERATOR, groups: ['lldap_admin2', 'lldap'] }, 403],
    ['without any group', { ...OPERATOR, groups: [] }, 403],
    ['whose address nobody has verified', { ...OPERATOR, email_verified: false }, 403],
    ['without an address', { sub: 'operator', groups: OPERATOR.groups }, 500],
  ]
  it.each(REFUSED)('lets nobody in %s', async (_, person, status) => {
    const browser = await signedIn(person)
    expect((await browser.visit(`https://${HAI}/`)).status).toBe(status)
    expect((await browser.get(`https://${HAI}/`)).status).toBe(302)
    expect(windmill.last()).toBeUndefined()
  })

  it('needs the secret that the issuer knows', async () => {
    const wrong = await aProxy({ CLIENT_SECRET: 'not-the-one-that-is-registered' })
    try {
      expect((await aBrowser(wrong.port).visit(`https://${HAI}/`)).status).toBe(500)
    } finally {
      await wrong.stop()
    }
    // which it tries both ways
    expect(issuer.errors.splice(0)).toContain('a wrong client secret')
  })
})

describe('a session', () => {
  it('ends by itself, and whoever has lost the group meanwhile gets no other', async () => {
    // an hour in the cluster
    const brief = await aProxy({ COOKIE_EXPIRE: '2s' })
    try {
      const browser = await signedIn(OPERATOR, brief.port)
      expect((await browser.get(`https://${HAI}/`)).status).toBe(200)
      issuer.person = { ...OPERATOR, groups: ['home'] }
      await vi.waitUntil(async () => (await browser.get(`https://${HAI}/`)).status === 302)
      windmill.last()
      expect((await browser.visit(`https://${HAI}/`)).status).toBe(403)
      expect(windmill.last()).toBeUndefined()
    } finally {
      await brief.stop()
    }
  })

  it('asks for no refresh, for which the client has no right', () => {
    const settings = new Map(proxyContainer(tree).env.map(({ name, value }) => [name, value]))
    expect(settings.get('OAUTH2_PROXY_COOKIE_REFRESH')).toBeUndefined()
    expect(settings.get('OAUTH2_PROXY_SCOPE')?.split(' ')).toEqual(client.scopes)
    expect(client.grant_types).toEqual(['authorization_code'])
  })

  it('is over after signing out', async () => {
    const browser = await signedIn()
    const out = await browser.get(`https://${HAI}/oauth2/sign_out`)
    expect(out.status).toBe(302)
    expect((await browser.get(`https://${HAI}/`)).status).toBe(302)
  })
})

describe('a machine that misses its path', () => {
  const paths = MACHINE_PATHS.map(({ path }) => path.replace('{workspace}', 'main'))
  const missed = paths.flatMap((path) => [path, `${path}/`, `${path}/x`, `${path}?token=abc`])

  it.each(missed)('is told 401 in JSON and sent to no login: %s', async (path) => {
    const answer = await aBrowser().get(`https://${HAI}${path}`)
    expect(answer.status).toBe(401)
    expect(answer.headers['content-type']).toContain('application/json')
    expect(() => JSON.parse(answer.body)).not.toThrow()
    expect(answer.headers.location).toBeUndefined()
    expect(windmill.last()).toBeUndefined()
  })

  it.each(['/', '/adminx', '/inboxes', '/apiary', '/v12'])(
    'is not sent to log in, though a browser is: %s',
    async (path) => {
      expect((await aBrowser().get(`https://${HAI}${path}`)).status).toBe(302)
    },
  )
})

describe('where a login leads', () => {
  const FOREIGN = [
    'https://evil.example.org/',
    'https://evil.hai.example.com/',
    'https://auth.example.com/',
    '//evil.example.org/',
    '/\\evil.example.org/',
    '/\t/evil.example.org/',
    'https://hai.example.com@evil.example.org/',
    'https://hai.example.com:8443/',
    'javascript:alert(1)',
    '/%2f%2fevil.example.org/',
    '/./\\evil.example.org',
  ]
  it.each(FOREIGN)('never elsewhere: %s', async (rd) => {
    const browser = aBrowser()
    const { status, url } = await browser.visit(`https://${HAI}/oauth2/start?${new URLSearchParams({ rd })}`)
    expect(status).toBe(200)
    expect(new URL(url).host).toBe(HAI)
    const out = await browser.get(`https://${HAI}/oauth2/sign_out?${new URLSearchParams({ rd })}`)
    expect(new URL(out.headers.location!, url).host).toBe(HAI)
  })

  it('is not for a client to say by a header', async () => {
    const forged = {
      'x-forwarded-host': 'evil.example.org',
      'x-forwarded-uri': '/oauth2/auth',
      'x-auth-request-redirect': 'https://evil.example.org/',
    }
    const browser = aBrowser()
    const sent = await browser.get(`https://${HAI}/`, forged)
    expect(new URL(sent.headers.location!).searchParams.get('redirect_uri')).toBe(
      `https://${HAI}/oauth2/callback`,
    )
    const back = await browser.get(sent.headers.location!)
    const { headers } = await browser.get(back.headers.location!)
    expect(new URL(headers.location!, `https://${HAI}`).host).toBe(HAI)
  })
})

describe('what stays open', () => {
  it('passes each event on as it comes', async () => {
    const browser = await signedIn()
    const stream = await browser.open(`https://${HAI}/runs`, { headers: { accept: 'text/event-stream' } })
    expect(stream.headers['content-type']).toBe('text/event-stream')
    stream.setEncoding('utf8')
    const read = async () => {
      const [chunk] = (await once(stream, 'data')) as [string]
      return chunk
    }
    for (const event of ['data: one\n\n', 'data: two\n\n']) {
      const arrives = read()
      windmill.streams.at(-1)!.write(event)
      expect(await arrives).toBe(event)
    }
    stream.destroy()
  })

  it('is a WebSocket for who has signed in, and for nobody else', async () => {
    const browser = await signedIn()
    const cookie = browser.cookies(HAI).join('; ')
    const { status, socket } = await upgrade('/ws/lsp', { cookie })
    expect(status).toBe(101)
    const echoed = once(socket!, 'data')
    socket!.write('hello')
    expect(String((await echoed)[0])).toBe('hello')
    socket!.destroy()
    windmill.last()
    expect((await upgrade('/ws/lsp', {})).status).toBe(302)
    expect((await upgrade('/api/w/main/ws', {})).status).toBe(401)
    expect(windmill.last()).toBeUndefined()
  })
})

function upgrade(path: string, more: Record<string, string>): Promise<{ status: number; socket?: Socket }> {
  const headers = {
    host: HAI,
    'x-forwarded-proto': 'https',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...WS,
    ...more,
  }
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: proxy.port, path, headers, agent: false })
      .on('upgrade', ({ statusCode }, socket) => resolve({ status: statusCode!, socket: socket as Socket }))
      .on('response', (response) => resolve({ status: response.resume().statusCode! }))
      .on('error', reject)
      .end()
  })
}
