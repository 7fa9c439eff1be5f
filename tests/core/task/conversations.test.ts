import { beforeEach, expect, it } from 'vitest'
import { listConversations } from '../../../f/hai/core/task/conversations.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTask, claimed, clear, FOR_A_MODEL } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()

async function said(
  content: string,
  output: string,
  more: Record<string, unknown> = {},
  requester = 'operator',
) {
  const id = await aTask(db.sql, { content, ...more }, requester)
  await complete(db.sql, { ...heldOf(await claimed(db.sql)), output })
  return id
}

it('tells each by its first question, its last, and the last line of the answer', async () => {
  const lone = await said('why is the rack so loud?', 'Fans.')
  await said('\n  move the rack\nto the cellar', 'Where to?', { conversation_id: '#rack-move' })
  const last = await said('to the left', 'First line.\n\nIt fits there.\n\n', {
    conversation_id: '#Rack-Move',
  })
  expect(await listConversations(db.sql, {}, operator)).toEqual({
    conversations: [
      {
        conversation_id: '#rack-move',
        name: '#rack-move',
        turns: 2,
        began_at: expect.any(String),
        last_at: expect.any(String),
        last_id: last,
        last_state: 'done',
        began_with: 'move the rack',
        question: 'to the left',
        answer: 'It fits there.',
      },
      expect.objectContaining({ conversation_id: lone, name: null, turns: 1, answer: 'Fans.' }),
    ],
    total: 2,
  })
})

it('tells of one that is under way, and of no answer', async () => {
  const id = await aTask(db.sql, FOR_A_MODEL)
  expect((await listConversations(db.sql, {}, operator)).conversations).toMatchObject([
    { conversation_id: id, last_state: 'pending', answer: null },
  ])
})

it('leaves out what is no talk: others’, errands, and what hai answers by itself', async () => {
  await said('his question', 'his answer', {}, 'guest')
  await aTask(db.sql, { ...FOR_A_MODEL, chat: { errand: true } })
  const id = await aTask(db.sql)
  await db.sql`update hai.task_queue set route = 'built-in' where id = ${id}`
  expect(await listConversations(db.sql, {}, operator)).toEqual({ conversations: [], total: 0 })
})

it('does not show what is restricted', async () => {
  await said('my secret', 'is safe', { data_tier: 'restricted' })
  expect((await listConversations(db.sql, {}, operator)).conversations).toMatchObject([
    { began_with: '(restricted)', question: '(restricted)', answer: '(restricted)' },
  ])
})

it('goes page by page, each conversation once, and counts all', async () => {
  for (const name of ['#a', '#b', '#c', '#a']) await said(`about ${name}`, 'fine', { conversation_id: name })
  const first = await listConversations(db.sql, { limit: 2 }, operator)
  expect(first.conversations.map(({ name }) => name)).toEqual(['#a', '#c'])
  expect(first.total).toBe(3)
  const rest = await listConversations(db.sql, { limit: 2, cursor: first.next_cursor! }, operator)
  expect(rest.conversations.map(({ name }) => name)).toEqual(['#b'])
  expect(rest).not.toHaveProperty('next_cursor')
})
