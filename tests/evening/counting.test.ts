import { beforeAll, describe, expect, it } from 'vitest'
import type { TaskList } from '../../f/hai/core/task/shape.ts'
import type { TodoList } from '../../f/hai/core/todo/shape.ts'
import { anEvening, type Evening, said } from './world.ts'

const DEAD = 60
const DONE = 55
const TODOS = 92

let evening: Evening
let newest: string
beforeAll(async () => {
  // no model at all: what no built-in command understands dies at once
  evening = await anEvening()
  const dead = await evening.putDown(
    ...Array.from({ length: DEAD }, (_, n) => `why is disk ${n} so slow at night?`),
  )
  const done = await evening.putDown(...Array.from({ length: DONE }, () => 'what is open?'))
  for (const id of [...dead, ...done]) await evening.settled(id)
  newest = done.at(-1)!
  const todos = Array.from({ length: TODOS }, (_, n) =>
    n < 30 ? `todo number ${n} #shop due today` : `todo number ${n} #rack`,
  )
  for (const body of todos)
    await evening.stack.call('f/hai/todo/add', { body, parse: true, idempotency_key: `evening ${body}` })
  await evening.stack.call('f/hai/todo/add', {
    body: 'replace the UPS battery',
    tags: ['power'],
    due: '2026-01-02',
  })
  await evening.stack.call('f/hai/todo/add', { body: 'pay €20 for the 3.5″ disk', tags: ['Käse'] })
})

const ls = (...argv: string[]) => evening.run('todo', 'ls', ...argv)
const whole = (ran: { stdout: string; stderr: string }) => ran.stdout + ran.stderr

describe('how many there are', () => {
  it('is counted whole by hai, whatever it lists', async () => {
    const { stdout } = await evening.run()
    expect(stdout).toMatch(new RegExp(`^${DEAD} failed`, 'm'))
    expect(stdout).toMatch(new RegExp(`^${DONE} finished`, 'm'))
    expect(stdout).toMatch(/^(31 due, 1 overdue|1 overdue, 30 due today)/m)
    expect(stdout).toContain(`${TODOS + 2} todos open`)
    // and so is what is left out below each heading
    for (const [, count, kind, more] of stdout.matchAll(/^(\d+) (failed|finished)[^\n]*· (\d+) more/gm)) {
      const shown = stdout.split('\n')
      const at = shown.findIndex((line) => line.startsWith(`${count} ${kind}`))
      const rows = shown.slice(at + 1).findIndex((line) => !line.startsWith('  '))
      expect({ kind, sum: rows + Number(more) }).toEqual({ kind, sum: Number(count) })
    }
  })

  it('is the same whoever is asked', async () => {
    const { stdout } = await evening.run('ask', '-q', 'what failed today?')
    expect(stdout).toMatch(new RegExp(`^${DEAD} tasks failed`))
    const json = JSON.stringify(await evening.json('home'))
    expect(json).toMatch(new RegExp(`\\b${DEAD}\\b`))
  })

  it('is told with every list that does not show all: 50 of so many', async () => {
    expect(whole(await ls())).toContain(`50 of ${TODOS + 2}`)
    expect(whole(await ls('--limit', '7'))).toContain(`7 of ${TODOS + 2}`)
    expect(whole(await ls('--tag', 'shop', '--limit', '4'))).toContain('4 of 30')
    expect(whole(await evening.run('todo', 'next'))).toContain(`5 of ${TODOS + 2}`)
    expect(whole(await evening.run('task', 'ls', '--state', 'dead'))).toContain(`50 of ${DEAD}`)
    expect(whole(await evening.run('task', 'ls', '--limit', '3'))).toMatch(/3 of \d{3}/)
  })

  it('is in the JSON of every list', async () => {
    expect(await evening.json<TodoList>('todo', 'ls')).toMatchObject({ total: TODOS + 2 })
    expect(await evening.json<TodoList>('todo', 'next', '--tag', 'shop')).toMatchObject({ total: 30 })
    expect(await evening.json<TaskList>('task', 'ls', '--state', 'done', '--limit', '2')).toMatchObject({
      total: expect.any(Number),
    })
    expect(await evening.json<TaskList>('task', 'ls', '--state', 'dead')).toMatchObject({ total: DEAD })
  })

  it('stays the same on the next page of a list', async () => {
    const first = await evening.json<TaskList>('task', 'ls', '--state', 'dead', '--limit', '50')
    const second = await evening.json<TaskList>(
      'task',
      'ls',
      '--state',
      'dead',
      '--cursor',
      first.next_cursor!,
    )
    expect(second.tasks).toHaveLength(DEAD - 50)
    expect(second).toMatchObject({ total: DEAD })
  })

  it('is told by the built-in answers as well', async () => {
    const { stdout } = await evening.run('ask', '-q', 'what is open?')
    expect(stdout).toContain(String(TODOS + 2))
    const due = await evening.run('ask', '-q', 'what is due today?')
    expect(due.stdout).toMatch(/\b3[01]\b/)
  })
})

describe('a list that is empty', () => {
  it.each([
    [['--tag', 'nope'], 'nope'],
    [['--tag', '#nope'], 'nope'],
    [['--text', 'zebra'], 'zebra'],
    [['--status', 'done'], 'done'],
    [['--status', 'dropped'], 'dropped'],
    [['--tag', 'shop', '--text', 'zebra'], 'zebra'],
  ])('because nothing matches %j says what was looked for', async (argv, word) => {
    const ran = await ls(...argv)
    expect(ran.code).toBe(0)
    expect(whole(ran)).not.toMatch(/nothing is open/)
    expect(whole(ran)).toContain(word)
  })

  it('says of tasks what was looked for too', async () => {
    expect(whole(await evening.run('task', 'ls', '--text', 'zebra'))).toContain('zebra')
    expect(whole(await evening.run('task', 'ls', '--source', 'voice'))).toContain('voice')
  })
})

describe('what is looked for is found', () => {
  it.each([
    [['--tag', 'shop'], 30],
    [['--tag', '#shop'], 30],
    [['--tag', 'Shop'], 30],
    [['--tag', ' SHOP '], 30],
    [['--tag', 'käse'], 1],
    [['--tag', 'KÄSE'], 1],
    [['--text', 'batt'], 1],
    [['--text', 'BATT'], 1],
    [['--text', 'eplace the U'], 1],
    [['--text', '€20'], 1],
    [['--text', '20 for'], 1],
    [['--text', '3.5″'], 1],
    [['--text', '%'], 0],
    [['--text', '_'], 0],
    [['--text', "'; drop table hai.todo; --"], 0],
  ])('among todos by %j', async (argv, total) => {
    expect(await evening.json<TodoList>('todo', 'ls', ...argv)).toMatchObject({ total })
  })

  it.each([
    ['in the question', 'disk 41 so sl', 1],
    ['in capitals', 'DISK 41 SO SL', 1],
    ['in the error', 'no model to ask', DEAD],
    ['in the answer', 'nothing is op', DONE],
  ])('among tasks %s', async (_, words, least) => {
    const { total } = await evening.json<TaskList & { total: number }>('task', 'ls', '--text', words)
    expect(total).toBeGreaterThanOrEqual(least)
  })
})

describe('a conversation', () => {
  it('is made by a name that says so, and is told as new, once', async () => {
    const first = await evening.run('ask', '--in', '#rack-move', 'what is open?')
    expect(first).toMatchObject({ code: 0 })
    expect(first.stderr).toMatch(/new/i)
    const second = await evening.run('ask', '--in', '#rack-move', 'what is overdue?')
    expect(second.stderr).not.toMatch(/\bnew\b/i)
  })

  it('has one name, however its letters are written', async () => {
    const { code, stderr } = await evening.run('ask', '--in', '#Rack-Move', 'what is due?')
    expect(code).toBe(0)
    expect(stderr).not.toMatch(/\bnew\b/i)
    const { tasks } = await evening.json<TaskList>('task', 'ls', '--in', '#rack-move')
    expect(tasks.length).toBe(3)
  })

  it.each(['zzzzzz', 'nosuch', '01M8H3FH25TG1C63FQ82XNK5Q7'])(
    'that nobody began is refused: %s',
    async (name) => {
      const before = await evening.json<TaskList & { total: number }>('task', 'ls')
      const { code, stdout, stderr } = await evening.run('ask', '--in', name, 'what is open?')
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toContain(name)
      expect(await evening.json('task', 'ls')).toMatchObject({ total: before.total })
    },
  )

  it('is not another one without its sign', async () => {
    const ran = await evening.run('ask', '--in', 'rack-move', 'what is open?')
    // taken for the one that there is, or refused with its name
    if (ran.code === 0)
      expect((await evening.json<TaskList>('task', 'ls', '--in', '#rack-move')).tasks.length).toBe(4)
    else expect(ran).toMatchObject({ code: 3, stderr: expect.stringContaining('#rack-move') })
  })

  it('is found by @ wherever a conversation is asked for', async () => {
    await evening.run('ask', '--in', '#by-sign', 'what is open?')
    const { tasks } = await evening.json<TaskList>('task', 'ls', '--in', '@')
    expect(tasks).toHaveLength(1)
  })
})

describe('numbers of the contract', () => {
  const BIG = [2_147_483_648, 4_294_967_296, 9_007_199_254_740_991, 1e19, -1, 1.5, '7']
  it.each([
    ['f/hai/task/events', 'after'],
    ['f/hai/task/events', 'limit'],
    ['f/hai/task/list', 'limit'],
    ['f/hai/todo/list', 'limit'],
    ['f/hai/cost/report', 'days'],
    ['f/hai/cost/report', 'top'],
  ])('fit the column, or are refused by name, for %s: %s', async (path, field) => {
    for (const value of BIG) {
      const { status, body } = await evening.stack.call(path, { id: newest, [field]: value })
      const text = JSON.stringify(body)
      expect({ value, status, text: status === 200 ? '' : text }).toMatchObject({
        status: expect.toSatisfy((code: number) => code === 200 || code === 400),
      })
      expect(text).not.toMatch(/PostgresError|out of range|22003|stack/)
      if (status === 400) expect(text).toContain(field)
    }
  })

  it('after the last event there is none', async () => {
    const { status, body } = await evening.stack.call('f/hai/task/events', {
      id: newest,
      after: 2_147_483_648,
    })
    if (status === 200) expect(body).toMatchObject({ events: [] })
    else expect(body).toMatchObject({ error: { code: 'invalid' } })
  })

  it('are kept of a call made elsewhere when a model can have had them', async () => {
    const call = { at: new Date().toISOString(), backend: 'x', model: 'y', billing: 'subscription' }
    const tokens = { input: 3_000_000_000, output: 2_147_483_648 }
    const { status, body } = await evening.stack.call('f/hai/cost/record', {
      calls: [{ ...call, call_id: 'evening big', tokens }],
    })
    expect(JSON.stringify(body)).not.toMatch(/PostgresError|out of range/)
    expect([200, 400]).toContain(status)
  })
})

describe('a promise', () => {
  it.each([
    'remind me in 2 hours to check the oven',
    'remind me to descale the kettle tomorrow',
    'remind me to call the bank on monday at 10am',
    "don't let me forget to water the plants",
    'remind me on friday to take the bins out',
  ])('to remind is not made: %s', async (words) => {
    const { code, stdout, stderr } = await evening.run('ask', words)
    expect(code).toBe(0)
    expect(stdout + stderr).toMatch(/list/i)
    expect(stdout + stderr).toMatch(
      /(can.?t|cannot|can not|does not|doesn.?t|won.?t|no part) .*(ring|remind|call|alarm|notif)/i,
    )
  })

  it('says no more than that a todo was added where nobody asked to be reminded', async () => {
    const { stdout } = await evening.run('ask', 'add todo: descale the kettle due tomorrow')
    expect(stdout).toMatch(/^added todo/)
  })

  it('is not made that another try helps where a question can never be answered', async () => {
    const empty = await evening.run('ask', 'add todo: due friday')
    expect(empty.stdout).toBe('')
    expect(empty.stderr).not.toMatch(/task retry/)
    const [id] = await evening.putDown('add todo: #shop')
    expect(said(await evening.settled(id!))).not.toMatch(/task retry/)
  })

  it('is not made of a default that is no model', async () => {
    const { code, stdout, stderr } = await evening.run('model', 'test', 'foo/bar')
    expect({ code: code! > 0, stdout }).toEqual({ code: true, stdout: '' })
    expect(stderr).toContain('foo')
    expect(stderr).not.toMatch(/the default is|asking;/)
  })
})
