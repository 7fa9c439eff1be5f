import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { ISSUER_CERTIFICATE } from './certificate.ts'

/** Who signs in next; there is no page that asks. */
export interface Person {
  sub: string
  email?: string
  email_verified?: boolean
  groups: string[]
}

interface Grant {
  person: Person
  scope: string[]
  nonce?: string
  challenge?: string
}

/** The fields of a client's entry in Authelia that matter here, and the secret behind its digest. */
export interface Client {
  client_id: string
  redirect_uris: string[]
  scopes: string[]
  grant_types: string[]
  token_endpoint_auth_method: string
  secret: string
}

const CODE_MS = 60_000
/** How long ID and access tokens hold. */
const TOKEN_SECONDS = 3600

/**
 * An issuer of OpenID Connect as far as oauth2-proxy needs one: discovery, authorization code with PKCE, userinfo,
 * keys. As Authelia does it, e-mail and groups are in the userinfo and not in the ID token.
 * What a request gets wrong is refused and told in `errors`.
 */
export class Issuer {
  readonly url: string
  readonly errors: string[] = []
  /** Who is sent to the login signs in as this person. */
  person: Person

  readonly #client: Client
  readonly #server: Server
  readonly #codes = new Map<string, Grant>()
  readonly #access = new Map<string, { grant: Grant; until: number }>()
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 })

  constructor(url: string, client: Client, person: Person) {
    this.url = url
    this.#client = client
    this.person = person
    this.#server = createServer(ISSUER_CERTIFICATE, (request, response) => {
      this.#answer(request, response).catch((error: Error) => {
        this.errors.push(error.message)
        json(response, 400, { error: 'invalid_request', error_description: error.message })
      })
    })
  }

  async start(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, this.url)
    if (pathname === '/.well-known/openid-configuration') return json(response, 200, this.#discovery())
    if (pathname === '/keys') return json(response, 200, { keys: [this.#publicKey()] })
    if (pathname === '/authorize') return this.#authorize(searchParams, response)
    if (pathname === '/userinfo') return this.#userinfo(request, response)
    if (pathname === '/token') return json(response, 200, this.#token(await credentials(request)))
    json(response, 404, { error: `there is no ${pathname}` })
  }

  #discovery(): object {
    const at = (name: string) => `${this.url}/${name}`
    return {
      issuer: this.url,
      authorization_endpoint: at('authorize'),
      token_endpoint: at('token'),
      userinfo_endpoint: at('userinfo'),
      jwks_uri: at('keys'),
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
    }
  }

  #authorize(query: URLSearchParams, response: ServerResponse): void {
    const redirect = query.get('redirect_uri') ?? ''
    const scope = (query.get('scope') ?? '').split(' ')
    need(query.get('client_id') === this.#client.client_id, 'another client')
    need(this.#client.redirect_uris.includes(redirect), 'a foreign redirect_uri')
    need(query.get('code_challenge_method') === 'S256', 'no PKCE')
    for (const one of scope) need(this.#client.scopes.includes(one), `the client may not ask for ${one}`)
    const code = randomUUID()
    this.#codes.set(code, {
      person: this.person,
      scope,
      nonce: query.get('nonce') ?? undefined,
      challenge: query.get('code_challenge') ?? undefined,
    })
    setTimeout(() => this.#codes.delete(code), CODE_MS).unref()
    const back = new URL(redirect)
    back.search = new URLSearchParams({ code, state: query.get('state') ?? '' }).toString()
    response.writeHead(302, { location: back.href }).end()
  }

  #token({ form, method, id, secret }: Credentials): object {
    const { client_id, grant_types, token_endpoint_auth_method: registered } = this.#client
    need(method === registered, `the client proves itself by ${method}, registered is ${registered}`)
    need(
      grant_types.includes(form.get('grant_type') ?? ''),
      `the client has no grant ${form.get('grant_type')}`,
    )
    need(id === client_id && secret === this.#client.secret, 'a wrong client secret')
    const code = form.get('code') ?? ''
    const grant = this.#codes.get(code)
    this.#codes.delete(code)
    need(grant !== undefined, 'an unknown code')
    const verifier = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    need(verifier === grant!.challenge, 'a code_verifier that does not fit')
    return this.#tokens(grant!)
  }

  #tokens(grant: Grant): object {
    const seconds = Math.floor(Date.now() / 1000)
    const { nonce, person } = grant
    const claims = {
      iss: this.url,
      aud: this.#client.client_id,
      sub: person.sub,
      iat: seconds,
      auth_time: seconds,
    }
    const access = randomUUID()
    this.#access.set(access, { grant, until: seconds + TOKEN_SECONDS })
    return {
      access_token: access,
      token_type: 'bearer',
      expires_in: TOKEN_SECONDS,
      id_token: this.#signed({ ...claims, exp: seconds + TOKEN_SECONDS, ...(nonce ? { nonce } : {}) }),
    }
  }

  #userinfo({ headers }: IncomingMessage, response: ServerResponse): void {
    const held = this.#access.get(headers.authorization?.replace(/^bearer /i, '') ?? '')
    if (!held || held.until < Date.now() / 1000) {
      json(response, 401, { error: 'invalid_token' })
      return
    }
    const { person, scope } = held.grant
    const { sub, groups, ...email } = person
    json(response, 200, {
      sub,
      ...(scope.includes('email') ? email : {}),
      ...(scope.includes('groups') ? { groups } : {}),
    })
  }

  #publicKey(): object {
    return { ...this.#keys.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }
  }

  #signed(claims: object): string {
    const encoded = [{ alg: 'RS256', kid: 'one', typ: 'JWT' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    return `${encoded}.${sign('sha256', Buffer.from(encoded), this.#keys.privateKey).toString('base64url')}`
  }
}

interface Credentials {
  form: URLSearchParams
  method: 'client_secret_basic' | 'client_secret_post'
  id: string | null
  secret: string | null
}

async function credentials(request: IncomingMessage): Promise<Credentials> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const form = new URLSearchParams(Buffer.concat(chunks).toString())
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (!basic)
    return {
      form,
      method: 'client_secret_post',
      id: form.get('client_id'),
      secret: form.get('client_secret'),
    }
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
  return { form, method: 'client_secret_basic', id, secret }
}

function need(right: boolean, what: string): void {
  if (!right) throw new Error(what)
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
