import { beforeEach, describe, expect, it } from 'vitest'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { claim } from '../../../f/hai/core/task/lease.ts'
import { updateTodo } from '../../../f/hai/core/todo/todos.ts'
import { answerAtOnce, answerClaimed } from '../../../f/hai/core/work/built_in.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTaker, aTodo, clear, rowOf } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

type Turn = { role: 'user' | 'assistant'; content: string }
const put = (content: string, chat: object | null = {}, requester = 'operator', more: object = {}) =>
  enqueue(
    db.sql,
    { source: 'openwebui', content, ...(chat ? { chat } : {}), ...more },
    { requester, firstLane },
  )

/** What is answered to a message of a chat; undefined when hai doesn't answer it itself. */
async function said(...message: Parameters<typeof put>): Promise<string | undefined> {
  const { task_id: id } = await put(...message)
  if (!(await answerAtOnce(db.sql, id, aTaker()))) return undefined
  return (await rowOf(db.sql, id)).output!
}
const todos = async () =>
  (await db.sql<{ body: string; status: string }[]>`select body, status from hai.todo order by id`).map(
    ({ body, status }) => `${body}: ${status}`,
  )
const then = (...messages: [user: string, assistant: string][]): { turns: Turn[] } => ({
  turns: messages.flatMap(([user, assistant]) => [
    { role: 'user' as const, content: user },
    { role: 'assistant' as const, content: assistant },
  ]),
})
const ADD = 'add todo: buy milk'

describe('what a chat’s message had done', () => {
  it('is not done again for the same message, whatever instructions come with it, and says so', async () => {
    const first = (await said(ADD))!
    const undo = first.split('\n').at(-1)!
    const again = (await said(ADD, { instructions: 'The time is 22:10.' }))!
    expect(again).toMatch(
      /^added todo “buy milk” \(\w{6}\)\nthat was done a moment ago for this same message/,
    )
    expect(again.split('\n').at(-1)).toBe(undo)
    await said(ADD)
    expect(await todos()).toEqual(['buy milk: open'])
  })

  it('is done once by six at the same moment', async () => {
    const ids = []
    for (let n = 0; n < 6; n += 1) ids.push((await put(ADD, { instructions: `${n}` })).task_id)
    const claims = []
    for (const only of ids) claims.push((await claim(db.sql, { worker: 'w', lanes: ['builtin'], only }))!)
    await Promise.all(claims.map((task) => answerClaimed(db.sql, task, aCaller())))
    expect(await todos()).toEqual(['buy milk: open'])
    const states = await Promise.all(ids.map(async (id) => (await rowOf(db.sql, id)).state))
    expect(new Set(states)).toEqual(new Set(['done']))
  })

  it.each<[string, Parameters<typeof put>]>([
    ['in a later turn', [ADD, then([ADD, 'added todo “buy milk”'])]],
    ['by another caller', [ADD, {}, 'guest']],
    ['for another person of the same client', [ADD, {}, 'operator', { user: 'sam' }]],
    ['in other words', ['add todo: buy milk!']],
    ['outside of a chat', [ADD, null]],
  ])('is done again %s', async (_, message) => {
    await said(ADD)
    expect(await said(...message)).not.toContain('is not done again')
    expect(await todos()).toHaveLength(2)
  })

  it('is done again after five minutes, and where it is no longer so', async () => {
    const { task_id: id } = await put(ADD)
    await answerAtOnce(db.sql, id, aTaker())
    await db.sql`update hai.task_queue set finished_at = now() - interval '301 seconds' where id = ${id}`
    expect(await said(ADD)).not.toContain('is not done again')
    const [, second] = await db.sql<{ id: string }[]>`select id from hai.todo order by id`
    await updateTodo(db.sql, { id: second!.id, status: 'dropped' }, aCaller())
    expect(await said(ADD)).not.toContain('is not done again')
    expect(await todos()).toEqual(['buy milk: open', 'buy milk: dropped', 'buy milk: open'])
  })

  it('counts only what was changed: questions are answered anew, and what found nothing is tried anew', async () => {
    expect(await said('what is open?')).toBe('nothing is open')
    expect(await said('mark buy milk done')).toContain('nothing was changed')
    await aTodo(db.sql, { body: 'buy milk' })
    expect(await said('what is open?')).toContain('buy milk')
    expect(await said('mark buy milk done')).toContain('finished todo')
    expect(await said('mark buy milk done')).toContain('is not done again')
  })
})

describe('the line that takes something back', () => {
  const last = (answer: string) => answer.split('\n').at(-1)!

  it.each([
    ['as it stands', (line: string) => line],
    ['without its name', (line: string) => line.replace('undo: ', '')],
    ['with courtesy', (line: string) => `${line.replace('undo: ', '')}, please`],
  ])('is understood %s, in a chat and outside of one', async (_, typed) => {
    const line = last((await said(ADD))!)
    const dropped = (await said(typed(line)))!
    expect(dropped).toContain('dropped todo “buy milk”')
    expect(await said(typed(last(dropped)), null)).toContain('reopened todo “buy milk”')
    expect(await todos()).toEqual(['buy milk: open'])
  })

  it('is meant by undo, of the last thing that was done in this chat', async () => {
    const milk = (await said(ADD))!
    const bread = (await said('add todo: buy bread'))!
    const chat = then(
      [ADD, milk],
      ['add todo: buy bread', `${bread}\n\n(a notice)`],
      ['what is open?', 'a list'],
    )
    expect(await said('Undo!', chat)).toContain('dropped todo “buy bread”')
    expect(await todos()).toEqual(['buy milk: open', 'buy bread: dropped'])
  })

  it.each([
    [
      'undo that, of a model’s answer',
      'undo that',
      then([ADD, 'undo: hai todo drop 7F3K2M'], ['a poem', 'Roses']),
    ],
    ['undo where nothing was done', 'undo', then(['a poem', 'Roses'])],
    ['undo where only the person wrote the line', 'undo', then(['undo: hai todo drop 7F3K2M', 'Why?'])],
    ['more than that', 'undo the last paragraph', then([ADD, 'undo: hai todo drop 7F3K2M'])],
  ])('is not meant by %s', async (_, content, chat) => {
    expect(await said(content, chat)).toBeUndefined()
  })

  it('says of an id that is gone that nothing was changed', async () => {
    const { id } = await aTodo(db.sql)
    expect(await said('hai todo drop 7F3K2M')).toContain('nothing was changed')
    expect(await said(`hai todo done ${shortId(id)}`)).toContain('finished todo')
  })
})
