import { beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../../f/hai/core/base/ids.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { enqueue, enqueueMany } from '../../../f/hai/core/task/enqueue.ts'
import { testDatabase } from '../../support/database.ts'
import { anEnvelope, aTask, clear, eventTypes, rowOf } from '../../support/factories.ts'

const db = testDatabase()
const origin = { requester: 'operator', firstLane }
beforeEach(() => clear(db.sql))

async function countTasks(): Promise<number> {
  const [row] = await db.sql<{ n: number }[]>`select count(*)::int as n from hai.task_queue`
  return row!.n
}

describe('enqueue', () => {
  it('answers with a committed, pending row and its first event', async () => {
    const accepted = await enqueue(db.sql, anEnvelope(), origin)
    expect(accepted).toEqual({
      task_id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      status: 'accepted',
      conversation_id: accepted.task_id,
    })
    const seenByAnother = await rowOf(db.open({ max: 1 }), accepted.task_id)
    expect(seenByAnother).toMatchObject({ state: 'pending', attempt: 0, lease_no: 0, last_seq: 1 })
    expect(await eventTypes(db.sql, accepted.task_id)).toEqual(['accepted'])
  })

  it('takes half an emoji anywhere, and keeps what is whole', async () => {
    const half = 'cut \ud83d'
    const sent = {
      ...{ content: half, user: half, metadata: { [half]: [half] } },
      context: [{ name: half, content: half }],
      chat: { instructions: half, turns: [{ role: 'user', content: half }], begun: half },
    }
    const { task_id } = await enqueue(db.sql, anEnvelope(sent), origin)
    const whole = 'cut \ufffd'
    expect(await rowOf(db.sql, task_id)).toMatchObject({
      ...{ content: whole, on_behalf_of: whole, metadata: { [whole]: [whole] } },
    })
  })

  it('writes every field of the envelope where it belongs', async () => {
    const { task_id } = await enqueue(
      db.sql,
      anEnvelope({
        task_id: 'ref-1',
        user: 'guest',
        zulip_user_id: 12,
        conversation_id: '#c-1',
        target_agent: 'general',
        priority: 'high',
        data_tier: 'restricted',
        ttl_seconds: 60,
        retry_policy: { max_attempts: 7, backoff_seconds: 2 },
        trace_id: 't-1',
        origin: 'https://example.com/1',
        intent: 'summarise',
        metadata: { room: 'attic' },
        context: [
          { name: 'first.log', content: 'one' },
          { name: 'second.log', content: 'two', media_type: 'text/x-log' },
        ],
      }),
      origin,
    )
    const [row] = await db.sql`
      select *, extract(epoch from expires_at - created_at) as lives, extract(epoch from run_at - claim_at) as shift
      from hai.task_queue where id = ${task_id}`
    expect(row).toMatchObject({
      task_ref: 'ref-1',
      requester: 'operator',
      on_behalf_of: 'guest',
      zulip_user_id: '12',
      conversation_id: '#c-1',
      target_agent: 'general',
      priority: 'high',
      data_tier: 'restricted',
      max_attempts: 7,
      backoff_seconds: 2,
      trace_id: 't-1',
      origin: 'https://example.com/1',
      intent: 'summarise',
      destructive: false,
      metadata: { room: 'attic' },
      lane: 'interactive',
      idempotency_key: 'cli:ref-1',
    })
    expect(Number(row!.lives)).toBeCloseTo(60, 0)
    expect(Number(row!.shift)).toBe(900)
    expect(await db.sql`select name, media_type, content from hai.artifact order by id`).toEqual([
      { name: 'first.log', media_type: 'text/plain', content: 'one' },
      { name: 'second.log', media_type: 'text/x-log', content: 'two' },
    ])
  })

  it('is not there when the transaction of its caller is rolled back', async () => {
    const undone = db.sql.begin(async (tx) => {
      await aTask(tx)
      throw new Error('the caller changed his mind')
    })
    await expect(undone).rejects.toThrow('changed his mind')
    expect(await countTasks()).toBe(0)
  })

  it('writes nothing when the envelope is refused', async () => {
    await expect(enqueue(db.sql, anEnvelope({ priority: 'asap' }), origin)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('priority'),
    })
    expect(await countTasks()).toBe(0)
  })

  it('keeps text as it was typed: quotes, emoji, right-to-left, backslashes', async () => {
    const content = `it's "quoted" \\n 🛠️ \u05d0\u05d1 $1 \${x} '; drop table hai.task_queue; --`
    const [row] = await db.sql<{ content: string }[]>`
      select content from hai.task_queue where id = ${await aTask(db.sql, { content })}`
    expect(row!.content).toBe(content)
  })
})

describe('enqueueMany', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => anEnvelope({ content: `task ${n}` }))

  it('takes 1,000 at once, in their order, a result and an event each', async () => {
    const accepted = await enqueueMany(db.sql, many(1000), origin)
    expect(new Set(accepted.map((one) => one.task_id)).size).toBe(1000)
    const rows = await db.sql<{ id: string; content: string }[]>`
      select id, content from hai.task_queue order by id`
    expect(rows.map((row) => row.id)).toEqual(accepted.map((one) => one.task_id))
    expect(rows.map((row) => row.content)).toEqual(many(1000).map((one) => one.content))
    const [events] = await db.sql<
      { n: number }[]
    >`select count(*)::int as n from hai.task_event where seq = 1`
    expect(events!.n).toBe(1000)
  })

  it.each([0, 1001])('refuses %i, and says how many it takes', async (count) => {
    await expect(enqueueMany(db.sql, many(count), origin)).rejects.toMatchObject({
      code: 'invalid',
      message: `body: ${count} envelopes; send 1 to 1000`,
    })
    expect(await countTasks()).toBe(0)
  })

  it('takes all or none, and names the envelope that is wrong', async () => {
    const envelopes = [anEnvelope(), anEnvelope(), anEnvelope({ ttl_seconds: -1 })]
    await expect(enqueueMany(db.sql, envelopes, origin)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/^envelope 2: ttl_seconds: -1 /),
      details: { index: 2 },
    })
    expect(await countTasks()).toBe(0)
  })

  it('takes the same key twice in one batch as one task', async () => {
    const twice = [anEnvelope({ idempotency_key: 'k' }), anEnvelope({ idempotency_key: 'k' })]
    const accepted = await enqueueMany(db.sql, twice, origin)
    expect(accepted.map((one) => one.status)).toEqual(['accepted', 'duplicate'])
    expect(new Set(accepted.map((one) => one.task_id)).size).toBe(1)
    expect(await countTasks()).toBe(1)
  })

  it('refuses a batch in which one key names two contents', async () => {
    const twice = [
      anEnvelope({ idempotency_key: 'k' }),
      anEnvelope({ idempotency_key: 'k', content: 'another' }),
    ]
    await expect(enqueueMany(db.sql, twice, origin)).rejects.toMatchObject({ code: 'conflict' })
    expect(await countTasks()).toBe(0)
  })

  it('takes the same minted id twice in one batch as one task', async () => {
    const id = newId()
    const accepted = await enqueueMany(db.sql, [anEnvelope({ id }), anEnvelope({ id })], origin)
    expect(accepted.map((one) => [one.task_id, one.status])).toEqual([
      [id, 'accepted'],
      [id, 'duplicate'],
    ])
  })

  it('attaches the context of a repeated id once', async () => {
    const envelope = anEnvelope({ id: newId(), context: [{ name: 'log', content: 'x' }] })
    await enqueueMany(db.sql, [envelope, envelope], origin)
    expect(await db.sql`select name from hai.artifact`).toHaveLength(1)
  })

  it('refuses a batch in which one id names two contents', async () => {
    const id = newId()
    const twice = [anEnvelope({ id }), anEnvelope({ id, content: 'another' })]
    await expect(enqueueMany(db.sql, twice, origin)).rejects.toMatchObject({ code: 'conflict' })
    expect(await countTasks()).toBe(0)
  })

  it('lets batches with the same keys in other orders finish without a deadlock', async () => {
    const envelopes = Array.from({ length: 40 }, (_, n) => anEnvelope({ idempotency_key: `k-${n}` }))
    const pools = Array.from({ length: 8 }, () => db.open({ max: 1 }))
    const rounds = pools.map((pool, n) =>
      enqueueMany(pool, n % 2 ? envelopes : envelopes.toReversed(), origin),
    )
    const accepted = (await Promise.all(rounds)).flat()
    expect(accepted.filter((one) => one.status === 'accepted')).toHaveLength(40)
    expect(await countTasks()).toBe(40)
  })

  it('lets batches whose keys have all run out finish without a deadlock', async () => {
    const envelopes = Array.from({ length: 40 }, (_, n) => anEnvelope({ idempotency_key: `k-${n}` }))
    await enqueueMany(db.sql, envelopes, origin)
    await db.sql`update hai.task_queue set idempotency_until = now() - interval '1 s'`
    const pools = Array.from({ length: 8 }, () => db.open({ max: 1 }))
    await Promise.all(
      pools.map((pool, n) => enqueueMany(pool, n % 2 ? envelopes : envelopes.toReversed(), origin)),
    )
    expect(await countTasks()).toBe(80)
  })
})

describe('a flood', () => {
  const fill = (count: number, source: string) => db.sql`
    insert into hai.task_queue (id, source, requester, content, conversation_id, priority, data_tier,
      request_digest, lane, run_at, claim_at, max_attempts, backoff_seconds)
    select '01' || lpad(n::text, 24, '0'), ${source}, 'robot', 'disk full', 'c', 'low', 'internal', '-', 'batch',
      now(), now(), 3, 10
    from generate_series(1, ${count}) n`

  it('is refused at 5,000 pending tasks of one source, with when to come back', async () => {
    await fill(5000, 'alertmanager')
    await expect(enqueue(db.sql, anEnvelope({ source: 'alertmanager' }), origin)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('alertmanager'),
      details: { retry_after_seconds: expect.any(Number) },
    })
    expect(await countTasks()).toBe(5000)
  })

  it('does not stand in the way of other sources', async () => {
    await fill(5000, 'alertmanager')
    expect(await aTask(db.sql, { source: 'cli' })).toBeTruthy()
  })

  it('is over when one of them is not pending any more', async () => {
    await fill(5000, 'alertmanager')
    await db.sql`
      update hai.task_queue set state = 'cancelled', finished_at = now() where id = '01' || lpad('7', 24, '0')`
    expect(await aTask(db.sql, { source: 'alertmanager' })).toBeTruthy()
  })
})

describe('newId', () => {
  it('goes up, also within one millisecond', () => {
    const ids = Array.from({ length: 1000 }, newId)
    expect(ids).toEqual(ids.toSorted())
    expect(new Set(ids).size).toBe(1000)
  })
})
