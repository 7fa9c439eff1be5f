import { beforeEach, describe, expect, it } from 'vitest'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { claim, heldOf } from '../../../f/hai/core/task/lease.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { testDatabase } from '../../support/database.ts'
import { clear } from '../../support/factories.ts'

const db = testDatabase()
const operator = { requester: 'operator' }
beforeEach(() => clear(db.sql))

const turns = [
  { role: 'user', content: 'why?' },
  { role: 'assistant', content: 'Because.' },
]
const asked = (content: string, chat: object, more: object = {}) =>
  enqueue(db.sql, { source: 'openwebui', content, chat, ...more }, operator)

describe('what came with a chat’s question', () => {
  it('is handed out with it, word for word', async () => {
    await asked('and now?', {
      ...{ instructions: 'Be brief.', turns, begun: 'Now', answer: { max_tokens: 5, stop: ['###'] } },
      waiter: 'w-1',
    })
    expect(await claim(db.sql, { worker: 'w' })).toMatchObject({
      content: 'and now?',
      chat: { instructions: 'Be brief.', turns, begun: 'Now', answer: { max_tokens: 5, stop: ['###'] } },
      errand: false,
    })
  })

  it('makes that nothing is waited for in its conversation, and that nothing waits for it', async () => {
    const first = await asked('first', { turns })
    const conversation_id = first.conversation_id
    await asked('second', { turns }, { conversation_id })
    await enqueue(db.sql, { source: 'cli', content: 'third', conversation_id }, operator)
    const claims = [1, 2, 3].map(async () => (await claim(db.sql, { worker: 'w' }))?.content)
    expect((await Promise.all(claims)).sort()).toEqual(['first', 'second', 'third'])
  })

  it('is not said to wait for its conversation, nor another for it', async () => {
    const first = await enqueue(
      db.sql,
      { source: 'cli', content: 'first', conversation_id: '#talk' },
      operator,
    )
    const running = await claim(db.sql, { worker: 'w' })
    const chat = await asked('second', { turns }, { conversation_id: first.conversation_id })
    expect(await waitingOn(db.sql, chat.task_id)).not.toMatchObject({ code: 'conversation' })
    await claim(db.sql, { worker: 'w' })
    await complete(db.sql, { ...heldOf(running!), output: 'so' })
    const third = await enqueue(
      db.sql,
      { source: 'cli', content: 'third', conversation_id: first.conversation_id },
      operator,
    )
    expect(await waitingOn(db.sql, third.task_id)).not.toMatchObject({ code: 'conversation' })
  })

  it('is too long beyond 4 MiB, and refused by name otherwise', async () => {
    await expect(asked('x', { instructions: 'x'.repeat(4 * 1024 * 1024 + 1) })).rejects.toThrow(
      'expected at most 4 MiB of what was said before',
    )
    await expect(asked('x', { answer: { max_tokens: 0 } })).rejects.toThrow('chat.answer.max_tokens')
    await expect(asked('x', { say: 'x' })).rejects.toThrow('unknown field chat.say')
  })
})
