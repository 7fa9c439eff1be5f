import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Models } from '../../../f/hai/core/base/backends.ts'
import { accessOf } from '../../../f/hai/core/model/access.ts'
import { chooseByName } from '../../../f/hai/core/model/named.ts'
import { receive } from '../../../f/hai/core/surface/inbox.ts'
import { retry } from '../../../f/hai/core/task/change.ts'
import { showTask } from '../../../f/hai/core/task/show.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEnvelope, aTaker, aTask, clear, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { aPulledModel, type FakeOllama, fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { around, aShift } from './answering.ts'

const db = testDatabase()
const AWAY = 'http://127.0.0.1:1'
let ollama: FakeOllama
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  const names = ['llama3.2:3b', 'qwen3:8b', 'qwen3:32b', 'plain:latest']
  ollama = await fakeOllama({ models: names.map((name) => aPulledModel({ name })) })
  server = await fakeOpenAi()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await Promise.all([ollama.stop(), server.stop()])
})

const rates = { input: 1, output: 1 }
const cloud = () => ({
  kind: 'openai-compatible',
  url: `${server.url}/v1`,
  billing: 'metered',
  models: { 'gpt-fake': rates, 'maker/gpt-small': rates },
})
const configured = () =>
  Models.parse({
    backends: {
      cloud: cloud(),
      other: { ...cloud(), models: { 'gpt-small': rates, 'gpt-fake': rates } },
      off: { ...cloud(), enabled: false, models: { hidden: rates } },
    },
  })

describe('a model that is named', () => {
  const named = async (wanted: string, url = ollama.url) => {
    const { name, model } = await chooseByName(wanted, configured(), around(url))
    return `${name}/${model}`
  }

  it.each([
    ['cloud/gpt-fake', 'cloud/gpt-fake'],
    ['cloud/maker/gpt-small', 'cloud/maker/gpt-small'],
    ['maker/gpt-small', 'cloud/maker/gpt-small'],
    ['gpt-small', 'other/gpt-small'],
    ['cloud', 'cloud/gpt-fake'],
    ['llama3.2:3b', 'ollama/llama3.2:3b'],
    ['llama3.2', 'ollama/llama3.2:3b'],
    ['ollama/llama3.2', 'ollama/llama3.2:3b'],
    ['ollama/qwen3:32b', 'ollama/qwen3:32b'],
    ['plain', 'ollama/plain:latest'],
  ])('is found: %s is %s', async (wanted, found) => {
    expect(await named(wanted)).toBe(found)
  })

  it.each([
    ['gpt-fake', /^model: gpt-fake is the name of several: cloud\/gpt-fake, other\/gpt-fake$/],
    ['qwen3', /is the name of several: ollama\/qwen3:8b, ollama\/qwen3:32b$/],
    [
      'gpt-fak',
      /^model: no model is called gpt-fak; there are: cloud\/gpt-fake, cloud\/maker\/gpt-small, other/,
    ],
    ['cloud/nope', /no model is called cloud\/nope/],
    ['ollama/nope', /no model is called ollama\/nope/],
    ['hidden', /no model is called hidden/],
    ['off', /^off is not enabled$/],
    ['off/hidden', /^off is not enabled$/],
    ['__proto__', /no model is called __proto__/],
  ])('is refused with what there is: %s', async (wanted, message) => {
    await expect(named(wanted)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(message),
    })
  })

  it('may be on an Ollama that is away', async () => {
    await expect(named('llama3.2', AWAY)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(named('ollama/llama3.2', AWAY)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await named('gpt-small', AWAY)).toBe('other/gpt-small')
  })

  it.each([
    ['cloud/nope', 'model: no model is called cloud/nope; there are: ', 'hai model ls shows'],
    ['anthropic', 'model: anthropic is not enabled; there are: ', 'hai model enable anthropic;'],
    ['claude-code/x', 'model: claude-code is not enabled; there are: ', 'hai model enable claude-code;'],
  ])(
    'is no matter of an Ollama that is away where it names another backend: %s',
    async (wanted, why, next) => {
      await expect(named(wanted, AWAY)).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining(why),
        details: { next_step: expect.stringContaining(next) },
      })
    },
  )
})

describe('a task that names its model', () => {
  beforeEach(async () => {
    vi.stubEnv('OLLAMA_HOST', ollama.url)
    // that there is no Windmill here
    vi.spyOn(console, 'error').mockImplementation(() => {})
    await db.sql`
      insert into hai.config (name, value, hash) values ('models', ${db.sql.json(configured() as never)}, 'x')
      on conflict (name) do update set value = excluded.value`
  })
  const access = (_: unknown, task: { model?: string | null; data_tier?: string }) =>
    accessOf(configured(), around(ollama.url), undefined, task)
  const worked = () => work(db.sql, { ...aShift({ offers: [] }), models: access })

  it('is answered by it, also where hai knows the answer itself, and shows it', async () => {
    const id = await aTask(db.sql, { content: 'what is open?', model: 'other/gpt-fake' })
    await worked()
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', route: 'other/gpt-fake' })
    expect((await showTask(db.sql, id, aCaller())).model).toBe('other/gpt-fake')
  })

  it('ends without a route when it is gone by then, and can be tried again when it is back', async () => {
    const id = await aTask(db.sql, { content: 'why?', model: 'gone' })
    await worked()
    const { state, error } = await rowOf(db.sql, id)
    expect({ state, error }).toMatchObject({
      state: 'dead',
      error: { code: 'no_route', message: expect.stringContaining('no model is called gone; there are:') },
    })
    expect(server.calls).toEqual([])
    await retry(db.sql, { id }, aCaller())
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', model: 'gone' })
  })

  it('is not sent to one that may not see it', async () => {
    const id = await aTask(db.sql, { content: 'a secret?', model: 'cloud', data_tier: 'restricted' })
    await worked()
    const { error } = await rowOf(db.sql, id)
    expect(error).toMatchObject({
      code: 'no_route',
      message: expect.stringContaining('cloud is billing: metered'),
    })
    expect(server.calls).toEqual([])
  })

  const send = (model: unknown) => receive(db.sql, anEnvelope({ model }), aCaller(), aTaker())
  const stored = () => db.sql<{ model: string | null }[]>`select model from hai.task_queue`

  it.each([
    ['nope', /no model is called nope; there are: /],
    ['gpt-fake', /is the name of several/],
    ['what is open?', /model: .*expected the name of a model/],
    ['', /model: .*expected the name of a model/],
    [7, /model: /],
  ])('is refused at the door when nobody bears the name, and nothing is stored: %j', async (model, why) => {
    await expect(send(model)).rejects.toMatchObject({ code: 'invalid', message: expect.stringMatching(why) })
    expect(await stored()).toEqual([])
  })

  it('is taken where only an Ollama that is away can know, by its name', async () => {
    vi.stubEnv('OLLAMA_HOST', AWAY)
    await send('ollama/llama3.2')
    expect(await stored()).toEqual([{ model: 'ollama/llama3.2' }])
    await expect(send('llama3.2')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('is another task than the same words for another model', async () => {
    const send = (model?: string) =>
      receive(db.sql, anEnvelope({ idempotency_key: 'k', ...(model ? { model } : {}) }), aCaller(), aTaker())
    await send('gpt-small')
    expect(await send('gpt-small')).toMatchObject({ status: 'duplicate' })
    await expect(send('cloud')).rejects.toMatchObject({ code: 'conflict' })
  })
})
