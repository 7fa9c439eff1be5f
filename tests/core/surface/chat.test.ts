import { beforeEach, describe, expect, it } from 'vitest'
import { chatModels, completeChat } from '../../../f/hai/core/surface/openai.ts'
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
  await db.sql`truncate hai.usage`
  models = { offers: [] }
  comes.worker = (jobId) => work(db.sql, shift(jobId))
})

const user = (content: unknown) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })
const complete = (messages: unknown[], more: object = {}) =>
  completeChat(db.sql, { model: 'hai', messages, ...more }, operator, shift())
const tasks = () => db.sql<{ id: string; conversation_id: string; source: string; on_behalf_of: string }[]>`
  select id, conversation_id, source, on_behalf_of from hai.task_queue order by id`
const attachments = () => db.sql<{ name: string; content: string }[]>`
  select name, content from hai.artifact order by id`

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

  it('tells what a model used, and attaches instructions', async () => {
    const server = await fakeOpenAi({ apiKey: 'sk-fake' })
    models = anAccess(aChoice(server.url))
    const answer = await complete([
      { role: 'system', content: 'be brief' },
      user([{ type: 'text', text: 'why?' }]),
    ])
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
    expect(await attachments()).toEqual([{ name: 'instructions', content: 'be brief' }])
  })

  it('goes on with the conversation that was said word for word, and with no other', async () => {
    const first = await complete([user(' help ')])
    const said = [user('help'), assistant(first.choices[0].message.content)]
    await complete([...said, user('what is open?')])
    const [one, two] = await tasks()
    expect(two!.conversation_id).toBe(one!.conversation_id)
    expect(await attachments()).toEqual([])
    // asked anew after the second answer: what was said is no longer the whole of that conversation
    await expect(complete([...said, user('and now?')])).rejects.toThrow('is dead')
    const third = (await tasks()).at(-1)!
    expect(third.conversation_id).toBe(third.id)
    expect(await attachments()).toMatchObject([
      { name: 'earlier messages', content: expect.stringMatching(/^user: help\n\nassistant: /) },
    ])
  })

  it('is not found in what another member said', async () => {
    const first = await complete([user('help')])
    const said = [user('help'), assistant(first.choices[0].message.content)]
    const asGuest = { model: 'hai', messages: [...said, user('why?')] }
    await expect(completeChat(db.sql, asGuest, aCaller('guest'), shift())).rejects.toThrow('is dead')
    const ids = (await tasks()).map((task) => task.conversation_id)
    expect(new Set(ids).size).toBe(2)
  })

  it('is gone when it gets no answer, with the reason and the task', async () => {
    await expect(complete([user('why is the sky blue?')])).rejects.toMatchObject({
      ...{ code: 'gone', message: expect.stringContaining('there is no model to ask') },
      details: { task_id: (await tasks())[0]?.id ?? expect.any(String), state: 'dead' },
    })
  })

  it.each([
    ['half a stream', { stream: 'yes' }, 'stream: "yes" is not accepted'],
    ['another model', { model: 'gpt-4' }, 'model gpt-4 is not known'],
    ['no messages', { messages: [] }, 'messages: [] is not accepted'],
    ['a last message of its own', { messages: [assistant('x')] }, 'expected a last message of the user'],
    ['an image', { messages: [user([{ type: 'image_url' }])] }, 'hai takes no images'],
    ['a message of a tool', { messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role: "tool"'],
    ['tools', { tools: [{ type: 'function' }] }, 'hai has its own'],
    ['two answers', { n: 2 }, 'n: 2 is not accepted'],
    ['JSON', { response_format: { type: 'json_object' } }, 'response_format.type: "json_object"'],
    ['an empty message', { messages: [user('  ')] }, 'content: "  " is not accepted'],
  ])('refuses %s and stores nothing', async (_, more, message) => {
    await expect(complete([user('help')], more)).rejects.toThrow(message)
    expect(await tasks()).toEqual([])
  })

  it('names its one model', () => {
    expect(chatModels().data.map(({ id }) => id)).toEqual(['hai'])
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
