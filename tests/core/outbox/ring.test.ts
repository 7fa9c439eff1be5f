import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { DEFAULT_MEMBERS, principal } from '../../../f/hai/core/base/caller.ts'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { accessFor } from '../../../f/hai/core/model/access.ts'
import { notify } from '../../../f/hai/core/outbox/notice.ts'
import { ringOutbox, SEND, thenRing } from '../../../f/hai/core/outbox/ring.ts'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { main as send } from '../../../f/hai/outbox/send.ts'
import { testDatabase } from '../../support/database.ts'
import { callAs, doorsOn } from '../../support/doors.ts'
import { empty } from '../../support/factories.ts'

const db = testDatabase()
doorsOn(db)

/** What nobody but the channel is told. */
const NOTICE = {
  kind: 'budget',
  title: 'S3CRET title',
  text: 'S3CRET text',
  link: 'https://example.com/S3CRET',
  priority: 'high',
  data: { chart: 'S3CRET chart' },
} as const

let channel: Server
let url: string
/** What the channel answers; it repeats what it was sent. */
let status = 200
let arrived = 0
beforeAll(async () => {
  channel = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    arrived += 1
    response.writeHead(status).end(Buffer.concat(chunks))
  })
  await new Promise<void>((resolve) => channel.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(channel.address() as AddressInfo).port}`
})
afterAll(() => {
  channel.closeAllConnections()
  channel.close()
})

const channelsAre = (channels: object) => db.sql`
  insert into hai.config (name, value, hash) values ('channels', ${db.sql.json(channels as never)}, 'x')
  on conflict (name) do update set value = excluded.value`
const webhook = (fields: object = {}) => ({ kind: 'webhook', url, format: 'json', ...fields })

let keys = 0
const tell = () => notify(db.sql, { ...NOTICE, dedup_key: `key ${++keys}` })

interface Call {
  path: string
  args: object
  jobId: string
}
/** Takes the place of Windmill's API: notes what it was asked to start. */
function recorder() {
  const calls: Call[] = []
  const start = async (path: string, args: object, { jobId }: { jobId: string }) => {
    calls.push({ path, args, jobId })
  }
  return { calls, start }
}

beforeEach(async () => {
  status = 200
  arrived = 0
  await empty(db.sql, ['notice', 'outbox_ring'])
  await channelsAre({ hook: webhook() })
  callAs('operator')
})

describe('a notice', () => {
  it('is rung for when it is committed, without a word of it, and is with the channel when that job has run', async () => {
    const { calls, start } = recorder()
    const committed = async () => {
      await tell()
      return calls.length
    }
    expect(await thenRing(db.sql, committed(), start)).toBe(0)
    expect(calls).toEqual([{ path: SEND, args: {}, jobId: expect.stringMatching(/^[0-9a-f-]{36}$/) }])
    callAs('stranger', { WM_JOB_ID: calls[0]!.jobId })
    expect(await send()).toEqual({ sent: 1, later: 0, failed: 0, dropped: 0 })
    expect(arrived).toBe(1)
    expect(await db.sql`select from hai.outbox_ring`).toHaveLength(0)
  })

  it('is rung for when what it tells of was refused', async () => {
    const { calls, start } = recorder()
    const refused = async () => {
      await tell()
      throw new HaiError('budget', 'the cap is reached')
    }
    await expect(thenRing(db.sql, refused(), start)).rejects.toThrow('the cap is reached')
    expect(calls).toHaveLength(1)
  })

  it('is rung for once, by however many at once, until who was called is here', async () => {
    await tell()
    const { calls, start } = recorder()
    const pools = Array.from({ length: 8 }, () => db.open({ max: 1 }))
    await Promise.all(pools.map((pool) => ringOutbox(pool, start)))
    await tell()
    await ringOutbox(db.sql, start)
    expect(calls).toHaveLength(1)
    vi.stubEnv('WM_JOB_ID', calls[0]!.jobId)
    expect(await send()).toMatchObject({ sent: 2 })
    await tell()
    await ringOutbox(db.sql, start)
    expect(calls).toHaveLength(2)
  })

  it('is rung for again when nobody came within half a minute, or nobody could be called', async () => {
    await tell()
    const { calls, start } = recorder()
    await ringOutbox(db.sql, start)
    await db.sql`update hai.outbox_ring set rung_at = rung_at - interval '31 s'`
    await ringOutbox(db.sql, start)
    expect(calls).toHaveLength(2)
    await db.sql`delete from hai.outbox_ring`
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    await ringOutbox(db.sql, async () => {
      throw new Error('Windmill is away')
    })
    expect(said.mock.calls).toEqual([
      ['nobody could be called to send notices, the schedule will: Error: Windmill is away'],
    ])
    said.mockRestore()
    await ringOutbox(db.sql, start)
    expect(calls).toHaveLength(3)
  })

  it('is not rung for where nothing can be sent: none is due, or there is no channel', async () => {
    const { calls, start } = recorder()
    await ringOutbox(db.sql, start)
    await tell()
    for (const channels of [{}, { hook: webhook({ enabled: false }) }]) {
      await channelsAre(channels)
      await ringOutbox(db.sql, start)
    }
    await channelsAre({ hook: webhook() })
    await db.sql`update hai.notice set next_at = now() + interval '1 min'`
    await ringOutbox(db.sql, start)
    expect(calls).toEqual([])
  })

  it('is rung for when the task it came of has ended, and not when all have', async () => {
    await enqueue(db.sql, { source: 'cli', content: 'what is open?' }, { requester: 'operator', firstLane })
    await tell()
    const { calls, start } = recorder()
    const signal = new AbortController().signal
    const shift = { worker: 'w', budgetSeconds: 5, signal, models: accessFor, start }
    const principalOf = (name: string) => principal(name, DEFAULT_MEMBERS, 'Europe/Berlin')
    expect(await work(db.sql, { ...shift, principal: principalOf })).toEqual({ ran: 1 })
    expect(calls).toMatchObject([{ path: SEND, args: {} }])
  })

  it('says nothing of the schedule’s pulse when it was rung for', async () => {
    await tell()
    await send()
    expect(await db.sql`select from hai.pulse where name = ${SEND}`).toHaveLength(0)
    expect(await send(0)).toMatchObject({
      ...{ windmill_status_code: 400, wm_failure: expect.stringContaining('every_seconds: 0') },
    })
  })
})

describe('the job that sends a notice', () => {
  const outcome = async () => {
    const said: unknown[] = []
    const streams = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockImplementation((text) => said.push(text) > 0),
    )
    const lines = (['log', 'info', 'warn', 'error', 'debug'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation((...words) => void said.push(words)),
    )
    const result = await send().catch(({ name, message, stack }: Error) => ({ name, message, stack }))
    for (const spy of [...streams, ...lines]) spy.mockRestore()
    return JSON.stringify({ result, said })
  }

  it.each([
    ['takes it', 200],
    ['refuses it, repeating it', 400],
    ['is ill', 500],
    ['sends it elsewhere', 302],
  ])('says no word of it where the channel %s', async (_, answers) => {
    status = answers
    await tell()
    expect(await outcome()).not.toContain('S3CRET')
    expect(arrived).toBe(1)
  })

  it.each([
    ['is not there', { url: 'http://127.0.0.1:1' }],
    ['has no token', { token: '$env:MISSING' }],
  ])('says no word of it where the channel %s', async (_, fields) => {
    await channelsAre({ hook: webhook(fields) })
    await tell()
    const said = await outcome()
    expect(said).toContain('"later":1')
    expect(said).not.toContain('S3CRET')
  })

  it('says no word of it where it stumbles over it', async () => {
    await tell()
    await db.sql`
      create function hai.stumble() returns trigger language plpgsql as
        $$ begin raise exception 'it stumbled over %', new.text; end $$`
    await db.sql`create trigger stumble before update on hai.notice for each row execute function hai.stumble()`
    const said = await outcome()
    expect(said).toContain('PostgresError P0001; what it says is left out')
    expect(said).not.toContain('S3CRET')
    await db.sql`drop function hai.stumble cascade`
  })
})
