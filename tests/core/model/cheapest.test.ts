import { afterEach, beforeEach, expect, it } from 'vitest'
import { Models } from '../../../f/hai/core/base/backends.ts'
import { accessFor } from '../../../f/hai/core/model/access.ts'
import { chooseForErrand } from '../../../f/hai/core/model/cheapest.ts'
import { choose } from '../../../f/hai/core/model/choose.ts'
import { testDatabase } from '../../support/database.ts'
import { aPulledModel, type FakeOllama, fakeOllama } from '../../support/models/ollama.ts'
import { around } from './answering.ts'

const db = testDatabase()
let ollama: FakeOllama
beforeEach(async () => {
  ollama = await fakeOllama()
})
afterEach(() => ollama.stop())

/** Nothing listens there. */
const AWAY = 'http://127.0.0.1:1'

const near = () => ({
  kind: 'openai-compatible',
  url: ollama.url,
  billing: 'local',
  models: { small: {}, big: {} },
})
const plan = { kind: 'claude-code', billing: 'subscription', models: { opus: {}, haiku: {} } }
const dear = {
  kind: 'openai-compatible',
  url: 'https://ai.example.com/v1',
  billing: 'metered',
  models: { 'no-price': {}, great: { input: 10, output: 50 }, mini: { input: 0.2, output: 1 } },
}
const cheap = { ...dear, models: { nano: { input: 0.1, output: 0.5 } } }

const here = (url = ollama.url, claude = true) => ({ ...around(url), has: () => claude })
const chosen = (models: object, at = here()) => chooseForErrand(Models.parse(models), at)

it.each([
  [
    'what is free',
    { default: 'dear/great', backends: () => ({ dear, plan, near: near() }) },
    AWAY,
    'near/small',
  ],
  [
    'where questions go, if that is free',
    { default: 'near/big', backends: () => ({ dear, plan, near: near() }) },
    AWAY,
    'near/big',
  ],
  [
    'a subscription before what is metered',
    { default: 'dear/great', backends: () => ({ dear, plan }) },
    AWAY,
    'plan/opus',
  ],
  [
    'the metered model with the lowest price',
    { default: 'dear/great', backends: () => ({ dear }) },
    AWAY,
    'dear/mini',
  ],
  [
    'that of another backend',
    { default: 'dear/great', backends: () => ({ dear, cheap }) },
    AWAY,
    'cheap/nano',
  ],
  [
    'the one that there is, though nobody knows its price',
    { backends: () => ({ dear: { ...dear, models: { 'no-price': {} } } }) },
    AWAY,
    'dear/no-price',
  ],
])('an errand is answered by %s', async (_, { backends, ...given }, url, wanted) => {
  const choice = await chosen({ ...given, backends: backends() }, here(url))
  expect(`${choice?.name}/${choice?.model}`).toBe(wanted)
})

it('is answered by an Ollama that is found, though questions go elsewhere, if nothing has to be loaded for it', async () => {
  ollama.models.push(aPulledModel({ name: 'qwen3:8b' }))
  ollama.loaded.add('qwen3:8b')
  expect(await chosen({ default: 'dear/great', backends: { dear, plan } })).toMatchObject({
    name: 'ollama',
    model: 'qwen3:8b',
    reason: 'an errand: the cheapest that can answer',
  })
  ollama.loaded.clear()
  expect(await chosen({ default: 'dear/great', backends: { dear, plan } })).toMatchObject({ name: 'plan' })
  expect(await chosen({ default: 'dear/great', backends: { dear } })).toMatchObject({ name: 'ollama' })
})

it('passes over what can’t answer: not enabled, without its program', async () => {
  const off = { ...cheap, enabled: false }
  expect(await chosen({ backends: { dear, off, plan } }, here(AWAY, false))).toMatchObject({
    name: 'dear',
    model: 'mini',
  })
})

it('says as of a question that a default can’t be used, or that there is nothing', async () => {
  await expect(chosen({ default: 'gone/x', backends: { dear } })).rejects.toThrow('there is no backend gone')
  expect(await chosen({ backends: {} }, here(AWAY))).toBeUndefined()
})

it('goes by the task, and a question stays where it was', async () => {
  const models = { default: 'dear/great', backends: { dear } }
  await db.sql`
    insert into hai.config (name, value, hash) values ('models', ${db.sql.json(models as never)}, 'x')
    on conflict (name) do update set value = excluded.value`
  const at = (errand: boolean) => accessFor(db.sql, { data_tier: 'internal', errand })
  expect(await at(true)).toMatchObject({ choice: { name: 'dear', model: 'mini' } })
  expect(await at(false)).toMatchObject({ choice: { name: 'dear', model: 'great' } })
  expect(await choose(Models.parse(models), here())).toMatchObject({ model: 'great' })
})
