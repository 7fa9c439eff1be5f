import { beforeEach, describe, expect, it } from 'vitest'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { answerChat } from '../../../f/hai/core/surface/openai.ts'
import type { Completion, Refusal } from '../../../f/hai/core/surface/openai_answer.ts'
import { outcomeOf, waitForTask } from '../../../f/hai/core/surface/wait.ts'
import { complete as completeTask } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEndedTask, aTask, claimed, clear, FOR_A_MODEL, rowOf } from '../../support/factories.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from '../model/answering.ts'
import { windmillWith } from './windmill.ts'

const db = testDatabase()
const operator = aCaller()
const comes: Parameters<typeof windmillWith>[0] = {}
windmillWith(comes)

let models: Parameters<typeof aShift>[0]
const shift = (jobId?: string) => aShift(models, jobId ? { jobId } : {})
beforeEach(async () => {
  await clear(db.sql)
  models = { offers: [] }
  comes.worker = (jobId) => work(db.sql, shift(jobId))
})

const user = (content: unknown) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })
const ask = (messages: unknown[], more: object = {}, as = operator) =>
  answerChat(db.sql, { model: 'hai', messages, ...more }, as, shift())
async function complete(messages: unknown[], more: object = {}): Promise<Completion> {
  const answer = await ask(messages, more)
  expect(answer.windmill_status_code).toBe(200)
  return answer.result as Completion
}
const tasks = () => db.sql<{ id: string; conversation_id: string; source: string; on_behalf_of: string }[]>`
  select id, conversation_id, source, on_behalf_of from hai.task_queue order by id`
const chats = () => db.sql<{ instructions: string; turns: unknown[]; answer: object }[]>`
  select instructions, turns, answer from hai.chat order by task_id`

describe('a chat completion', () => {
  it('is the answer of a task, in OpenAI’s shape', async () => {
    const answer = await complete([user('help')], { user: 'sam', temperature: 0.2, stream: false })
    const [task] = await tasks()
    expect(task).toMatchObject({ source: 'openwebui', on_behalf_of: 'sam' })
    expect(answer).toMatchObject({
      ...{ id: `chatcmpl-${task!.id}`, object: 'chat.completion', created: expect.any(Number), model: 'hai' },
      choices: [{ index: 0, message: { role: 'assistant' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
    })
    expect(answer.choices[0].message.content).toContain('todo')
  })

  it('tells what a model used, and keeps instructions and the form of the answer', async () => {
    const server = await fakeOpenAi({ apiKey: 'sk-fake' })
    models = anAccess(aChoice(server.url))
    const system = { role: 'system', content: 'be brief' }
    const answer = await complete([system, user([{ type: 'text', text: 'why?' }])], { max_tokens: 500 })
    await server.stop()
    const [usage] = await db.sql`select input, output from hai.usage`
    expect(answer.choices[0].message.content).toBe('It is well.')
    expect(answer.usage).toMatchObject({
      ...{
        prompt_tokens: usage!.input,
        completion_tokens: usage!.output,
        total_tokens: usage!.input + usage!.output,
      },
    })
    expect(await chats()).toEqual([{ instructions: 'be brief', turns: [], answer: { max_tokens: 500 } }])
  })

  it('is listed in the conversation whose last exchange was sent, also when it is asked anew', async () => {
    const first = await complete([user(' help ')])
    const said = [user('help'), assistant(first.choices[0].message.content)]
    await complete([...said, user('what is open?')])
    const [one, two] = await tasks()
    expect(two!.conversation_id).toBe(one!.conversation_id)
    await ask([...said, user('and now?')])
    expect((await tasks()).at(-1)!.conversation_id).toBe(one!.conversation_id)
    expect((await chats()).map(({ turns }) => turns.length)).toEqual([0, 2, 2])
  })

  it('is not found in what another member said', async () => {
    const first = await complete([user('help')])
    const said = [user('help'), assistant(first.choices[0].message.content)]
    await ask([...said, user('why?')], {}, aCaller('guest'))
    const ids = (await tasks()).map((task) => task.conversation_id)
    expect(new Set(ids).size).toBe(2)
  })

  it('is hai’s own failure when it gets no answer, with the task and for good', async () => {
    const answer = await ask([user('why is the sky blue?')], { stream: true })
    const [task] = await tasks()
    expect(answer).toMatchObject({
      windmill_status_code: 503,
      windmill_headers: { 'x-should-retry': 'false' },
      result: {
        error: {
          type: 'server_error',
          code: 'no_route',
          message: expect.stringContaining(shortId(task!.id)),
        },
      },
    })
    expect((answer.result as Refusal['body']).error.message).toMatch(
      /^There is no model that may answer this\./,
    )
  })

  it('comes as one complete stream where one is asked for', async () => {
    const answer = await ask([user('help')], { stream: true })
    expect(answer.windmill_content_type).toBe('text/event-stream')
    expect(answer.result).toMatch(/^data: \{[\s\S]*\n\ndata: \[DONE\]\n\n$/)
  })

  it('leaves its task when its client hangs up, and the same question comes back to it', async () => {
    comes.worker = undefined
    const chat = async (jobId: string, stop: AbortController) => {
      const helper = { ...shift(), jobId, stopped: stop.signal, start: async () => {} }
      const body = { model: 'hai', messages: [user(FOR_A_MODEL.content)] }
      return answerChat(db.sql, body, operator, helper)
    }
    const waiters = async () => db.sql<{ id: string; waiters: string[]; left: boolean }[]>`
      select id, waiters, left_at is not null as left from hai.task_queue`
    const stop = new AbortController()
    const first = chat('job-1', stop)
    await expect.poll(waiters).toEqual([{ id: expect.any(String), waiters: ['job-1'], left: false }])
    const task = await claimed(db.sql)
    const began = Date.now()
    stop.abort()
    expect(await first).toMatchObject({ windmill_status_code: 503 })
    // long before it would have its answer, or not
    expect(Date.now() - began).toBeLessThan(30_000)
    expect(await waiters()).toEqual([{ id: task.id, waiters: [], left: true }])
    const second = chat('job-2', new AbortController())
    await expect.poll(waiters).toEqual([{ id: task.id, waiters: ['job-2'], left: false }])
    await completeTask(db.sql, { ...heldOf(task), output: 'an answer' })
    expect((await second).result).toMatchObject({ id: `chatcmpl-${task.id}` })
  })

  it('stores nothing of what it refuses', async () => {
    await expect(ask([user('help')], { n: 2 })).rejects.toThrow('n: expected 1')
    expect(await tasks()).toEqual([])
  })
})

describe('a wait', () => {
  const wait = (id: string, seconds: number) =>
    waitForTask(db.sql, { id, seconds }, operator, { ...shift(), jobId: 'the job that waits' })

  it('works itself when no worker comes, as where all of them wait', async () => {
    comes.worker = undefined
    const before = await aTask(db.sql, { content: 'help' })
    const id = await aTask(db.sql, { content: 'help' })
    expect(await wait(id, 20)).toMatchObject({ id, state: 'done' })
    expect(await wait(before, 0)).toMatchObject({ state: 'done' })
    // by which the sweep asks whether who waited gave up in the middle
    expect(await rowOf(db.sql, before)).toMatchObject({ job_id: 'the job that waits' })
  })

  it.each([
    ['runs', 'interactive', true],
    ['is for a worker elsewhere', 'attic', false],
  ])(
    'answers what others ask hai itself while its own task %s, and leaves that alone',
    async (_how, lane, runs) => {
      comes.worker = undefined
      const id = await aTask(db.sql, FOR_A_MODEL)
      await db.sql`insert into hai.lane_slot (lane, no, elsewhere) values ('attic', 1, true) on conflict do nothing`
      await db.sql`update hai.task_queue set lane = ${lane} where id = ${id}`
      const task = runs ? await claimed(db.sql) : undefined
      const waits = wait(id, 30)
      const others = await aTask(db.sql, { content: 'what is open?' }, 'guest')
      await expect.poll(async () => (await rowOf(db.sql, others)).state).toBe('done')
      expect((await rowOf(db.sql, id)).lease_no).toBe(runs ? 1 : 0)
      const held = task ?? (await claimed(db.sql, 'w-2', [lane]))
      await completeTask(db.sql, { ...heldOf(held), output: 'an answer' })
      expect(await waits).toMatchObject({ id, state: 'done', output: 'an answer' })
    },
  )

  it('answers a question to hai itself before it does what waits in its own lane', async () => {
    comes.worker = undefined
    const before = await aTask(db.sql, FOR_A_MODEL)
    const id = await aTask(db.sql, FOR_A_MODEL)
    const others = await aTask(db.sql, { content: 'what is open?' }, 'guest')
    await wait(id, 30)
    const ended = await db.sql<{ task_id: string }[]>`
      select task_id from hai.task_event where type in ('done', 'dead') order by at`
    expect(ended.map(({ task_id }) => task_id)).toEqual([others, before, id])
  })

  it('ends when its time is over, and says where to look', async () => {
    const id = await aTask(db.sql)
    expect(outcomeOf(await wait(id, 0.05))).toMatchObject({
      id,
      state: 'pending',
      next_step: expect.stringMatching(/^hai task tail/),
    })
  })

  it('ends at once with what has ended, and fails with what ended badly', async () => {
    expect(outcomeOf(await wait(await anEndedTask(db.sql, 'done'), 10))).toMatchObject({
      output: 'an answer',
    })
    const dead = await wait(await anEndedTask(db.sql, 'dead'), 10)
    expect(() => outcomeOf(dead)).toThrow(/^task \w{6} is dead: it broke$/)
    const capped = { ...dead, error: { code: 'budget', message: 'the cap of today is reached' } }
    expect(() => outcomeOf(capped)).toThrow(expect.objectContaining({ code: 'budget' }))
  })

  it('refuses to be longer than a caller may wait, and an id of nobody', async () => {
    await expect(wait(await aTask(db.sql), 3600)).rejects.toThrow('seconds: 3600')
    await expect(wait('zzzzzz', 1)).rejects.toMatchObject({ code: 'not_found' })
  })
})
