import { expect, it } from 'vitest'
import { Session } from '../../../cli/session.ts'
import { taskTable } from '../../../cli/show/tasks.ts'
import type { TaskListed } from '../../../f/hai/core/task/shape.ts'
import { FakeIo } from '../run-hai.ts'
import { aTask, ulid } from '../samples.ts'

const NOW = new Date('2026-11-30T23:00:00Z')

const listed = (n: number, fields: Partial<TaskListed> = {}): TaskListed => ({
  ...aTask({ id: ulid(n) }),
  created_at: '2026-11-30T22:57:00Z',
  started_at: '2026-11-30T22:57:00Z',
  finished_at: '2026-11-30T22:57:01.200Z',
  on_behalf_of: null,
  cost_usd: 0,
  waiting_on: null,
  ...fields,
})

const FEW = [
  listed(1, {
    state: 'pending',
    excerpt: 'summarise the backup logs of the whole week',
    created_at: '2026-11-30T22:59:50Z',
    started_at: null,
    finished_at: null,
    agent: null,
    waiting_on: {
      code: 'budget',
      since: '2026-11-30T22:59:50Z',
      text: 'cap day is used up until 01:00',
      next_step: 'hai cost cap raise 2 --today',
    },
  }),
  listed(2, {
    state: 'dead',
    excerpt: 'why is the sky blue',
    agent: 'ollama/qwen3:8b',
    cost_usd: null,
    error: { code: 'broken', message: 'ollama answered 500', next_step: 'hai doctor' },
  }),
  listed(3, { state: 'running', started_at: '2026-11-30T22:55:00Z', finished_at: null, agent: null }),
  listed(4, { created_at: '2026-11-28T20:00:00Z', cost_usd: 0.0123, agent: 'anthropic/claude' }),
  listed(5, {
    state: 'dead',
    acknowledged: true,
    error: { code: 'broken', message: 'known' },
    created_at: '2026-11-03T20:00:00Z',
  }),
  listed(6, {
    state: 'cancelled',
    error: { code: 'cancelled', message: 'cancelled by operator' },
    started_at: null,
  }),
]

const shown = async (tasks: TaskListed[], columns?: number) => {
  const io = new FakeIo({ env: { NO_COLOR: '1' }, ...(columns ? { columns } : {}) })
  return `\n${(await taskTable(tasks, new Session(io), NOW)).join('\n')}\n`
}

it('fits 80 columns, with why a task waits or failed below it', async () => {
  expect(await shown(FEW, 80)).toMatchInlineSnapshot(`
    "
       ID      STATE        AGE       TOOK     COST  TASK
    1  000001  pending      now                      summarise the backup logs of t…
               cap day is used up until 01:00 → hai cost cap raise 2 --today
    2  000002  dead       3 min      1.2 s  unknown  why is the sky blue
               ollama answered 500 → hai doctor
    3  000003  running    3 min  5 min 0 s           what is open?
    4  000004  done         2 d      1.2 s  $0.0123  what is open?
    5  000005  dead       3 Nov      1.2 s           what is open?
    6  000006  cancelled  3 min                      what is open?
    "
  `)
})

it('has room for who answered at 120', async () => {
  expect(await shown(FEW, 120)).toMatchInlineSnapshot(`
    "
       ID      STATE        AGE       TOOK     COST  FROM  BY                TASK
    1  000001  pending      now                      cli                     summarise the backup logs of the whole week
               cap day is used up until 01:00 → hai cost cap raise 2 --today
    2  000002  dead       3 min      1.2 s  unknown  cli   ollama/qwen3:8b   why is the sky blue
               ollama answered 500 → hai doctor
    3  000003  running    3 min  5 min 0 s           cli                     what is open?
    4  000004  done         2 d      1.2 s  $0.0123  cli   anthropic/claude  what is open?
    5  000005  dead       3 Nov      1.2 s           cli   built-in          what is open?
    6  000006  cancelled  3 min                      cli   built-in          what is open?
    "
  `)
})

it('names who asked where several did, and takes no room for what no task has', async () => {
  const tasks = [listed(1), listed(2, { on_behalf_of: 'ada' })].map((task) => ({
    ...task,
    started_at: null,
  }))
  expect(await shown(tasks, 100)).toMatchInlineSnapshot(`
    "
       ID      STATE    AGE  WHO       FROM  BY        TASK
    1  000001  done   3 min  operator  cli   built-in  what is open?
    2  000002  done   3 min  ada       cli   built-in  what is open?
    "
  `)
})

it('is one line a task in a pipe, without a heading', async () => {
  expect(await shown(FEW.slice(0, 2))).toMatchInlineSnapshot(`
    "
    000001  pending    now                  cli                   summarise the backup logs of the whole week (cap day is used up until 01:00 → hai cost cap raise 2 --today)
    000002  dead     3 min  1.2 s  unknown  cli  ollama/qwen3:8b  why is the sky blue (ollama answered 500 → hai doctor)
    "
  `)
})

it('keeps to the width of any terminal', async () => {
  for (let columns = 20; columns <= 130; columns += 1) {
    const widths = (await shown(FEW, columns)).split('\n').map(({ length }) => length)
    expect(Math.max(...widths)).toBeLessThanOrEqual(columns)
  }
})

it('shows what a server of the release before tells', async () => {
  expect(await shown([aTask({ created_at: '2026-11-30T22:57:00Z' })], 80)).toMatchInlineSnapshot(`
    "
       ID      STATE    AGE    TOOK  FROM  BY        TASK
    1  AB7F3K  done   3 min  100 ms  cli   built-in  what is open?
    "
  `)
})
