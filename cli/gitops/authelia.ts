import { pbkdf2Sync, randomBytes, randomInt } from 'node:crypto'
import { stringify } from 'yaml'

/** Upstream's advice: 72 characters that need no escaping anywhere. */
const SECRET_LENGTH = 72
const UNRESERVED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'
const ITERATIONS = 310_000
const SALT_BYTES = 16
const KEY_BYTES = 64
const COOKIE_BYTES = 32

export interface ClientWish {
  /** The host that browsers use, whole: no variable is filled in where this text goes. */
  host: string
  clientId: string
  policy: string
  /** How the client proves itself at the token endpoint. */
  authMethod: string
  /** One of the operator's own; without it the proxy asks userinfo for what the id token lacks. */
  claimsPolicy?: string
}

export interface AutheliaClient {
  /** Fields of the 1Password item. */
  fields: { OAUTH_CLIENT_SECRET: string; COOKIE_SECRET: string }
  /** The entry for Authelia's list of clients; it holds the digest and no secret. */
  entry: string
}

/** A new client of Authelia's with fresh secrets. Nothing of it is kept anywhere. */
export function makeClient(wish: ClientWish): AutheliaClient {
  const secret = Array.from({ length: SECRET_LENGTH }, () => UNRESERVED[randomInt(UNRESERVED.length)]).join(
    '',
  )
  // base64url: oauth2-proxy decodes this alphabet alone, and takes 44 other characters for a key of 44 bytes
  const cookie = randomBytes(COOKIE_BYTES).toString('base64url')
  const client = {
    client_id: wish.clientId,
    client_name: 'hai',
    client_secret: digest(secret, randomBytes(SALT_BYTES)),
    public: false,
    authorization_policy: wish.policy,
    require_pkce: true,
    pkce_challenge_method: 'S256',
    // the proxy comes back each hour; nobody is asked each time whether hai may know who that is
    consent_mode: 'implicit',
    redirect_uris: [`https://${wish.host}/oauth2/callback`],
    scopes: ['openid', 'profile', 'email', 'groups'],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    ...(wish.claimsPolicy === undefined ? {} : { claims_policy: wish.claimsPolicy }),
    token_endpoint_auth_method: wish.authMethod,
  }
  return {
    fields: { OAUTH_CLIENT_SECRET: secret, COOKIE_SECRET: cookie },
    entry: stringify([client], {
      lineWidth: 0,
      singleQuote: true,
      defaultStringType: 'QUOTE_SINGLE',
      defaultKeyType: 'PLAIN',
    }),
  }
}

/** Authelia's PBKDF2-SHA512 digest: `$pbkdf2-sha512$iterations$salt$key`, in passlib's base64. */
export function digest(secret: string, salt: Buffer): string {
  const key = pbkdf2Sync(secret, salt, ITERATIONS, KEY_BYTES, 'sha512')
  return `$pbkdf2-sha512$${ITERATIONS}$${adapted(salt)}$${adapted(key)}`
}

const adapted = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '').replaceAll('+', '.')
