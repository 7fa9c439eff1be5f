import { beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_MEMBERS, principal, type Zones } from '../../../f/hai/core/base/caller.ts'
import { TimeSetting } from '../../../f/hai/core/base/time.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { receive } from '../../../f/hai/core/surface/inbox.ts'
import { retry } from '../../../f/hai/core/task/change.ts'
import type { Accepted } from '../../../f/hai/core/task/shape.ts'
import { listTodos } from '../../../f/hai/core/todo/list.ts'
import type { TodoAdded } from '../../../f/hai/core/todo/shape.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { main as add } from '../../../f/hai/todo/add.ts'
import { main as change } from '../../../f/hai/todo/update.ts'
import { testDatabase } from '../../support/database.ts'
import { doorsOn } from '../../support/doors.ts'
import { anEndedTask, clear, rowOf } from '../../support/factories.ts'

const db = testDatabase()
doorsOn(db)
beforeEach(() => clear(db.sql))

const set = (time: object) => db.sql`
  insert into hai.config (name, value, hash) values ('time', ${db.sql.json(time as never)}, 'x')
  on conflict (name) do update set value = excluded.value`

const laneOf = async (id: string) => {
  const [row] = await db.sql<{ lane: string }[]>`select lane from hai.task_queue where id = ${id}`
  return row!.lane
}

/** A todo whose text is read, through the door. */
const put = async (body: string, zone?: string) => {
  const added = await add(body, true, [], undefined, undefined, [], {}, undefined, undefined, zone)
  return added as TodoAdded
}
const nextYear = (day: string) => {
  const year = new Date().getUTCFullYear()
  return [`${year}-${day}`, `${year + 1}-${day}`]
}

describe('the zone of whoever asks', () => {
  it('is the one that a call of a door names, else the setting’s, and is told', async () => {
    await set({ zone: 'Pacific/Auckland' })
    const here = await put('pay the rent due 2030-01-02 17:00', 'America/Los_Angeles')
    expect(here.due).toBe('2030-01-03T01:00:00Z')
    expect(here.read).toMatchObject({ text: 'due Wed 2 Jan 2030 17:00', time_zone: 'America/Los_Angeles' })
    const there = await put('pay the rent due 2030-01-02 17:00')
    expect(there.due).toBe('2030-01-02T04:00:00Z')
    expect(there.read).toMatchObject({
      text: 'due Wed 2 Jan 2030 17:00 Pacific/Auckland',
      time_zone: 'Pacific/Auckland',
    })
  })

  it('is refused by name where there is none such', async () => {
    expect(await put('pay the rent', 'Mars/Olympus')).toMatchObject({
      result: { error: { code: 'invalid' } },
      wm_failure: 'time_zone: expected an IANA time zone, such as Europe/Berlin',
    })
    expect((await listTodos(db.sql, { zone: 'UTC' })).total).toBe(0)
  })

  it('is the one in which a worker reads what hai answers itself, later and elsewhere', async () => {
    const content = 'add todo: call mum tomorrow at 9:00'
    const zones: Zones = { zone: 'UTC', ledgerZone: 'UTC' }
    const due = async (time_zone?: string) => {
      const id = await asked({ content, ...(time_zone ? { time_zone } : {}) }, zones)
      const { output } = await rowOf(db.sql, id)
      return output
    }
    expect(await due('Pacific/Auckland')).toMatch(/09:00\b(?! Pacific)/)
    expect(await due()).toContain('09:00 UTC')
    const { todos } = await listTodos(db.sql, { zone: 'UTC', status: 'all' })
    expect(new Set(todos.map((todo) => todo.due)).size).toBe(2)
  })
})

describe('the order of day and month', () => {
  it.each([
    [true, '04-03'],
    [false, '03-04'],
  ])('is what day_first: %s says, wherever a text is read', async (day_first, day) => {
    await set({ day_first })
    const { due, id } = await put('pay the rent due 3/4')
    expect(nextYear(day)).toContain(due)
    const other = await put('pay the gas')
    expect(await change(other.id, undefined, undefined, undefined, undefined, '3/4')).toMatchObject({ due })
    const zones: Zones = { zone: 'UTC', ledgerZone: 'UTC', dayFirst: day_first }
    const task = await asked({ content: 'add a todo: pay the water due 3/4' }, zones)
    expect(await rowOf(db.sql, task)).toMatchObject({ state: 'done', route: 'built-in' })
    const { todos } = await listTodos(db.sql, { zone: 'UTC', text: 'water' })
    expect(todos).toMatchObject([{ body: 'pay the water', due }])
    expect(id).not.toBe(todos[0]!.id)
  })

  it('is asked for where no setting says it: nothing is dated, and a door names both days', async () => {
    await set({})
    const { due, body, read } = await put('pay the rent due 3/4')
    expect({ due, body }).toEqual({ due: null, body: 'pay the rent due 3/4' })
    expect(read!.unread).toMatchObject([{ text: '3/4', without: 'pay the rent' }])
    expect(read!.notes[0]).toMatch(
      /^“3\/4” is \w+ 3 Apr.* or \w+ 4 Mar.*: hai todo edit \w+ --due \S+-04-03, or --due \S+-03-04; day_first in time configuration/,
    )
    const refused = await add('pay the gas', false, [], undefined, '3/4')
    const { either } = read!.unread[0]!
    expect(refused).toMatchObject({ result: { error: { code: 'invalid', details: { either } } } })
  })

  it('decides in which lane a task waits when it is tried again', async () => {
    const content = 'what is due on 3/4?'
    const zones: Zones = { zone: 'UTC', ledgerZone: 'UTC', dayFirst: true }
    const id = await anEndedTask(db.sql, 'dead', { content })
    expect(await laneOf(id)).toBe('interactive')
    await retry(db.sql, { id }, principal('operator', DEFAULT_MEMBERS, zones), firstLane)
    expect(await laneOf(id)).toBe('builtin')
  })
})

describe('the time setting', () => {
  it('is a zone and an order, and nothing else', () => {
    expect(TimeSetting.parse({})).toEqual({})
    expect(TimeSetting.parse({ zone: 'Europe/Berlin', day_first: true })).toBeTruthy()
    for (const wrong of [{ zone: 'Berlin' }, { zone: '+02:00' }, { day_first: 'yes' }, { first: 'day' }])
      expect(TimeSetting.safeParse(wrong).success).toBe(false)
  })
})

/** The id of a task that was asked through the inbox, and worked on. */
async function asked(envelope: object, zones: Zones): Promise<string> {
  const who = () => principal('operator', DEFAULT_MEMBERS, zones)
  const told = await receive(db.sql, { source: 'cli', ...envelope }, who(), {
    jobId: undefined,
    principal: who,
  })
  const signal = new AbortController().signal
  await work(db.sql, { worker: 'w', budgetSeconds: 5, signal, start: async () => {}, principal: who })
  return (told as Accepted).task_id
}
