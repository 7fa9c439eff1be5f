import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { learn } from '../../../f/hai/core/model/facts.ts'
import type { ModelList, ModelTest } from '../../../f/hai/core/model/shape.ts'
import type { Health } from '../../../f/hai/core/shape.ts'
import type { Accepted, TaskView } from '../../../f/hai/core/task/shape.ts'
import { testDatabase } from '../../support/database.ts'
import { aPulledModel, type FakeOllama, fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi, OPENAI_REFUSES } from '../../support/models/openai.ts'
import { ASK_AGAIN } from '../../support/patience.ts'
import { startStack, type TestStack } from '../../support/stack.ts'

const db = testDatabase()
let ollama: FakeOllama
let stack: TestStack
let file: string
beforeAll(async () => {
  ollama = await fakeOllama({ models: [aPulledModel(), aPulledModel({ name: 'tiny:latest' })] })
  stack = await startStack({
    databaseUrl: db.url,
    env: { OLLAMA_HOST: ollama.url, OPENAI_API_KEY: 'sk-fake' },
  })
  const folder = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  await mkdir(folder, { recursive: true })
  file = join(folder, 'models.yaml')
})
afterEach(async () => {
  ollama.loaded.clear()
  await rm(file, { force: true })
})
afterAll(async () => {
  await stack?.stop()
  await ollama?.stop()
})

async function call<T>(path: string, args: unknown = {}): Promise<T> {
  const { status, body } = await stack.call<T>(`f/hai/${path}`, args)
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
  return body
}

/** Puts a question down and gives it when it has ended. */
async function answered(given: Record<string, unknown>): Promise<TaskView> {
  const body = { source: 'cli', content: 'why?', ...given }
  const { task_id: id } = await call<Accepted>('inbox', { body })
  const show = () => call<TaskView>('task/show', { id })
  await expect.poll(async () => ['done', 'dead'].includes((await show()).state), ASK_AGAIN).toBe(true)
  return show()
}

describe('with an Ollama and nothing configured', () => {
  it('the models are listed, and the one that would answer with its reason', async () => {
    ollama.loaded.add('tiny:latest')
    const { default: chosen, reason, models, error } = await call<ModelList>('model/list')
    expect({ chosen, error }).toEqual({ chosen: 'ollama/tiny:latest', error: undefined })
    expect(reason).toBe(`Ollama found at ${ollama.url}, loaded already`)
    expect(models).toMatchObject([
      { backend: 'ollama', model: 'llama3.2:3b', found: true, loaded: false, billing: 'local' },
      { backend: 'ollama', model: 'tiny:latest', found: true, loaded: true },
    ])
  })

  it('the window that was learnt of a model is listed, with whose word it is', async () => {
    const at = { url: `${ollama.url}/v1`, model: 'tiny:latest' }
    const row = async () =>
      (await call<ModelList>('model/list')).models.find(({ model }) => model === 'tiny:latest')
    await learn(db.sql, at, { listed: 8192 })
    expect(await row()).toMatchObject({ context: 8192, context_from: 'server' })
    await learn(db.sql, at, { refused: 4096 })
    expect(await row()).toMatchObject({ context: 4096, context_from: 'earlier_call' })
  })

  it('a question is answered, with its steps', async () => {
    const task = await answered({})
    expect(task).toMatchObject({ state: 'done', output: 'It is well.' })
    const types = task.events.map(({ type }) => type)
    expect(types.filter((type) => ['route', 'loading', 'done'].includes(type))).toEqual([
      ...['route', 'loading', 'done'],
    ])
  })

  it('a model is tried for real', async () => {
    const test = await call<ModelTest>('model/test', { backend: 'ollama', model: 'tiny' })
    expect(test).toMatchObject({ backend: 'ollama', model: 'tiny:latest', ok: true, output_tokens: 20 })
    expect(test.total_ms).toBeGreaterThanOrEqual(test.load_ms! + test.first_text_ms!)
    const usage = await db.sql`
      select task_id, backend, model, input, output, usd::float8 as usd from hai.usage where task_id is null`
    expect(usage).toEqual([
      { task_id: null, backend: 'ollama', model: 'tiny:latest', input: 100, output: 20, usd: 0 },
    ])
  })

  it('a model that was not pulled fails its trial with how to get it', async () => {
    expect(await call('model/test', { backend: 'ollama', model: 'absent' })).toMatchObject({
      ...{ ok: false, error: { code: 'model_missing', next_step: 'ollama pull absent' } },
    })
  })
})

describe('the operator’s models.yaml', () => {
  it('adds a server, whose key comes from the environment', async () => {
    const server = await fakeOpenAi({ apiKey: 'sk-fake' })
    await writeFile(
      file,
      `default: gpt/gpt-fake
backends:
  gpt: {kind: openai-compatible, url: '${server.url}', billing: metered, api_key: $env:OPENAI_API_KEY, prices: {gpt-*: [{from: '2026-01-01', input: 1, output: 10}]}}
`,
    )
    const task = await answered({})
    await server.stop()
    expect(task).toMatchObject({ state: 'done', output: 'It is well.' })
    expect(task.events.find(({ type }) => type === 'route')?.text).toContain('gpt/gpt-fake')
  })

  it('adds a server whose trial fails: what is wrong is known from then on, until one succeeds', async () => {
    const server = await fakeOpenAi()
    await writeFile(
      file,
      `backends:\n  gpt: {kind: openai-compatible, url: '${server.url}', billing: metered, models: {gpt-fake: {input: 1, output: 10}}}\n`,
    )
    server.next(OPENAI_REFUSES.unauthorized())
    expect(await call('model/test', { backend: 'gpt' })).toMatchObject({
      ok: false,
      error: { code: 'login_expired' },
    })
    expect((await call<Health>('admin/health')).backends).toMatchObject([
      {
        name: 'gpt',
        state: 'login_expired',
        next_step: 'give gpt a valid api_key in models.yaml; then hai model test gpt',
      },
    ])
    const { problems } = await call<ModelList>('model/list')
    expect(problems).toEqual([
      expect.stringMatching(
        /^gpt has refused its login .*give gpt a valid api_key in models\.yaml; then hai model test gpt$/,
      ),
    ])
    expect(await call('model/test', { backend: 'gpt' })).toMatchObject({ ok: true })
    await server.stop()
    expect((await call<ModelList>('model/list')).problems).toBeUndefined()
  })

  it('whose default can’t be used is refused where it is needed, and shown where it is looked for', async () => {
    await writeFile(file, 'default: gpt/gpt-fake\n')
    expect(await answered({})).toMatchObject({
      ...{ state: 'dead', error: { message: expect.stringContaining('there is no backend gpt') } },
    })
    const list = await call<ModelList>('model/list')
    expect(list.default).toBe('gpt/gpt-fake')
    expect(list.reason).toContain('there is no backend gpt')
    expect(list.unusable).toBe(true)
  })

  it('with a wrong field is not taken; the last good one goes on, and the list says what is wrong', async () => {
    expect((await call<ModelList>('model/list')).error).toBeUndefined()
    await writeFile(file, 'liveness_second: 5\n')
    expect(await answered({})).toMatchObject({ state: 'done' })
    const { error } = await call<ModelList>('model/list')
    expect(error).toMatch(
      /^models configuration \(models.yaml.*\): unknown field liveness_second; did you mean liveness_seconds\?; hai's defaults are in force$/,
    )
  })
})
