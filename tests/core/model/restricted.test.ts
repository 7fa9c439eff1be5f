import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Models } from '../../../f/hai/core/base/backends.ts'
import { topTasks } from '../../../f/hai/core/cost/report.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { home } from '../../../f/hai/core/home.ts'
import { accessOf } from '../../../f/hai/core/model/access.ts'
import { answerWithModel } from '../../../f/hai/core/model/agent.ts'
import { answerChat } from '../../../f/hai/core/surface/openai.ts'
import { listTasks } from '../../../f/hai/core/task/list.ts'
import { showTask, taskEvents, taskResult } from '../../../f/hai/core/task/show.ts'
import { runTodo } from '../../../f/hai/core/todo/run.ts'
import { heldTask } from '../../../f/hai/core/work/held_task.ts'
import { claimElsewhere } from '../../../f/hai/core/work/remote.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask, aTask, aTodo, claimed, clear, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { aPulledModel, fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, around, aShift } from './answering.ts'
import { callsOf } from './records.ts'

const db = testDatabase()
/** Charges for its answers. */
let far: FakeServer
/** Is of the house. */
let near: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  far = await fakeOpenAi()
  near = await fakeOpenAi()
})
afterEach(() => Promise.all([far.stop(), near.stop()]))

const SECRET = 'the diagnosis of my knee'
const restricted = (given: Record<string, unknown> = {}) =>
  aTask(db.sql, { content: `what follows from ${SECRET}?`, data_tier: 'restricted', ...given })

const metered = () => ({ ...aChoice(far.url).backend, models: { 'gpt-fake': { input: 1, output: 1 } } })
const local = () => ({ ...metered(), url: `${near.url}/v1`, billing: 'local' })

let configured: Models
let ollamaUrl: string
beforeEach(() => {
  ollamaUrl = 'http://127.0.0.1:1'
})

async function configure(models: object): Promise<void> {
  configured = Models.parse(models)
  await db.sql`
    insert into hai.config (name, value, hash) values ('models', ${db.sql.json(configured as never)}, 'x')
    on conflict (name) do update set value = excluded.value`
}

const chosen = (_: unknown, { data_tier }: { data_tier: string }) => {
  const here = {
    ...around(ollamaUrl),
    has: () => true,
    offers: [{ backend: 'claude-code', how: 'it is there' }],
  }
  return accessOf(configured, here, undefined, { data_tier })
}

/** Works as the worker of the stack does: whom to ask follows from the configuration. */
const worked = (given = {}) => work(db.sql, { ...aShift({ offers: [] }), models: chosen, ...given })

const sentFar = () => JSON.stringify(far.calls.map(({ body }) => body))
const ended = async (id: string) => {
  const { state, output, error } = await rowOf(db.sql, id)
  return { state, output, error: error as { code: string; message: string; next_step: string } | null }
}
async function expectNoRoute(id: string, why: RegExp) {
  const { state, error } = await ended(id)
  expect({ state, code: error?.code }).toEqual({ state: 'dead', code: 'no_route' })
  expect(error?.message).toMatch(why)
  expect(error?.next_step).toMatch(/hai model (add URL|enable \w+).*hai task retry/)
  expect(JSON.stringify(error)).not.toContain(SECRET)
  expect(far.calls).toEqual([])
}

describe('a restricted task', () => {
  it('is dead rather than asked of what charges or is a plan, however that is configured', async () => {
    const plan = { kind: 'claude-code', billing: 'subscription', models: { default: {} } }
    // a wrong word in a file makes nothing local
    const claude = { kind: 'anthropic', billing: 'local', models: { 'claude-fake': {} } }
    const code = { kind: 'claude-code', billing: 'local', models: { default: {} } }
    const hosted = { ...local(), models: { 'big:120b-cloud': {} } }
    for (const models of [
      { default: 'far/gpt-fake', backends: { far: metered() } },
      { backends: { far: metered(), plan } },
      { default: 'far/gpt-fake', backends: { far: { ...metered(), external: true } } },
      { default: 'claude/claude-fake', backends: { claude } },
      { backends: { code } },
      { default: 'hosted/big:120b-cloud', backends: { hosted } },
      { default: 'far/gpt-fake', backends: { far: metered(), off: { ...local(), enabled: false } } },
    ]) {
      await configure(models)
      const id = await restricted()
      await worked()
      await expectNoRoute(id, /restricted only a backend with billing: local may see it/)
    }
    expect(near.calls).toEqual([])
  })

  it('is asked of what is local, whatever is the default, on a cap, or would be asked first', async () => {
    for (const models of [
      { default: 'far/gpt-fake', backends: { far: metered(), near: local() } },
      { backends: { far: metered(), near: local() } },
      { default: 'near/gpt-fake', backends: { far: metered(), near: local() } },
    ]) {
      await configure(models)
      const id = await restricted()
      near.next({ text: 'Rest.' })
      await worked()
      expect(await ended(id)).toMatchObject({ state: 'done', output: 'Rest.' })
    }
    expect(far.calls).toEqual([])
  })

  it('is asked of an Ollama that is found, and of none of the models that it only hands on', async () => {
    const hosted = aPulledModel({ name: 'gpt-oss:120b-cloud' })
    const ollama = await fakeOllama({ models: [hosted, aPulledModel()] })
    ollamaUrl = ollama.url
    try {
      await configure({ default: 'far/gpt-fake', backends: { far: metered() } })
      const id = await restricted()
      await worked()
      expect(await ended(id)).toMatchObject({ state: 'done' })
      expect(JSON.stringify(ollama.calls.map(({ body }) => body))).toContain('llama3.2:3b')
      await configure({ default: 'ollama/gpt-oss:120b-cloud', backends: {} })
      const other = await restricted()
      await worked()
      expect(await ended(other)).toMatchObject({ state: 'done' })
      expect(JSON.stringify(ollama.calls.map(({ body }) => body))).not.toContain('cloud')
      expect(far.calls).toEqual([])
    } finally {
      await ollama.stop()
    }
  })

  it('is refused where a worker has chosen all the same: here, elsewhere, and in the ledger', async () => {
    const charging = aChoice(far.url)
    const first = await restricted()
    await work(db.sql, aShift(anAccess(charging)))
    await expectNoRoute(first, /openai is billing: metered/)
    const handed = await restricted()
    const away = { ...charging, backend: { ...charging.backend, external: true } }
    await work(db.sql, aShift(anAccess(away)))
    await expectNoRoute(handed, /openai is billing: metered/)
    const content = `is ${SECRET} bad?`
    const task = await aRunningTask(db.sql, { content, data_tier: 'restricted' })
    const signal = new AbortController().signal
    const call = {
      ...{
        call_id: `${task.id}:0:1:1`,
        backend: 'openai',
        model: 'gpt-fake',
        billing: 'subscription' as const,
      },
      ...{ price: { input: 1, output: 1 } as never, most: { input: 1, output: 1 } },
    }
    const refused = reserve(db.sql, call, {
      id: task.id,
      lease_no: task.lease_no,
      lease_token: task.lease_token,
    })
    await expect(refused).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('restricted'),
    })
    // as a worker without the database does it
    await answerWithModel(heldTask(db.sql, task), task, { ...anAccess(charging), signal, stream: () => {} })
    await expectNoRoute(task.id, /openai is billing: metered/)
  })

  it('goes to workers elsewhere in the lane of a local backend only', async () => {
    const elsewhere = (lanes?: string[]) =>
      claimElsewhere(db.sql, { worker: 'attic/1', sends_token: true, ...(lanes ? { lanes } : {}) }, () =>
        aCaller(),
      )
    const id = await restricted()
    const open = await aTask(db.sql, { content: 'why is the sky blue?' })
    expect((await elsewhere()).task?.id).toBe(open)
    expect(await elsewhere()).toEqual({ task: null, turns: [], more: false })
    await configure({ backends: { attic: { ...local(), external: true } } })
    await worked()
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', lane: 'attic' })
    const { task } = await elsewhere(['attic'])
    expect(task).toMatchObject({ id, data_tier: 'restricted' })
    await db.sql`update hai.task_queue set state = 'pending' where id = ${id}`
    await db.sql`delete from hai.lease`
    await configure({ backends: { attic: { ...metered(), external: true } } })
    expect((await elsewhere(['attic'])).task).toBeNull()
    await expectNoRoute(id, /attic is billing: metered/)
  })

  it('is left out of what a later turn carries that is not, and its own turns carry all', async () => {
    await configure({ default: 'far/gpt-fake', backends: { far: metered(), near: local() } })
    const first = await aTask(db.sql, { content: 'name a joint', conversation_id: '#knee' })
    far.next({ text: 'The knee.' })
    await worked()
    const told = await restricted({ conversation_id: '#knee' })
    near.next({ text: `Of ${SECRET}: rest.` })
    await worked()
    expect(await ended(told)).toMatchObject({ state: 'done' })
    expect(JSON.stringify(callsOf(near).at(-1)!.body)).toContain('The knee.')
    const reply = await aTask(db.sql, { content: 'and then?', conversation_id: '#knee' })
    await worked()
    expect(await ended(reply)).toMatchObject({ state: 'done' })
    expect(sentFar()).toContain('name a joint')
    expect(sentFar()).not.toContain(SECRET)
    const [said] = await db.sql`
      select text from hai.task_event where task_id = ${reply} and type = 'notice'`
    expect(said?.text).toBe('1 earlier turn is restricted and left out, as this question is not')
    // nor to a worker elsewhere, which may be an older one
    await aTask(db.sql, { content: 'go on', conversation_id: '#knee' })
    const { turns } = await claimElsewhere(db.sql, { worker: 'attic/1', sends_token: true }, () => aCaller())
    expect(turns.map(({ content }) => content)).toEqual(['name a joint', '', 'and then?'])
    expect(JSON.stringify(turns)).not.toContain(SECRET)
    expect(first).not.toBe(told)
  })

  it('is guarded by its row, whoever made it: a todo, a chat', async () => {
    await configure({ default: 'far/gpt-fake', backends: { far: metered() } })
    const todo = await aTodo(db.sql, { body: `think about ${SECRET}` })
    const { task_id } = await runTodo(db.sql, { id: todo.id }, aCaller())
    await db.sql`update hai.task_queue set data_tier = 'restricted' where id = ${task_id}`
    await worked()
    await expectNoRoute(task_id, /restricted/)
    const helper = { principal: () => aCaller(), models: chosen, start: async () => {} }
    const messages = [{ role: 'user', content: `tell of ${SECRET}` }]
    await db.sql`alter table hai.task_queue alter column data_tier set default 'restricted'`
    await db.sql`create function tier() returns trigger language plpgsql as $$ begin new.data_tier = 'restricted'; return new; end $$`
    await db.sql`create trigger tier before insert on hai.task_queue for each row execute function tier()`
    try {
      const chat = await answerChat(db.sql, { model: 'hai', messages }, aCaller(), helper)
      expect(chat).toMatchObject({ windmill_status_code: 503, result: { error: { code: 'no_route' } } })
      expect(far.calls).toEqual([])
    } finally {
      await db.sql`drop function tier cascade`
      await db.sql`alter table hai.task_queue alter column data_tier drop default`
    }
  })
})

describe('the text of a restricted task', () => {
  it('is on no page or list, in no notice and no job’s stream, and nobody else reads or finds it', async () => {
    await configure({ backends: { near: local() } })
    const streamed: string[] = []
    const id = await restricted({
      metadata: { of: SECRET },
      context: [{ name: `${SECRET}.txt`, content: SECRET }],
    })
    await db.sql`update hai.task_queue set requester = 'guest' where id = ${id}`
    near.next({ text: `Of ${SECRET}: rest.` })
    await worked({ stream: (_: string, __: number, text: string) => void streamed.push(text) })
    expect(streamed).toEqual([])
    await db.sql`update hai.usage set usd = 1 where task_id = ${id}`
    const guest = aCaller('guest')
    for (const caller of [aCaller(), aCaller('robot')]) {
      const seen = [
        await home(db.sql, {}, caller),
        await listTasks(db.sql, {}, caller),
        await showTask(db.sql, id, caller),
        await taskResult(db.sql, id, caller),
        await taskEvents(db.sql, { id }, caller),
      ]
      expect(JSON.stringify(seen)).not.toContain('knee')
      expect(JSON.stringify(seen)).toContain(id)
      expect((await listTasks(db.sql, { text: 'knee' }, caller)).total).toBe(0)
    }
    expect((await listTasks(db.sql, { text: 'knee' }, guest)).total).toBe(1)
    expect(await taskResult(db.sql, id, guest)).toMatchObject({ output: `Of ${SECRET}: rest.` })
    expect(await showTask(db.sql, id, guest)).toMatchObject({ content: `what follows from ${SECRET}?` })
    expect(JSON.stringify(await taskEvents(db.sql, { id }, guest))).toContain('knee')
    const range = { from: '2000-01-01', to: '2100-01-01', zone: 'UTC' } as never
    const [top] = await topTasks(db.sql, range, 5, aCaller())
    expect(top).toMatchObject({ id, excerpt: '(restricted)' })
    expect(JSON.stringify(await db.sql`select * from hai.notice`)).not.toContain('knee')
    // what a built-in lists becomes a turn of its conversation
    const asked = await aTask(db.sql, { content: 'what ran today?' }, 'guest')
    await work(db.sql, aShift({ offers: [] }))
    expect((await ended(asked)).output).toContain('(restricted)')
    expect((await ended(asked)).output).not.toContain('knee')
    expect(await claimed(db.sql).catch(() => null)).toBeNull()
  })
})
