import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { dashboardJson, rowsOf } from '../../../cdk8s/dashboard/board.ts'
import * as names from '../../../cdk8s/names.ts'
import { grantDashboardViews, READER } from '../../../f/hai/core/dashboard_views.ts'
import { migrate } from '../../../f/hai/core/migrate.ts'
import { feedback } from '../../../f/hai/core/task/change.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEndedTask, aTask, clear, FOR_A_MODEL } from '../../support/factories.ts'

const db = testDatabase()
const another = testDatabase()
/** As Grafana's: a role is the whole server's, so this file has one of its own. */
const role = `reader_${randomBytes(6).toString('hex')}`
const logins: postgres.Sql[] = []
let reader: postgres.Sql
const panels = rowsOf(parseConfig({})).flatMap((row) => row.panels)

/** What Grafana makes of its macros: the range of time, and steps of an hour in it. */
function expanded(sql: string): string {
  return sql
    .replaceAll(
      /\$__timeFilter\(([\w.]+)\)/g,
      "$1 between now() - interval '1 day' and now() + interval '1 minute'",
    )
    .replaceAll(/\$__timeGroup\(([\w.]+), \$__interval\)/g, 'floor(extract(epoch from $1) / 3600) * 3600')
}

async function rows(title: string): Promise<Record<string, unknown>[]> {
  const panel = panels.find((one) => one.title === title)
  if (!panel) throw new Error(`there is no panel ${title}`)
  return [...(await reader.unsafe(expanded(panel.sql)))].map((row) => ({ ...row }))
}

/** A finished task with one call of a model. */
async function answered(source: string, billing: 'local' | 'metered', usd: number | null): Promise<string> {
  const id = await anEndedTask(db.sql, 'done', { source })
  await db.sql`
    insert into hai.usage (call_id, task_id, lease_no, backend, model, billing, input, output, usd, ms)
    values (${`call-${id}`}, ${id}, 1, ${billing === 'local' ? 'ollama' : 'anthropic'}, 'a-model', ${billing}, 10, 5, ${usd}, 900)`
  return id
}

function login(url: string): postgres.Sql {
  const sql = postgres(url, { username: role, password: role, max: 1, onnotice: () => {} })
  logins.push(sql)
  return sql
}

beforeAll(async () => {
  await db.sql`create role ${db.sql(role)} login password '${db.sql.unsafe(role)}'`
  await grantDashboardViews(db.sql, role)
  reader = login(db.url)
})
afterAll(async () => {
  await Promise.all(logins.map((sql) => sql.end()))
  await db.sql`drop owned by ${db.sql(role)}`
  await db.sql`drop role ${db.sql(role)}`
})
beforeEach(() => clear(db.sql))

describe('the dashboard', () => {
  it.each(panels.map((panel) => [panel.title, panel] as const))(
    'has SQL that runs, read only, in «%s»',
    async (title, { sql, format, type }) => {
      await anEndedTask(db.sql, 'done')
      const [first, ...others] = await reader.begin('read only', async (tx) => [
        ...(await tx.unsafe(expanded(sql))),
      ])
      expect(others.length).toBeLessThan(100)
      expect(sql).not.toContain('${')
      if (format === 'time_series')
        expect(Object.keys((await rows(title))[0] ?? { time: 0 })).toContain('time')
      if (type === 'stat') expect(first).toBeDefined()
    },
  )

  it('counts what waits, and for how long', async () => {
    const [old] = [await aTask(db.sql, FOR_A_MODEL), await aTask(db.sql, FOR_A_MODEL)]
    await db.sql`update hai.task_queue set run_at = run_at - interval '5 minutes', claim_at = claim_at - interval '5 minutes' where id = ${old}`
    expect(await rows('Due and waiting')).toEqual([{ due: '2' }])
    expect(Number((await rows('Oldest due has waited'))[0]!.seconds)).toBeGreaterThanOrEqual(299)
    expect(await rows('Open tasks by state')).toEqual([{ metric: 'pending', tasks: '2' }])
    expect(await rows('Lanes')).toContainEqual({ lane: 'interactive', slots: '4', busy: '0', due: '2' })
  })

  it('never adds machines to people', async () => {
    await anEndedTask(db.sql, 'done', { source: 'cli' })
    await anEndedTask(db.sql, 'done', { source: 'voice' })
    await anEndedTask(db.sql, 'done', { source: 'alertmanager' })
    const counted = await rows('Completions by people and machines')
    expect(counted.map(({ metric, tasks }) => [metric, tasks]).sort()).toEqual([
      ['machines', '1'],
      ['people', '2'],
    ])
    expect((await rows('By source')).find(({ source }) => source === 'alertmanager')?.kind).toBe('machines')
  })

  it('tells who answered, and never takes an unknown price for nothing', async () => {
    await anEndedTask(db.sql, 'done')
    await answered('cli', 'local', null)
    await answered('cli', 'metered', 0.25)
    await answered('cli', 'metered', null)
    expect(await rows('Answered by')).toEqual([
      { metric: 'escalated', tasks: '2' },
      { metric: 'local', tasks: '1' },
      { metric: 'no model', tasks: '1' },
    ])
    expect(await rows('Spent in 24 hours')).toEqual([{ usd: '0.25' }])
    expect(await rows('Calls of unknown price in 24 hours')).toEqual([{ calls: '1' }])
  })

  it('tells useful from noise, and dead letters without what was asked', async () => {
    const id = await anEndedTask(db.sql, 'done')
    await feedback(db.sql, { id, verdict: 'noise' }, aCaller())
    const dead = await anEndedTask(db.sql, 'dead', { content: 'a private matter' })
    expect(await rows('Useful or noise')).toEqual([{ metric: 'noise', tasks: '1' }])
    expect(await rows('Dead in 24 hours')).toEqual([{ tasks: '1' }])
    const letters = await rows('Dead letters')
    expect(letters[0]).toMatchObject({ task: dead.slice(-6), code: 'broken', source: 'cli' })
    expect(JSON.stringify(letters)).not.toContain('private')
  })

  it('shows a schedule that is late', async () => {
    await db.sql`insert into hai.pulse (name, every_seconds, last_at) values ('sweep', 60, now() - interval '1 hour')`
    expect(await rows('Schedules that are late')).toEqual([{ schedules: '1' }])
    expect((await rows('Pulses'))[0]).toMatchObject({ name: 'sweep', late: true })
  })

  it('is JSON with one place on the grid for each panel', () => {
    const board = JSON.parse(dashboardJson(parseConfig({}))) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[]
    }
    const taken = new Set<string>()
    for (const { gridPos } of board.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`)).toBe(false)
          taken.add(`${x},${y}`)
        }
      }
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
    }
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length)
  })
})

describe("the dashboard's role", () => {
  const relations = () => db.sql<{ name: string; granted: boolean }[]>`
    select relname as name, starts_with(relname, 'dashboard_') as granted from pg_class
    where relnamespace = 'hai'::regnamespace and relkind in ('r', 'v', 'm', 'p') order by relname`

  it('is called alike by those who make it and those who grant it', () => {
    expect(READER).toBe(names.READER)
  })

  it('reads the views and writes none, and reads nothing else in schema hai', async () => {
    const all = await relations()
    expect(all.filter(({ granted }) => granted)).toHaveLength(9)
    expect(all.length).toBeGreaterThan(25)
    for (const { name, granted } of all) {
      const read = reader`select from hai.${reader(name)} limit 1`
      if (granted) await expect(read).resolves.toBeDefined()
      else await expect(read, name).rejects.toThrow('permission denied')
    }
    await expect(reader`delete from hai.dashboard_todo`).rejects.toThrow('permission denied')
    await expect(reader`insert into hai.dashboard_todo (status) values ('open')`).rejects.toThrow(
      'permission denied',
    )
  })

  it('makes nothing, and reads nothing of another database', async () => {
    await expect(reader`create table hai.mine ()`).rejects.toThrow('permission denied')
    await expect(reader`create table public.mine ()`).rejects.toThrow('permission denied')
    const there = login(another.url)
    await another.sql`create table public.theirs (secret text)`
    await expect(there`select * from public.theirs`).rejects.toThrow('permission denied')
    await expect(there`select * from hai.task_queue`).rejects.toThrow('permission denied')
  })

  it('sees no text of a task, an answer, a todo or a notice', async () => {
    const id = await anEndedTask(db.sql, 'dead', { content: 'a private matter' })
    await db.sql`update hai.task_queue set output = 'a private answer', error = '{"code":"broken","message":"a private word"}' where id = ${id}`
    await db.sql`insert into hai.todo (id, body, created_by) values (${id}, 'a private plan', 'operator')`
    await db.sql`insert into hai.notice (kind, title, text) values ('x', 'private', 'private')`
    for (const { name } of (await relations()).filter(({ granted }) => granted)) {
      expect(JSON.stringify(await reader`select * from hai.${reader(name)}`), name).not.toContain('private')
    }
  })

  it('is brought back to that whatever it was given, and has its rights from the next migration when it is made late', async () => {
    await db.sql`grant select on hai.task_queue to ${db.sql(role)}`
    await db.sql`grant create on schema hai to ${db.sql(role)}`
    await db.sql`revoke select on hai.dashboard_task from ${db.sql(role)}`
    expect((await migrate(db.sql, undefined, role)).applied).toEqual([])
    await expect(reader`select from hai.task_queue`).rejects.toThrow('permission denied')
    await expect(reader`create table hai.mine ()`).rejects.toThrow('permission denied')
    await expect(reader`select from hai.dashboard_task limit 1`).resolves.toBeDefined()
  })
})
