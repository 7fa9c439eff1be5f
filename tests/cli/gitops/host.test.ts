import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostFindings } from '../../../cli/gitops/host.ts'
import { SELF_SIGNED } from '../../core/model/self_signed.ts'

let status = 302
let server: Server
const look = (options: object = { ca: SELF_SIGNED.cert }) =>
  hostFindings('localhost', { port: (server.address() as AddressInfo).port, ...options })

beforeAll(async () => {
  server = createServer(SELF_SIGNED, (_request, response) => response.writeHead(status).end())
  await new Promise<void>((listening) => server.listen(0, 'localhost', listening))
})
afterAll(() => {
  server.close()
})

describe('the host from outside', () => {
  it.each([
    [302, 'good', 'sends a stranger to the login (302)'],
    [401, 'good', 'sends a stranger to the login (401)'],
    [200, 'bad', 'lets a stranger in (200)'],
    [503, 'bad', 'answers 503'],
  ])('answers %i, and so is %s', async (answered, verdict, text) => {
    status = answered
    expect((await look())[1]).toMatchObject({ verdict, text })
  })

  it('has a certificate, and tells for how long', async () => {
    expect((await look())[0]).toMatchObject({
      verdict: 'good',
      text: expect.stringMatching(/^certificate holds for \d{5} days$/),
    })
  })

  it('is bad with a certificate that nobody vouches for', async () => {
    const [finding] = await look({})
    expect(finding).toMatchObject({ verdict: 'bad', fix: "does the gateway's certificate cover this host?" })
  })

  it('is bad where nobody listens, and where no name is', async () => {
    expect((await look({ port: 1 }))[0]).toMatchObject({
      verdict: 'bad',
      fix: 'is the gateway reachable from here?',
    })
    expect((await hostFindings('hai.invalid'))[0]).toMatchObject({
      fix: expect.stringContaining('external-dns'),
    })
  })
})
