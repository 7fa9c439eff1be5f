import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import * as migrate from '../../../f/hai/admin/migrate.ts'
import * as settings from '../../../f/hai/config/show.ts'
import { notify } from '../../../f/hai/core/outbox/notice.ts'
import type { TaskList } from '../../../f/hai/core/task/shape.ts'
import * as raise from '../../../f/hai/cost/raise.ts'
import * as record from '../../../f/hai/cost/record.ts'
import * as rollup from '../../../f/hai/cost/rollup.ts'
import * as tell from '../../../f/hai/cost/tell.ts'
import * as send from '../../../f/hai/outbox/send.ts'
import * as list from '../../../f/hai/task/list.ts'
import * as show from '../../../f/hai/task/show.ts'
import * as claim from '../../../f/hai/worker/claim.ts'
import * as complete from '../../../f/hai/worker/complete.ts'
import * as workerRun from '../../../f/hai/worker/run.ts'
import * as sweep from '../../../f/hai/worker/sweep.ts'
import * as routeList from '../../../f/hai_routes/task/list.ts'
import { projectRoot } from '../../../runner/root.ts'
import { readDoors } from '../../../windmill/bundle.ts'
import { testDatabase } from '../../support/database.ts'
import { callAs, doorsOn } from '../../support/doors.ts'
import { aRunningTask, aTask, clear, FOR_A_MODEL, rowOf } from '../../support/factories.ts'

const db = testDatabase()
doorsOn(db, {
  members: {
    kim: { role: 'member', usernames: ['kim'] },
    alerts: { role: 'machine', usernames: ['alerts'] },
  },
  channels: { phone: { kind: 'webhook', url: '$env:PHONE' } },
})

const FORBIDDEN = { windmill_status_code: 403, result: { error: { code: 'forbidden' } } }

/** What a token of kim's can make Windmill call her. */
const NAMES = [
  ...[
    'kim',
    'label-alerts',
    'label-operator',
    'webhook-alerts',
    'http-operator',
    'email-operator',
    'ws-operator',
  ],
  ...['schedule-f-hai-worker-sweep', 'ephemeral-script-end-user-operator', 'HTTP-f/hai/http/inbox'],
]

type Door = { main: (...args: unknown[]) => Promise<unknown> }

/** Doors that are not for members. */
const CLOSED = readDoors(projectRoot())
  .filter(({ code }) => /\b(operatorDoor|workerDoor|housekeeping|bareDoor)\b/.test(code))
  .map(({ path }) => path)

beforeAll(async () => {
  // reads the settings, so that doors go by them
  callAs('operator')
  await settings.main()
})

describe('a member, whatever her token makes Windmill call her', () => {
  let hers: string
  let others: { id: string; lease_no: number }
  beforeAll(async () => {
    hers = await aTask(db.sql, FOR_A_MODEL, 'kim')
    others = await aRunningTask(db.sql, { content: 'a private question', priority: 'urgent' })
  })

  it.each(NAMES)(
    'is herself: sees, ends, records and raises nothing that is not hers, as %s',
    async (name) => {
      const { id, lease_no } = others
      const call = { at: '2026-11-01T00:00:00Z', backend: 'b', model: 'm', billing: 'metered', usd: 29.9 }
      const tokens = { input: 1, output: 1 }
      callAs('kim', { WM_USERNAME: name })
      expect(((await list.main()) as TaskList).tasks.map((task) => task.id)).toEqual([hers])
      expect(await show.main(id)).toMatchObject({ windmill_status_code: 404 })
      expect(await complete.main(id, lease_no, 'a forged answer')).toMatchObject(FORBIDDEN)
      expect(await claim.main('w')).toMatchObject(FORBIDDEN)
      expect(await record.main([{ ...call, call_id: 'x', tokens }])).toMatchObject(FORBIDDEN)
      expect(await raise.main(1)).toMatchObject(FORBIDDEN)
      expect(await rowOf(db.sql, id)).toMatchObject({ state: 'running', output: null })
      expect(await db.sql`select from hai.usage`).toHaveLength(0)
    },
  )

  it.each(CLOSED)('is refused at %s before what she sends is looked at', async (path) => {
    callAs('kim', { WM_MODEL_KEY: 'a secret of the worker' })
    const { main } = (await import(join(projectRoot(), `${path}.ts`))) as Door
    expect(await main(...Array(12).fill('a secret of the worker'))).toMatchObject(FORBIDDEN)
    callAs('operator', { WM_MODEL_KEY: 'a secret of the worker' })
    if (path === 'f/hai/admin/migrate') return
    expect(await main(...Array(12).fill('a secret of the worker'))).toMatchObject({
      result: { error: { code: 'invalid' } },
    })
  })

  it.each(NAMES)('is herself at a route too, or refused there, as %s', async (name) => {
    for (const WM_PERMISSIONED_AS of ['u/hai', 'u/kim']) {
      callAs('kim', { WM_USERNAME: name, WM_PERMISSIONED_AS })
      const answer = (await routeList.main()) as TaskList
      if (name === 'kim') expect(answer.tasks.map(({ id }) => id)).toEqual([hers])
      else expect(answer).toMatchObject(FORBIDDEN)
    }
  })
})

describe('a job that is nobody’s', () => {
  it.each(['', 'g/all', 'u/', 'operator', 'u/hai', 'u/stranger'])(
    '%j is refused by doors and routes',
    async (as) => {
      callAs('operator', { WM_PERMISSIONED_AS: as, ...(as === 'u/hai' ? { WM_USERNAME: 'hai' } : {}) })
      expect(await list.main()).toMatchObject(FORBIDDEN)
      expect(await routeList.main()).toMatchObject(FORBIDDEN)
    },
  )

  it('is refused when a route or a script has the operator’s rights, whoever calls', async () => {
    callAs('kim', { WM_PERMISSIONED_AS: 'u/operator' })
    expect(await list.main()).toMatchObject(FORBIDDEN)
    expect(await routeList.main()).toMatchObject(FORBIDDEN)
  })
})

const HOUSEKEEPING: [string, () => Promise<unknown>][] = [
  ['worker/sweep', () => sweep.main(-1000)],
  ['worker/sweep', () => sweep.main(31_000_000)],
  ['cost/rollup', () => rollup.main(31_000_000, true)],
  ['cost/tell', () => tell.main('week')],
  ['admin/migrate', () => migrate.main()],
]

describe('housekeeping', () => {
  beforeEach(() => clear(db.sql))

  it.each(HOUSEKEEPING)('is not done for others: %s', async (_, call) => {
    callAs('operator')
    await settings.main()
    await sweep.main(60)
    const { id } = await aRunningTask(db.sql)
    await db.sql`update hai.lease set until = now() - interval '1 minute'`
    const all = () => db.sql`select name, every_seconds, last_at, woke_at from hai.pulse order by name`
    const before = [...(await all())]
    const others: [string, Record<string, string>?][] = [
      ['stranger'],
      ['kim'],
      ['alerts'],
      ['hai', { WM_USERNAME: 'operator' }],
      ['kim', { WM_USERNAME: 'schedule-f-hai-worker-sweep' }],
      ['kim', { WM_USERNAME: 'schedule-u-kim-sweep', WM_SCHEDULE_PATH: 'u/kim/sweep' }],
      ['kim', { WM_USERNAME: 'schedule-u-kim-sweep', WM_SCHEDULE_PATH: 'u/kim/f/hai/worker/sweep' }],
    ]
    for (const [user, more] of others) {
      callAs(user, more)
      expect(await call(), user).toMatchObject(FORBIDDEN)
    }
    expect([...(await all())]).toEqual(before)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'running' })
    expect(await db.sql`select from hai.notice`).toHaveLength(0)
  })

  it('is done for the operator, and for a schedule of the bundle’s, whoever has deployed it', async () => {
    const good = [() => sweep.main(), () => rollup.main(), () => tell.main(), () => migrate.main()]
    for (const call of good) {
      callAs('operator')
      expect(await call()).not.toHaveProperty('wm_failure')
      callAs('hai', { WM_USERNAME: 'schedule-f-hai-x', WM_SCHEDULE_PATH: 'f/hai/x' })
      expect(await call()).not.toHaveProperty('wm_failure')
    }
  })
})

describe('a ring of somebody’s', () => {
  beforeEach(async () => {
    await clear(db.sql)
    callAs('operator')
    await settings.main()
  })

  it('has a worker work as for anybody, within bounds', async () => {
    const id = await aTask(db.sql, { content: 'what is open?' })
    callAs('stranger', { WM_USERNAME: 'label-x' })
    for (const [budget, hands] of [
      [1e9, 1],
      [-1, 1],
      [1, 1e6],
      [1, 0],
    ] as const)
      expect(await workerRun.main([], budget, hands)).toMatchObject({ windmill_status_code: 400 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending' })
    expect(await workerRun.main()).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done' })
  })

  it('sends as for anybody, and writes a pulse for the operator alone', async () => {
    const notice = { kind: 'k', dedup_key: 'd', title: 't', text: 'x', priority: 'low' } as const
    await notify(db.sql, notice)
    callAs('stranger')
    // there is no PHONE: tried all the same
    expect(await send.main(31_000_000)).toMatchObject({ later: 1 })
    expect(await db.sql`select from hai.pulse where name = 'f/hai/outbox/send'`).toHaveLength(0)
    callAs('operator')
    expect(await send.main(45)).toMatchObject({ failed: 0 })
    expect(await db.sql`select every_seconds from hai.pulse where name = 'f/hai/outbox/send'`).toEqual([
      { every_seconds: 45 },
    ])
  })
})

describe('a database without a schema', () => {
  it('is nobody’s yet, so that whoever deploys makes one', async () => {
    await db.sql`drop schema hai cascade`
    callAs('admin')
    expect(await migrate.main()).toMatchObject({ applied: expect.arrayContaining(['queue']) })
    expect(await migrate.main()).toMatchObject(FORBIDDEN)
  })
})
