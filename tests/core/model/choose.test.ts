import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Models } from '../../../f/hai/core/base/backends.ts'
import { choose, chooseNamed, idle } from '../../../f/hai/core/model/choose.ts'
import { aPulledModel, type FakeOllama, fakeOllama } from '../../support/models/ollama.ts'
import { around } from './answering.ts'

let ollama: FakeOllama
beforeEach(async () => {
  ollama = await fakeOllama()
})
afterEach(() => ollama.stop())

/** Nothing listens there. */
const AWAY = 'http://127.0.0.1:1'

const anthropic = { kind: 'anthropic', billing: 'metered', models: { 'claude-fake': {}, other: {} } }
const openai = {
  kind: 'openai-compatible',
  url: 'https://ai.example.com/v1',
  billing: 'metered',
  models: { 'gpt-fake': { context: 32_000 } },
}
const chosen = (models: object, url = ollama.url) => choose(Models.parse(models), around(url))

describe('what is configured', () => {
  const local = (url: string) => ({
    kind: 'openai-compatible',
    url,
    billing: 'local',
    models: { small: { context: 2048 } },
  })
  const plan = { kind: 'claude-code', billing: 'subscription', models: { default: {} } }
  const withClaude = (models: object, url?: string) =>
    choose(Models.parse(models), { ...around(url), has: () => true })

  it('comes before nothing at all: the first model of the first enabled backend', async () => {
    const models = { backends: { off: { ...anthropic, enabled: false }, openai, claude: anthropic } }
    expect(await chosen(models, AWAY)).toMatchObject({
      name: 'openai',
      model: 'gpt-fake',
      context: 32_000,
      reason: 'the first enabled backend',
    })
  })

  it('comes after an Ollama that is there when it charges for its answers, which is said', async () => {
    expect(await chosen({ backends: { openai } })).toMatchObject({
      name: 'ollama',
      reason: `Ollama found at ${ollama.url}, its only model; free and reachable, so before openai (metered)`,
    })
  })

  const all = () => ({ near: local(ollama.url), plan, claude: anthropic })
  it.each([
    ['claude', 'plan', 'near'],
    ['near', 'claude', 'plan'],
    ['plan', 'claude', 'near'],
    ['claude', 'near', 'plan'],
  ] as const)('is free first, then a subscription, then metered: %s, %s, %s', async (...order) => {
    const backends = Object.fromEntries(order.map((name) => [name, all()[name]]))
    expect(await withClaude({ backends })).toMatchObject({
      name: 'near',
      reason: expect.stringMatching(/^free and reachable, so before plan \(subscription\)$/),
    })
    const away = Object.fromEntries(order.map((name) => [name, { ...all(), near: local(AWAY) }[name]]))
    expect(await withClaude({ backends: away })).toMatchObject({
      name: 'plan',
      reason: `near is free, but can’t be reached at ${AWAY}`,
    })
    // without claude on the PATH nobody has a subscription
    expect(await chosen({ backends: away }, AWAY)).toMatchObject({ name: 'claude' })
  })

  it('is asked though it is away when it is all there is, as it may come back', async () => {
    expect(await chosen({ backends: { near: local(AWAY) } }, AWAY)).toMatchObject({
      name: 'near',
      reason: expect.stringContaining('can’t be reached now'),
    })
  })

  it('stays chosen when it was chosen, be it free or reachable or not', async () => {
    const backends = { near: local(AWAY), claude: anthropic }
    expect(await chosen({ default: 'near/small', backends })).toMatchObject({ name: 'near' })
    expect(await chosen({ default: 'claude/other', backends })).toMatchObject({ name: 'claude' })
  })

  it('is passed over without its key while another can answer', async () => {
    const keyless = { ...openai, api_key: '$env:NO_SUCH_KEY' }
    expect(await chosen({ backends: { keyless, claude: anthropic } }, AWAY)).toMatchObject({
      name: 'claude',
      reason: 'the first that can answer',
    })
    expect(await chosen({ backends: { keyless } }, AWAY)).toMatchObject({ name: 'keyless' })
  })

  it('keeps an Ollama from answering that was disabled', async () => {
    const off = { ...local(ollama.url), enabled: false }
    expect(await chosen({ backends: { ollama: off } })).toBeUndefined()
    expect(await chosen({ backends: { ollama: off, claude: anthropic } })).toMatchObject({ name: 'claude' })
  })

  it('asks whether a server is there once for many tasks, and nobody when there is a default', async () => {
    const asked: string[] = []
    const reached = async (url: string) => asked.push(url) > 0
    const backends = { near: local('http://10.0.0.1:8081/v1'), openai }
    await choose(Models.parse({ default: 'openai/x', backends }), around(), reached)
    expect(asked).toEqual([])
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    let connections = 0
    server.on('connection', () => {
      connections += 1
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    const models = Models.parse({ backends: { near: local(url), openai } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => choose(models, around())))
    expect(new Set(answers.map((answer) => answer?.name))).toEqual(new Set(['near']))
    await choose(models, around())
    server.close()
    expect(connections).toBe(1)
  })

  it('is answered by the default, whatever comes first', async () => {
    const models = { default: 'claude/other', backends: { openai, claude: anthropic } }
    expect(await chosen(models)).toMatchObject({
      name: 'claude',
      model: 'other',
      backend: { url: 'https://api.anthropic.com/v1' },
      context: 200_000,
      reason: 'the configured default',
    })
  })

  it('may name a model with slashes', async () => {
    const models = { default: 'openai/meta/llama-3', backends: { openai } }
    expect(await chosen(models)).toMatchObject({ name: 'openai', model: 'meta/llama-3' })
  })

  it.each([
    ['https://ai.example.com', 'https://ai.example.com/v1'],
    ['https://ai.example.com/', 'https://ai.example.com/v1'],
    ['https://ai.example.com/v1', 'https://ai.example.com/v1'],
    ['https://ai.example.com/api/v3', 'https://ai.example.com/api/v3'],
  ])('at %s is called at %s', async (url, called) => {
    expect((await chosen({ backends: { openai: { ...openai, url } } }, AWAY))?.backend.url).toBe(called)
  })

  it.each([
    ['not there', {}, /default is openai\/x, but there is no backend openai; enable it or name another/],
    ['not enabled', { openai: { ...openai, enabled: false } }, /openai is not enabled/],
  ])('is never silently replaced: a default that is %s is refused', async (_, backends, message) => {
    await expect(chosen({ default: 'openai/x', backends })).rejects.toThrow(message)
  })
})

describe('with nothing configured', () => {
  it('an Ollama’s only model answers, after loading', async () => {
    expect(await chosen({})).toMatchObject({
      name: 'ollama',
      backend: { url: `${ollama.url}/v1`, billing: 'local' },
      model: 'llama3.2:3b',
      reason: `Ollama found at ${ollama.url}, its only model`,
      loading: true,
    })
  })

  it('the loaded model comes first, with the window it was loaded with', async () => {
    ollama.models.push(aPulledModel({ name: 'big:70b' }))
    ollama.loaded.add('big:70b')
    expect(await chosen({})).toMatchObject({
      model: 'big:70b',
      context: 4096,
      loading: false,
      reason: `Ollama found at ${ollama.url}, loaded already`,
    })
  })

  it('the newest comes next', async () => {
    const pulled = [
      { name: 'old:1b', modified_at: '2025-01-01T00:00:00Z', size: 1 },
      { name: 'new:1b', modified_at: '2026-03-01T00:00:00Z', size: 1 },
      { name: 'middle:1b', modified_at: '2025-09-01T00:00:00Z', size: 1 },
    ]
    ollama.at('/api/tags', { status: 200, body: { models: pulled } })
    expect(await chosen({})).toMatchObject({ model: 'new:1b', reason: expect.stringContaining('newest') })
  })

  it.each(['nomic-embed-text:latest', 'bge-m3:latest', 'all-minilm:33m'])(
    '%s is no model to ask, even when it is loaded',
    async (name) => {
      ollama.models.unshift(aPulledModel({ name }))
      ollama.loaded.add(name)
      expect(await chosen({})).toMatchObject({ model: 'llama3.2:3b' })
      ollama.models.splice(1)
      expect(await chosen({})).toBeUndefined()
    },
  )

  it('a default may name a model of the Ollama that is there, with or without its tag', async () => {
    ollama.models.push(aPulledModel({ name: 'tiny:latest' }))
    ollama.loaded.add('llama3.2:3b')
    const models = { default: 'ollama/tiny' }
    expect(await chosen(models)).toMatchObject({ model: 'tiny:latest', loading: true })
    expect(await chosen({ default: 'ollama/absent' })).toMatchObject({ name: 'ollama', model: 'absent' })
  })

  it('a default of an Ollama that does not answer says where it was looked for', async () => {
    await expect(chosen({ default: 'ollama/tiny' }, 'http://127.0.0.1:1')).rejects.toThrow(
      'the default is ollama/tiny, but no Ollama answers at http://127.0.0.1:1',
    )
  })

  it.each([
    ['nothing listens', () => 'http://127.0.0.1:1'],
    ['nothing was pulled', () => ollama.url],
    ['something else answers', () => ollama.url],
    ['it hangs', () => ollama.url],
  ])('there is nothing to ask when %s', async (why, url) => {
    if (why === 'nothing was pulled') ollama.models.length = 0
    if (why === 'something else answers') ollama.at('/api/tags', { status: 200, body: '<html>' })
    if (why === 'it hangs') ollama.at('/api/tags', 'hang')
    expect(await chosen({}, url())).toBeUndefined()
  })
})

describe('what is asked for by name', () => {
  const backends = {
    openai: { ...openai, models: { first: {}, second: {} } },
    off: { ...openai, enabled: false },
  }
  const named = (wanted: string, models: object = { backends }, url = ollama.url) =>
    chooseNamed(wanted, Models.parse(models), around(url))

  it.each([
    ['openai/any/of', {}, 'openai', 'any/of'],
    ['openai', {}, 'openai', 'first'],
    ['openai', { default: 'openai/second' }, 'openai', 'second'],
    ['openai', { default: 'off/x' }, 'openai', 'first'],
    ['ollama', {}, 'ollama', 'llama3.2:3b'],
    ['ollama/absent', {}, 'ollama', 'absent'],
  ])('%s with %j is %s/%s', async (wanted, more, name, model) => {
    expect(await named(wanted, { backends, ...more })).toMatchObject({ name, model })
  })

  it.each([
    ['foo/bar', 'not_found', 'there is no backend foo', 'hai model add URL foo'],
    ['foo', 'not_found', 'there is no backend foo', 'hai model add URL foo'],
    ['off/x', 'invalid', 'off is not enabled', 'hai model enable off'],
  ])('%s is refused as what it is, and is no default', async (wanted, code, message, next) => {
    const refused = await named(wanted).catch((error) => error)
    expect(refused).toMatchObject({ code, message, details: { next_step: expect.stringContaining(next) } })
    expect(refused.message).not.toContain('default')
  })

  it('sends nobody back to a program that is not there', async () => {
    const off = { kind: 'claude-code', billing: 'subscription', models: { sonnet: {} }, enabled: false }
    const both = Models.parse({ backends: { claude: off, other: { ...openai, enabled: false } } })
    const [first, last] = idle(both, around(AWAY))
    expect(first).toMatchObject({ text: 'other is not enabled', cure: 'hai model enable other' })
    expect(last!.text).toBe('claude is not enabled, and claude is not on the PATH of the stack')
    const cure =
      /^start Ollama, or hai model add URL; or install Claude Code .*, then hai model enable claude$/
    expect(last!.cure).toMatch(cure)
    const here = { ...around(AWAY), has: () => true }
    expect(idle(both, here)[0]).toMatchObject({ cure: 'hai model enable claude' })
    const refused = await named('claude', { backends: { claude: off } }).catch((error) => error)
    expect(refused).toMatchObject({ details: { next_step: expect.stringMatching(cure) } })
    await expect(
      choose(Models.parse({ default: 'claude/sonnet', backends: both.backends }), around(AWAY)),
    ).rejects.toMatchObject({
      details: { next_step: expect.stringMatching(/^start Ollama, or hai model add URL/) },
    })
  })

  it('says where an Ollama was looked for', async () => {
    await expect(named('ollama/x', {}, AWAY)).rejects.toThrow(`no Ollama answers at ${AWAY}`)
  })
})
