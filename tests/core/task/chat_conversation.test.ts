import { beforeEach, describe, expect, it } from 'vitest'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { testDatabase } from '../../support/database.ts'
import { claimed, clear } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

type Turn = { role: 'user' | 'assistant'; content: string }
const exchange = (question: string, answer: string): Turn[] => [
  { role: 'user', content: question },
  { role: 'assistant', content: answer },
]

/** Asked in a chat, and where it landed. */
const ask = (
  content: string,
  turns: Turn[] = [],
  more: object = {},
  chat: object = {},
  requester = 'operator',
) => enqueue(db.sql, { source: 'openwebui', content, chat: { turns, ...chat }, ...more }, { requester })

/** The same, answered with `answer`. */
async function said(content: string, answer: string, turns: Turn[] = [], more: object = {}) {
  const asked = await ask(content, turns, more)
  const task = await claimed(db.sql)
  await complete(db.sql, { ...heldOf(task), output: answer })
  return asked.conversation_id
}

describe('a chat that names no conversation', () => {
  it.each<[string, string, Turn[]]>([
    ['word for word', 'A box with disks.', exchange('what is a NAS?', 'A box with disks.')],
    [
      'without the blanks at its ends',
      ' A box with disks.\n\n',
      exchange(' what is a NAS?\n', 'A box with disks.'),
    ],
    [
      'with a notice after the answer',
      'A box.',
      exchange('what is a NAS?', 'A box.\n\n(the oldest two turns were left out)'),
    ],
    [
      'after turns that nobody knows',
      'A box.',
      [...exchange('hi', 'Hello!'), ...exchange('what is a NAS?', 'A box.')],
    ],
    [
      'before an exchange that nobody knows',
      'A box.',
      [...exchange('what is a NAS?', 'A box.'), ...exchange('and this? [image]', 'Blue.')],
    ],
  ])('goes on with the one of the last exchange, %s', async (_, answer, turns) => {
    const first = await said('what is a NAS?', answer)
    expect((await ask('and a SAN?', turns)).conversation_id).toBe(first)
  })

  it('goes on turn by turn, and stays there when a later turn is asked again', async () => {
    const first = await said('one', 'The first answer.')
    const one = exchange('one', 'The first answer.')
    expect(await said('two', 'The second answer.', one)).toBe(first)
    const two = [...one, ...exchange('two', 'The second answer.')]
    expect((await ask('three', two)).conversation_id).toBe(first)
    expect((await ask('two, in other words', one)).conversation_id).toBe(first)
  })

  it('stays in it after an answer that was stopped, of which the client kept a part', async () => {
    const { conversation_id } = await ask('a long story, please')
    expect((await ask('shorter', exchange('a long story, please', 'Once upon a'))).conversation_id).toBe(
      conversation_id,
    )
  })

  it('is found by a long answer where the client tells another question, as it sent a file with it', async () => {
    const answer = 'The file says that the pump needs oil every three months.'
    const first = await said('### Task: answer from the context\n<file>…</file>\nwhat does it say?', answer)
    expect((await ask('and the fan?', exchange('what does it say?', answer))).conversation_id).toBe(first)
    await said('in a word, is it so?', 'Yes.')
    const { task_id, conversation_id } = await ask('and now?', exchange('is it?', 'Yes.'))
    expect(conversation_id).toBe(task_id)
  })

  it('is in the newest of two that went the same way', async () => {
    await said('hi', 'Hello!', [], { conversation_id: '#one' })
    await said('hi', 'Hello!', [], { conversation_id: '#two' })
    expect((await ask('and?', exchange('hi', 'Hello!'))).conversation_id).toBe('#two')
  })

  it('is the same with the same first message within the hour, and then a new one', async () => {
    const { conversation_id } = await ask('hi')
    expect((await ask('hi', [], {}, { instructions: 'another clock' })).conversation_id).toBe(conversation_id)
    await db.sql`update hai.chat set created_at = now() - interval '61 minutes'`
    const { task_id, conversation_id: later } = await ask('hi')
    expect(later).toBe(task_id)
    expect((await ask('hello')).conversation_id).not.toBe(later)
  })

  it.each([
    ['another caller', {}, 'guest'],
    ['another person of the same client', { user: 'sam' }, 'operator'],
    ['another source', { source: 'voice' }, 'operator'],
  ])('is never that of %s', async (_, more, requester) => {
    const first = await said('what is a NAS?', 'A box with disks.')
    const turns = exchange('what is a NAS?', 'A box with disks.')
    for (const asked of [
      await ask('and?', turns, more, {}, requester),
      await ask('what is a NAS?', [], more, {}, requester),
    ])
      expect(asked.conversation_id).not.toBe(first)
  })

  it('begins one for another answer, for an errand, and not for what names its own', async () => {
    const first = await said('what is a NAS?', 'A box with disks.')
    const other = await ask('and?', exchange('what is a NAS?', 'No idea.'))
    expect(other.conversation_id).toBe(other.task_id)
    const errand = await ask('### Task: a title', [], {}, { errand: true })
    const again = await ask('### Task: a title')
    expect([errand.task_id, again.task_id]).toEqual([errand.conversation_id, again.conversation_id])
    const named = await ask('and?', exchange('what is a NAS?', 'A box with disks.'), {
      conversation_id: '#mine',
    })
    expect(named.conversation_id).toBe('#mine')
    expect(first).not.toBe('#mine')
  })
})
