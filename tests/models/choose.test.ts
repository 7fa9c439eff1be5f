import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { choose } from '../../f/hai/core/model/choose.ts'
import { Models } from '../../f/hai/core/model/config.ts'
import { aPulledModel, type FakeOllama, fakeOllama } from '../support/models/ollama.ts'
import { around } from './answering.ts'

let ollama: FakeOllama
beforeEach(async () => {
  ollama = await fakeOllama()
})
afterEach(() => ollama.stop())

const anthropic = { kind: 'anthropic', billing: 'metered', models: { 'claude-fake': {}, other: {} } }
const openai = {
  kind: 'openai-compatible',
  url: 'https://ai.example.com/v1',
  billing: 'metered',
  models: { 'gpt-fake': { context: 32_000 } },
}
const chosen = (models: object, url = ollama.url) => choose(Models.parse(models), around(url))

describe('what is configured', () => {
  it('comes before an Ollama that is there: the first model of the first enabled backend', async () => {
    const models = { backends: { off: { ...anthropic, enabled: false }, openai, claude: anthropic } }
    expect(await chosen(models)).toMatchObject({
      name: 'openai',
      model: 'gpt-fake',
      context: 32_000,
      reason: 'the first enabled backend',
    })
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
    expect((await chosen({ backends: { openai: { ...openai, url } } }))?.backend.url).toBe(called)
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
