import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WATCHDOG_SCRIPT } from '../../../cdk8s/charts/watchdog.ts'

/** What the server answers next, and what it was asked last. */
let answer: { status: number; body: string }
let asked: { headers: IncomingHttpHeaders; body: string } | undefined
let server: Server
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hai-watchdog-'))
  writeFileSync(join(folder, 'authorization'), 'Authorization: Bearer the-token')
  // only the place of the mounted file is another one here
  writeFileSync(join(folder, 'watchdog.sh'), WATCHDOG_SCRIPT.replace('/etc/hai', folder))
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      asked = { headers: request.headers, body }
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

function watch(port = (server.address() as AddressInfo).port): Promise<{ status: number; said: string }> {
  const env = { PATH: process.env.PATH, HAI_HEALTH_URL: `http://127.0.0.1:${port}/health` }
  return new Promise((resolve) => {
    execFile('/bin/sh', [join(folder, 'watchdog.sh')], { env }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, said: stdout + stderr }),
    )
  })
}

const WELL = { ok: true, contract: 1, pulses: [{ name: 'sweep', late: false }], problems: [] }

describe('the watchdog', () => {
  it('is content with an answer that says that hai is well, and asks with the token from the file', async () => {
    answer = { status: 200, body: JSON.stringify(WELL) }
    expect(await watch()).toEqual({ status: 0, said: 'hai is well\n' })
    expect(asked?.headers.authorization).toBe('Bearer the-token')
    expect(asked?.body).toBe('{}')
  })

  it('reads JSON in any order and with any spaces, as Postgres gives it back', async () => {
    const { ok, ...rest } = WELL
    answer = { status: 200, body: JSON.stringify({ ...rest, ok }, null, 1) }
    expect((await watch()).status).toBe(0)
  })

  it.each([
    ['a late pulse', 200, { ...WELL, pulses: [{ name: 'sweep', late: true }] }, 'hai is not well'],
    ['a problem', 200, { ...WELL, ok: false, problems: ['the outbox is stuck'] }, 'the outbox is stuck'],
    ['a problem under a good word', 200, { ...WELL, problems: ['x'] }, 'is not understood'],
    ['an error', 503, { error: { code: 'unavailable', message: 'no database' } }, 'no database'],
    ['a refused token', 401, 'Unauthorized', 'Unauthorized'],
    ['a page', 200, '<html>login</html>', 'is not understood'],
    ['nothing', 200, '', 'is not understood'],
  ])('fails on %s', async (_name, status, body, said) => {
    answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) }
    const seen = await watch()
    expect(seen.status).toBe(1)
    expect(seen.said).toContain(said)
    expect(seen.said).not.toContain('the-token')
  })

  it('fails when nobody listens', async () => {
    const { status, said } = await watch(1)
    expect(status).toBe(1)
    expect(said).toContain('hai does not answer')
  })
})
