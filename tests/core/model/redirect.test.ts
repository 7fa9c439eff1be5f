import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { callModel } from '../../../f/hai/core/model/call.ts'
import { classify, tokensOfFailure } from '../../../f/hai/core/model/failure.ts'
import { listedWindow } from '../../../f/hai/core/model/fitting.ts'
import { findOllama, load, withLoading } from '../../../f/hai/core/model/ollama.ts'
import { aChoice } from './answering.ts'

/** Points everything to a second server, which answers whatever it is asked. */
async function aPair() {
  const seen: string[] = []
  const other = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    response.end(JSON.stringify({ models: [{ name: 'm' }], data: [{ id: 'm', context_length: 4096 }] }))
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(other.address() as AddressInfo).port}`
  const asked: string[] = []
  const answer = { status: 307, to: `http://name:pass@${host}/v1?key=sk-other` as string | undefined }
  const first = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    request.resume()
    response.writeHead(answer.status, answer.to === undefined ? {} : { location: answer.to }).end('moved')
  })
  await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(first.address() as AddressInfo).port}`
  const stop = () => [first, other].map((server) => server.close().closeAllConnections())
  return { url, host, asked, seen, answer, stop }
}

let pair: Awaited<ReturnType<typeof aPair>>
beforeEach(async () => {
  pair = await aPair()
})
afterEach(() => void pair.stop())

const never = new AbortController().signal
const limits = { firstByteSeconds: 5, livenessSeconds: 5 }

async function failureOf(choice: Choice) {
  const messages = [
    { role: 'user' as const, content: [{ type: 'text' as const, text: 'a private question' }] },
  ]
  const call = {
    choice,
    apiKey: 'sk-key',
    messages,
    maxOutput: 64,
    ...limits,
    signal: never,
    onText: () => {},
  }
  const error = await callModel(call).then(
    () => expect.unreachable('it was answered'),
    (error: unknown) => error,
  )
  return { error, failure: classify(error, choice) }
}

it.each(['openai-compatible', 'anthropic'] as const)(
  'no call of %s goes where its server points to, and says where that is',
  async (kind) => {
    const choice = aChoice(pair.url, { kind })
    for (const status of [300, 301, 302, 303, 307, 308]) {
      pair.answer.status = status
      const { error, failure } = await failureOf(choice)
      expect(failure).toMatchObject({ code: 'wrong_url', retryable: false })
      expect(failure.message).toContain(`points to http://${pair.host} (status ${status})`)
      expect(failure.next_step).toContain('correct the url of')
      expect(`${failure.message} ${failure.next_step}`).not.toMatch(/pass|sk-|private/)
      expect(tokensOfFailure(error)).toMatchObject({ input: 0, output: 0 })
    }
    for (const [to, said] of [
      [undefined, 'points to no place'],
      ['http://[', 'points to no place'],
      ['file:///etc/hosts', 'another kind of place (file:)'],
      ['/elsewhere', pair.url],
      [`https://${'a'.repeat(9000)}.example.com/`, `${'a'.repeat(100)}…`],
    ] as const) {
      pair.answer.to = to
      expect((await failureOf(choice)).failure.message).toContain(said)
    }
    expect(pair.asked).toHaveLength(11)
    expect(pair.seen).toEqual([])
  },
)

it('nor does loading a model, nor any look at what a server is', async () => {
  const local = aChoice(pair.url, { billing: 'local' })
  const error = await load(local, never, limits).catch((error: unknown) => error)
  expect(classify(error, local)).toMatchObject({ code: 'wrong_url', retryable: false })
  expect(await findOllama(pair.url)).toBeUndefined()
  expect((await withLoading(local)).loading).toBeUndefined()
  expect(await listedWindow(local, 'sk-key')).toBeNull()
  expect(pair.asked.length).toBeGreaterThan(4)
  expect(pair.seen).toEqual([])
})
