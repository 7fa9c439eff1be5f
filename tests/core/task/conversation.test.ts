import { beforeEach, describe, expect, it } from 'vitest'
import type { Sql } from '../../../f/hai/core/base/db.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { receive } from '../../../f/hai/core/surface/inbox.ts'
import { enqueue, enqueueMany } from '../../../f/hai/core/task/enqueue.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { claim } from '../../../f/hai/core/task/lease.ts'
import { listTasks } from '../../../f/hai/core/task/list.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEnvelope, aTaker, claimed, clear, eventTypes, rowOf } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const NAME = '#rack-move'
const operator = aCaller()
const guest = aCaller('guest')

/** Puts a task into the conversation, and gives the inbox's answer. */
const say = (given: Record<string, unknown> = {}, { name, sees } = operator, sql: Sql = db.sql) =>
  enqueue(sql, anEnvelope({ conversation_id: NAME, ...given }), { requester: name, sees, firstLane })

const countTasks = async () => (await db.sql`select from hai.task_queue`).length
const stateOf = async (id: string) => (await rowOf(db.sql, id)).state

/** A conversation with a task under way and one that waits for its turn. */
async function aBusyConversation() {
  const running = (await say()).task_id
  const held = await claimed(db.sql)
  const waiting = (await say()).task_id
  return { running, held, waiting }
}

describe('a busy conversation', () => {
  it('lets a new task wait for its turn unless it says otherwise', async () => {
    const { running, waiting } = await aBusyConversation()
    await say({ if_busy: 'queue' })
    expect([await stateOf(running), await stateOf(waiting)]).toEqual(['running', 'pending'])
    expect(await claim(db.sql, { worker: 'w-2' })).toBeNull()
  })

  it('refuses what shall not wait: names the task under way and what to do, and stores nothing', async () => {
    const { running } = await aBusyConversation()
    const context = [{ name: 'log', content: 'x' }]
    await expect(say({ if_busy: 'reject', context })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(
        new RegExp(
          `^conversation ${NAME} is busy: task ${running.slice(-6)} is running, and nothing was stored; .*interrupt$`,
        ),
      ),
      details: { task_id: running, state: 'running' },
    })
    expect(await countTasks()).toBe(2)
    expect(await db.sql`select from hai.artifact`).toHaveLength(0)
  })

  it.each(['pending', 'awaiting_approval'] as const)('is one with a task that is %s, too', async (state) => {
    const { task_id } = await say()
    await db.sql`update hai.task_queue set state = ${state}`
    await expect(say({ if_busy: 'reject' })).rejects.toMatchObject({ details: { task_id, state } })
  })

  it('is cleared by a task that interrupts: what has not ended is cancelled and says why', async () => {
    const { running, held, waiting } = await aBusyConversation()
    const { task_id } = await say({ if_busy: 'interrupt' })
    for (const id of [running, waiting]) {
      expect(await rowOf(db.sql, id)).toMatchObject({
        state: 'cancelled',
        error: { code: 'cancelled', message: 'interrupted by a newer message' },
      })
      expect((await eventTypes(db.sql, id)).at(-1)).toBe('cancelled')
    }
    const late = complete(db.sql, {
      id: running,
      lease_no: held.lease_no,
      lease_token: held.lease_token,
      output: 'late',
    })
    await expect(late).rejects.toMatchObject({ code: 'conflict' })
    expect(await claimed(db.sql, 'w-2')).toMatchObject({ id: task_id })
  })

  it('is busy no longer when its tasks have ended, and others are none of its business', async () => {
    const elsewhere = await say({ conversation_id: '#other' })
    const { task_id } = await say({ if_busy: 'reject' })
    await db.sql`
      update hai.task_queue set state = 'done', finished_at = now() where id = ${task_id}`
    expect(await say({ if_busy: 'reject' })).toMatchObject({ status: 'accepted' })
    await say({ if_busy: 'interrupt' })
    expect([await stateOf(task_id), await stateOf(elsewhere.task_id)]).toEqual(['done', 'pending'])
  })

  it.each(['reject', 'interrupt'])(
    'takes a repeated delivery for what it is with if_busy %s',
    async (if_busy) => {
      const given = { if_busy, idempotency_key: 'k' }
      const first = await say(given)
      const { begins_conversation, ...again } = first
      expect(begins_conversation).toBe(true)
      expect(await say(given)).toEqual({ ...again, status: 'duplicate' })
      expect(await say({ idempotency_key: 'k' })).toMatchObject({ status: 'duplicate' })
      expect(await stateOf(first.task_id)).toBe('pending')
      expect(await countTasks()).toBe(1)
    },
  )

  it('treats a batch as if its tasks had come one after the other', async () => {
    const batch = (...if_busy: string[]) =>
      enqueueMany(
        db.sql,
        if_busy.map((how) => anEnvelope({ conversation_id: NAME, if_busy: how })),
        { requester: 'operator', firstLane },
      )
    const accepted = await batch('reject', 'queue', 'interrupt', 'queue')
    const states = await Promise.all(accepted.map(({ task_id }) => stateOf(task_id)))
    expect(states).toEqual(['cancelled', 'cancelled', 'pending', 'pending'])
    await clear(db.sql)
    await expect(batch('queue', 'reject')).rejects.toMatchObject({ code: 'conflict' })
    expect(await countTasks()).toBe(0)
  })
})

describe('of 12 who speak in one conversation at the same moment', () => {
  const all = async (if_busy: string) => {
    const pools = Array.from({ length: 12 }, () => db.open({ max: 1 }))
    await Promise.all(pools.map((pool) => pool`select 1`))
    return Promise.allSettled(pools.map((pool) => say({ if_busy }, operator, pool)))
  }

  it('one is heard when all would rather be refused than wait', async () => {
    const answers = await all('reject')
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const refused = answers.filter((answer) => answer.status === 'rejected')
    expect(refused.map(({ reason }) => reason.code)).toEqual(Array(11).fill('conflict'))
    expect(await countTasks()).toBe(1)
  })

  it('all are taken when they interrupt each other, and one is left; also while workers claim', async () => {
    const working = new AbortController()
    const worker = (async () => {
      while (!working.signal.aborted) await claim(db.sql, { worker: 'w-1' })
    })()
    const answers = await all('interrupt').finally(() => working.abort())
    await worker
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([])
    const { tasks } = await listTasks(db.sql, { state: 'open' }, operator)
    expect(tasks).toHaveLength(1)
    expect(await countTasks()).toBe(12)
  })
})

describe('a conversation', () => {
  it('begins by a name that says so, in whatever case it is said again, and is told as new once', async () => {
    expect(await say({ conversation_id: '#Rack-Move' })).toMatchObject({
      conversation_id: NAME,
      begins_conversation: true,
    })
    for (const name of [NAME, ' #RACK-move ']) {
      const again = await say({ conversation_id: name })
      expect(again.conversation_id).toBe(NAME)
      expect(again).not.toHaveProperty('begins_conversation')
    }
  })

  it('goes on by its id, or by the full or short id of any of its tasks', async () => {
    const first = await say({ conversation_id: undefined })
    const second = await say({ conversation_id: first.conversation_id })
    const named = await say()
    for (const id of [first.task_id, first.task_id.slice(-8).toLowerCase(), second.task_id]) {
      expect((await say({ conversation_id: id })).conversation_id).toBe(first.conversation_id)
    }
    expect((await say({ conversation_id: named.task_id })).conversation_id).toBe(NAME)
  })

  it.each([['zzzzzz'], ['01M8H3FH25TG1C63FQ82XNK5Q7'], ['a b c'], ['#'], ['no/such']])(
    'does not begin by %s, which is no name and no id; nothing is stored',
    async (id) => {
      const batch = [anEnvelope(), anEnvelope({ conversation_id: id })]
      await expect(enqueueMany(db.sql, batch, { requester: 'operator', firstLane })).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringContaining(`no conversation and no task ${id}, and nothing was stored`),
      })
      expect(await countTasks()).toBe(0)
    },
  )

  it('is named when only its # was left out', async () => {
    await say()
    await expect(say({ conversation_id: 'Rack-move' })).rejects.toThrow(
      `there is '${NAME}': say it with the #`,
    )
    expect(await countTasks()).toBe(1)
  })

  it('may be begun and gone on with in one batch, by an id that the sender made', async () => {
    const id = '01M8H3FH25TG1C63FQ82XNK5Q7'
    const batch = [
      anEnvelope({ id }),
      anEnvelope({ conversation_id: id }),
      anEnvelope({ conversation_id: NAME }),
    ]
    const accepted = await enqueueMany(db.sql, batch, { requester: 'operator', firstLane })
    expect(accepted.map((one) => one.conversation_id)).toEqual([id, id, NAME])
    expect(accepted.map((one) => one.begins_conversation)).toEqual([undefined, undefined, true])
  })
})

describe('somebody else’s conversation', () => {
  it('is closed to who may not see it, by whatever name; nothing is stored', async () => {
    const { task_id } = await say()
    const own = (await say({ conversation_id: undefined })).conversation_id
    for (const [name, if_busy] of [
      [NAME, 'queue'],
      [NAME, 'interrupt'],
      [own, 'reject'],
    ]) {
      const refused = say({ conversation_id: name, if_busy }, guest)
      await expect(refused).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringMatching(
          new RegExp(`^conversation ${name} .* nothing was stored; choose another`),
        ),
      })
      await expect(refused).rejects.not.toThrow('operator')
    }
    expect(await countTasks()).toBe(2)
    expect(await stateOf(task_id)).toBe('pending')
  })

  it('is open to who may see all, and stays its owner’s', async () => {
    await say({}, guest)
    const joining = anEnvelope({ conversation_id: NAME })
    expect(await receive(db.sql, joining, operator, aTaker())).toMatchObject({
      status: 'accepted',
      conversation_id: NAME,
    })
    expect(await say({}, guest)).toMatchObject({ status: 'accepted' })
  })

  it('is not interrupted by an owner who may not see what is under way in it', async () => {
    const mine = await say({}, guest)
    const theirs = await say({}, operator)
    await say({ if_busy: 'interrupt' }, guest)
    expect([await stateOf(mine.task_id), await stateOf(theirs.task_id)]).toEqual(['cancelled', 'pending'])
  })

  it('is closed as a whole batch when one of it belongs there', async () => {
    await say()
    const batch = [anEnvelope(), anEnvelope({ conversation_id: NAME })]
    await expect(receive(db.sql, batch, guest, aTaker())).rejects.toMatchObject({ code: 'forbidden' })
    expect(await countTasks()).toBe(1)
  })
})
