import { spawn } from 'node:child_process'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { networkReason } from '../../../f/hai/core/base/network.ts'
import { bunBinary } from '../../../runner/root.ts'

/** What a server may do with a connection, and what a person is told of it. */
const SERVERS: Record<string, { serve: (socket: Socket) => void; told: RegExp }> = {
  'closes it at once': {
    serve: (socket) => socket.destroy(),
    told: /^ECONNRESET: the connection was closed/,
  },
  'resets it': {
    serve: (socket) => socket.resetAndDestroy(),
    told: /^ECONNRESET: the connection was closed/,
  },
  'breaks off in the answer': {
    serve: (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'),
    told: /^ECONNRESET: the connection was closed/,
  },
  'breaks off in a chunk': {
    serve: (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc'),
    told: /^ECONNRESET: the connection was closed/,
  },
  'says nothing': { serve: () => {}, told: /^no answer in time$/ },
}

const servers: Server[] = []
let urls: Record<string, string>
beforeAll(async () => {
  const open = Object.entries(SERVERS).map(async ([name, { serve }]) => {
    const server = createServer((socket) => socket.on('error', () => {}).once('data', () => serve(socket)))
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return [name, `http://127.0.0.1:${(server.address() as { port: number }).port}/`]
  })
  urls = Object.fromEntries(await Promise.all(open))
})
afterAll(() => {
  for (const server of servers) server.close()
})

/** The same call as a worker makes it, in Bun. */
function inBun(calls: Record<string, string>): Promise<Record<string, string>> {
  const file = join(import.meta.dirname, '..', '..', '..', 'f', 'hai', 'core', 'base', 'network.ts')
  const code = `const { networkReason } = await import(${JSON.stringify(file)})
    const told = {}
    for (const [name, url] of Object.entries(${JSON.stringify(calls)})) {
      try { await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text(); told[name] = 'nothing failed' }
      catch (error) { told[name] = networkReason(new Error('outer', { cause: error })) }
    }
    console.log(JSON.stringify(told))
    process.exit(0)`
  return new Promise((resolve, reject) => {
    const child = spawn(bunBinary(), ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.once('error', reject)
    child.once('close', () => resolve(JSON.parse(text)))
  })
}

describe('why a call over the network failed', () => {
  it('is told by Bun’s fetch in words for a person, whatever the server did', async () => {
    const told = await inBun({
      ...urls,
      'is not there': 'http://127.0.0.1:1/',
      'has no name': 'http://nosuch.invalid/',
    })
    for (const [name, { told: expected }] of Object.entries(SERVERS))
      expect(told[name], name).toMatch(expected)
    expect(told['is not there']).toBe('ECONNREFUSED: nothing listens there')
    expect(told['has no name']).toMatch(/^(ENOTFOUND: there is no such host|EAI_AGAIN: .*)$/)
    expect(JSON.stringify(told)).not.toMatch(/verbose|fetch\(|able to access/)
  })

  it.each([
    [
      Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED: nothing listens there',
    ],
    [
      new AggregateError([
        Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
        Object.assign(new Error('y'), { code: 'ECONNREFUSED' }),
      ]),
      'ECONNREFUSED: nothing listens there',
    ],
    [new Error('self signed certificate'), 'self signed certificate'],
    [new Error('Odd. For more information, pass `verbose: true` in the second argument to fetch()'), 'Odd.'],
    ['a text', 'a text'],
  ])('%s', (error, told) => {
    expect(networkReason(error)).toBe(told)
  })
})
