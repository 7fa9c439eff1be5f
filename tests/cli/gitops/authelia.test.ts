import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { addGitops } from '../../../cli/commands/gitops.ts'
import { digest, makeClient } from '../../../cli/gitops/authelia.ts'
import { Session } from '../../../cli/session.ts'
import { aTree } from '../../cdk8s/configurations.ts'
import { FakeIo } from '../run-hai.ts'

/** Authelia's documented example, of the secret «insecure_secret». */
const DOCUMENTED =
  '$pbkdf2-sha512$310000$c8p78n7pUMln0jzvd4aK4Q$JNRBzwAo0ek5qKn50cFzzvE9RXV88h1wJn5KGiHrD0YKtZaR/nCb2CJPOsKaPK0hjf.9yHxzQGZziziccp6Yng'

const WISH = {
  host: 'hai.example.com',
  clientId: 'hai',
  policy: 'two_factor',
  authMethod: 'client_secret_basic',
}
const saltOf = (text: string) => Buffer.from(text.split('$')[3]!.replaceAll('.', '+'), 'base64')

async function gitops(...argv: string[]): Promise<{ stdout: string; stderr: string }> {
  const io = new FakeIo({ env: {} })
  const program = new Command('hai').exitOverride().configureOutput({ outputError: () => {} })
  addGitops(program, new Session(io))
  await program.parseAsync(['gitops', ...argv], { from: 'user' })
  return { stdout: io.stdout.text, stderr: io.stderr.text }
}

describe("Authelia's client", () => {
  it('has the digest that Authelia documents', () => {
    expect(digest('insecure_secret', saltOf(DOCUMENTED))).toBe(DOCUMENTED)
  })

  it('has a digest of just the secret that goes to 1Password, and no secret in its entry', () => {
    const { fields, entry } = makeClient(WISH)
    const [client] = parse(entry)
    expect(client.client_secret).toBe(digest(fields.OAUTH_CLIENT_SECRET, saltOf(client.client_secret)))
    expect(client.client_secret).toHaveLength(131)
    expect(fields.OAUTH_CLIENT_SECRET).toMatch(/^[\w.~-]{72}$/)
    for (const secret of Object.values(fields)) expect(entry).not.toContain(secret)
    expect(entry).toContain("client_secret: '$pbkdf2-sha512$310000$")
  })

  it('has a cookie secret that oauth2-proxy decodes to 32 bytes', () => {
    for (let round = 0; round < 3; round++) {
      const { COOKIE_SECRET } = makeClient(WISH).fields
      expect(COOKIE_SECRET).toMatch(/^[\w-]{43}$/)
      expect(Buffer.from(COOKIE_SECRET, 'base64url')).toHaveLength(32)
    }
  })

  it('is another one each time', () => {
    expect(makeClient(WISH).fields).not.toEqual(makeClient(WISH).fields)
  })

  it('comes back to where the proxy expects its logins', () => {
    const proxy = aTree({ domain: 'example.com' }).files.get(
      'kubernetes/apps/home/hai/app/oauth2-proxy.yaml',
    )!
    const [client] = parse(makeClient(WISH).entry)
    expect(proxy).toContain(`value: ${client.redirect_uris[0]}\n`)
    expect(proxy).toContain(`name: OAUTH2_PROXY_CLIENT_ID\n              value: ${client.client_id}\n`)
    expect(client).toMatchObject({ require_pkce: true, pkce_challenge_method: 'S256' })
  })

  it('is printed in two parts, each for its place', async () => {
    const { stdout, stderr } = await gitops(
      'authelia-client',
      '--domain',
      'example.com',
      '--policy',
      'admins_only',
    )
    expect(stdout).toMatch(/^OAUTH_CLIENT_SECRET=.{72}\nCOOKIE_SECRET=.{43}\n- client_id: 'hai'\n/)
    expect(stdout).toContain("authorization_policy: 'admins_only'")
    expect(stdout).toContain("- 'https://hai.example.com/oauth2/callback'")
    expect(stderr).toContain('to 1Password, item hai-oauth2-proxy')
    expect(stderr).toContain(
      'it names identity_providers.oidc.authorization_policies.admins_only: without it',
    )
    expect(stderr).toContain('authelia config validate, before you roll it out')
    expect(stderr).toContain('expand-env')
    const { fields } = JSON.parse(
      (await gitops('authelia-client', '--domain', 'example.com', '--json')).stdout,
    )
    expect(Object.keys(fields)).toEqual(['OAUTH_CLIENT_SECRET', 'COOKIE_SECRET'])
  })

  it('names nothing that Authelia may not have', async () => {
    const { stdout, stderr } = await gitops('authelia-client', '--domain', 'example.com', '--json')
    const [client] = parse(JSON.parse(stdout).entry)
    // a claims policy that is not defined, or a policy that is not, and Authelia does not start
    expect(client).not.toHaveProperty('claims_policy')
    expect(['one_factor', 'two_factor']).toContain(client.authorization_policy)
    expect(stderr).not.toContain('it names')
    // the proxy tries this one first, and each refusal is an error in Authelia's log
    expect(client.token_endpoint_auth_method).toBe('client_secret_basic')
  })

  it('has a claims policy where it is asked for', () => {
    const [client] = parse(makeClient({ ...WISH, claimsPolicy: 'mine' }).entry)
    expect(client.claims_policy).toBe('mine')
  })

  it('may refresh a session just where the proxy does', () => {
    const [client] = parse(makeClient(WISH).entry)
    const proxy = aTree().files.get('kubernetes/apps/home/hai/app/oauth2-proxy.yaml')!
    const [, scope] = /name: OAUTH2_PROXY_SCOPE\n +value: (.*)/.exec(proxy)!
    const refreshes = proxy.includes('OAUTH2_PROXY_COOKIE_REFRESH')
    expect(client.scopes.join(' ')).toBe(scope)
    expect(client.scopes.includes('offline_access')).toBe(refreshes)
    expect(client.grant_types.includes('refresh_token')).toBe(refreshes)
  })

  it.each([
    [['--domain', 'example'], '--domain: "example" is not accepted; expected a domain like example.com'],
    [['--domain', `\${SECRET_DOMAIN}`], 'expected a domain like example.com'],
    [['--domain', 'example.com', '--host', 'a.b'], '--host: "a.b" is not accepted'],
    [['--domain', 'example.com', '--policy', 'two factor'], 'expected one_factor, two_factor, or the name'],
    [['--domain', 'example.com', '--policy', 'deny'], '--policy: "deny" is not accepted'],
    [['--domain', 'example.com', '--policy', 'bypass'], '--policy: "bypass" is not accepted'],
    [['--domain', 'example.com', '--claims-policy', 'a b'], '--claims-policy: "a b" is not accepted'],
  ])('is refused with %j', async (argv, said) => {
    await expect(gitops('authelia-client', ...argv)).rejects.toThrow(said)
  })
})
