import { beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_MEMBERS, identify } from '../../../f/hai/core/base/caller.ts'
import { addDays, formatDue, today } from '../../../f/hai/core/base/dates.ts'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import type { Asker, Reply } from '../../../f/hai/core/builtin/grammar.ts'
import { recognise, reply } from '../../../f/hai/core/builtin/table.ts'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { claim } from '../../../f/hai/core/task/lease.ts'
import { listTodos } from '../../../f/hai/core/todo/list.ts'
import type { Todo } from '../../../f/hai/core/todo/shape.ts'
import { addTodo, showTodo, updateTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'
import { clear } from '../../support/factories.ts'
import { PHRASINGS } from './corpus.ts'

/** Where it is about noon now: what happens today in these tests is not overtaken by midnight. */
const west = new Date().getUTCHours() - 12
const zone = `Etc/GMT${west < 0 ? west : `+${west}`}`
const caller = identify('operator', DEFAULT_MEMBERS, zone)
const database = testDatabase()

/** The database knows only the real time, so that what is overdue or ran today is told by it. */
const rightNow = (): Asker => ({ caller, zone, now: new Date() })
const onSunday: Asker = { caller, zone: 'Pacific/Auckland', now: new Date('2026-11-22T03:00:00Z') }

async function ask(content: string, asker = rightNow()): Promise<Reply> {
  const recognised = recognise(content, asker)
  if (!recognised) throw new Error(`nothing understands: ${content}`)
  return reply(database.sql, recognised, asker)
}

const add = (body: string, more: object = {}) =>
  addTodo(database.sql, { body, created_by: 'operator', zone, ...more })
const status = async ({ id }: Todo) => (await showTodo(database.sql, id, caller)).status

beforeEach(async () => {
  await clear(database.sql)
})

describe('adding', () => {
  it('says what was understood and how to undo it', async () => {
    const { text, undo, data } = await ask('add todo: replace the UPS battery #rack due friday', onSunday)
    const id = shortId((data as Todo).id)
    expect(text).toBe(`added todo “replace the UPS battery” (${id}), due Fri 27 Nov 2026, tag rack`)
    expect(undo).toBe(`hai todo drop ${id}`)
    expect(await showTodo(database.sql, id, caller)).toMatchObject({
      body: 'replace the UPS battery',
      due: '2026-11-27',
      tags: ['rack'],
      created_by: 'operator',
    })
  })

  it('tells a time, several tags and a priority', async () => {
    const { text } = await ask('remind me on friday at 5pm to call the bank #home #money !high', onSunday)
    expect(text).toMatch(
      /^added todo “call the bank” \(\w{6}\), due Fri 27 Nov 2026 17:00, tags home, money, priority high\nit is listed, and hai shows it when it is due; hai can't ring$/,
    )
  })

  it('promises no bell to whoever wants to be reminded, as nothing rings; to others it says nothing of it', async () => {
    const said = PHRASINGS.filter(([, intent]) => intent === 'add a todo').map(([words]) => words)
    for (const words of [...said, 'add a reminder: water the plants', 'add todo: send the reminder: rent']) {
      const { text } = await ask(words, onSunday)
      const wanted = /^(can you )?(remind|don|add a reminder)/i.test(words)
      expect(text.includes("hai can't ring"), words).toBe(wanted)
      if (wanted) expect(text).toMatch(/\nit is listed, and hai (todo ls )?shows it( when it is due)?; /)
    }
  })

  it('refuses a todo without a body, and adds nothing', async () => {
    for (const said of ['add todo: #rack due friday', 'add todo: due friday', 'note to self: #rack'])
      await expect(ask(said, onSunday)).rejects.toMatchObject({
        ...{ code: 'invalid', message: expect.stringContaining('not what is to be done') },
      })
    expect((await listTodos(database.sql, { status: 'all', zone })).todos).toEqual([])
  })
})

describe('listing todos', () => {
  it('says so when there are none', async () => {
    expect((await ask('what is open?')).text).toBe('nothing is open')
    expect((await ask('list done todos')).text).toBe('nothing is done')
    expect((await ask('my todos #rack')).text).toBe('no open todo is tagged rack')
    expect((await ask('anything overdue?')).text).toBe('nothing is overdue')
    expect((await ask("what's next?")).text).toBe('nothing is open')
  })

  it('gives one line each: short id, body, what is known', async () => {
    const tomorrow = addDays(today(rightNow()), 1)
    const cable = await add('order a cable')
    const battery = await add('replace the UPS battery', { due: tomorrow, tags: ['rack'], priority: 'high' })
    const report = await add('write the report', { depends_on: [cable.id] })
    const due = formatDue(tomorrow, rightNow())
    expect((await ask('what is open?')).text.split('\n')).toEqual([
      '3 open todos:',
      `${shortId(battery.id)}  replace the UPS battery  (due ${due}, high, #rack)`,
      `${shortId(cable.id)}  order a cable`,
      `${shortId(report.id)}  write the report  (waits for ${shortId(cable.id)})`,
    ])
    expect((await ask('todos tagged Rack')).text).toMatch(
      /^1 open todo tagged rack:\n\w{6} {2}replace the UPS battery/,
    )
  })

  it('shows twenty and says how many more there are', async () => {
    for (let number = 1; number <= 32; number++) await add(`todo number ${number}`)
    const lines = (await ask('my todos')).text.split('\n')
    expect(lines).toHaveLength(22)
    expect(lines[0]).toBe('32 open todos:')
    expect(lines.at(-1)).toBe('… and 12 more: hai todo ls')
  })

  it('knows what is next, and when everything waits', async () => {
    const first = await add('order a cable', { priority: 'low' })
    await add('lay the cable', { depends_on: [first.id], priority: 'urgent' })
    expect((await ask("what's next?")).text).toBe(
      `next: “order a cable” (${shortId(first.id)}), priority low`,
    )
  })
})

describe('what is due', () => {
  it('keeps to the days asked for, and does not hide what is overdue', async () => {
    const day = today(rightNow())
    const late = await add('late', { due: addDays(day, -2) })
    const now = await add('now', { due: day })
    const next = await add('next', { due: addDays(day, 1) })
    await add('later', { due: addDays(day, 2) })
    await add('whenever')

    const ids = async (said: string) => ((await ask(said)).data as Todo[]).map(({ id }) => id)
    expect(await ids('what is due?')).toEqual([late.id, now.id])
    expect(await ids('what is due today?')).toEqual([now.id])
    expect(await ids('what is due tomorrow?')).toEqual([next.id])
    expect(await ids(`what is due by ${addDays(day, 1)}?`)).toEqual([late.id, now.id, next.id])
    expect(await ids(`what is due before ${addDays(day, 1)}?`)).toEqual([late.id, now.id])
    expect(await ids('anything overdue?')).toEqual([late.id])

    const { text } = await ask('what is due tomorrow?')
    expect(text.split('\n')[0]).toBe(`1 open todo due tomorrow, ${formatDue(addDays(day, 1), rightNow())}:`)
    expect(text.split('\n').at(-1)).toBe('overdue from before: 1')
  })

  it('counts a time on its own day in the zone', async () => {
    const day = today(rightNow())
    const early = await add('early', { due: `${addDays(day, 1)} 00:00` })
    const late = await add('late', { due: `${addDays(day, 1)} 23:59` })
    await add('after', { due: `${addDays(day, 2)} 00:00` })
    expect(((await ask('what is due tomorrow?')).data as Todo[]).map(({ id }) => id).sort()).toEqual(
      [early.id, late.id].sort(),
    )
  })
})

describe('finishing', () => {
  it('takes an id in any spelling, and says how to undo it', async () => {
    const todo = await add('replace the UPS battery')
    const id = shortId(todo.id)
    const reply = await ask(`mark ${id.toLowerCase()} done`)
    expect(reply).toMatchObject({
      text: `finished todo “replace the UPS battery” (${id})`,
      undo: `hai todo reopen ${id}`,
    })
    expect(await status(todo)).toBe('done')
    expect((await ask(`mark ${id} done`)).text).toBe(`“replace the UPS battery” (${id}) is done already`)
  })

  it('takes words when exactly one open todo says them', async () => {
    const battery = await add('Replace the UPS battery!')
    const cable = await add('order a cable')
    expect((await ask('mark the ups battery done')).text).toMatch(/^finished todo “Replace the UPS battery!”/)
    expect(await status(battery)).toBe('done')
    expect(await status(cable)).toBe('open')
  })

  it('prefers the todo that says exactly that', async () => {
    const exact = await add('order a cable')
    const longer = await add('order a cable tester')
    await ask('mark order a cable done')
    expect([await status(exact), await status(longer)]).toEqual(['done', 'open'])
  })

  it('changes nothing when several todos fit, and lists them', async () => {
    const todos = [await add('order a long cable'), await add('order a short cable')]
    const { text, undo } = await ask('finish todo “cable”')
    expect(text.split('\n')).toEqual([
      '“cable” fits 2 todos, so nothing was changed:',
      `${shortId(todos[0]!.id)}  order a long cable`,
      `${shortId(todos[1]!.id)}  order a short cable`,
    ])
    expect(undo).toBeUndefined()
    expect(await Promise.all(todos.map(status))).toEqual(['open', 'open'])
  })

  it('changes nothing when none fits, and says so', async () => {
    const todo = await add('order a cable')
    expect((await ask('mark replace the battery done')).text).toBe(
      'no open todo says “replace the battery”; nothing was changed. hai todo ls shows what there is',
    )
    expect((await ask('done ab12cd')).text).toBe('no todo ab12cd; see hai todo ls; nothing was changed')
    // part of a word is not the word
    expect((await ask('mark able done')).text).toContain('nothing was changed')
    expect(await status(todo)).toBe('open')
  })

  it.each([
    ['pay €20', 'mark pay €20 as done'],
    ['pay €20', 'mark pay 20 as done'],
    ['learn c++', 'mark "Learn C++" done'],
    ['buy salt & pepper', 'mark buy salt & pepper as done'],
    ['wash the fan (rack 2)', 'mark wash the fan (rack 2) done'],
    ['Cafe\u0301 machine', 'mark café machine done'],
  ])('finds %s by: %s', async (body, said) => {
    const todo = await add(body)
    await add(`${body.slice(0, 3)} something else for $20`)
    await ask(said)
    expect(await status(todo)).toBe('done')
  })

  it('does not take one sign for another', async () => {
    const todo = await add('pay €20')
    expect((await ask('mark pay $20 as done')).text).toContain('nothing was changed')
    expect(await status(todo)).toBe('open')
  })

  it('reads search signs in words as words', async () => {
    const todo = await add('ask "Kim" -- or -not: it’s 50% done?')
    await ask('finish todo “ask Kim or not it’s 50%”')
    expect(await status(todo)).toBe('done')
  })

  it('drops and reopens, each undone by the command for the status before', async () => {
    const todo = await add('order a cable')
    const id = shortId(todo.id)
    expect(await ask('drop todo: order a cable')).toMatchObject({ undo: `hai todo reopen ${id}` })
    expect(await status(todo)).toBe('dropped')
    expect(await ask('reopen todo order a cable')).toMatchObject({
      text: `reopened todo “order a cable” (${id})`,
      undo: `hai todo drop ${id}`,
    })
    await updateTodo(database.sql, { id, status: 'done' }, caller)
    expect(await ask(`reopen todo ${id}`)).toMatchObject({ undo: `hai todo done ${id}` })
    expect(await status(todo)).toBe('open')
  })
})

describe('tasks', () => {
  const put = (content: string) =>
    enqueue(database.sql, { source: 'test', content }, { requester: 'operator', firstLane })
  const take = async () => (await claim(database.sql, { worker: 'w-1' }))!

  it('says what ran, failed, waits and runs, without the task that asks', async () => {
    await put('good one')
    const good = await take()
    await complete(database.sql, {
      id: good.id,
      lease_no: good.lease_no,
      lease_token: good.lease_token,
      output: 'fine',
    })
    await put('bad one')
    const bad = await take()
    await fail(database.sql, {
      id: bad.id,
      lease_no: bad.lease_no,
      lease_token: bad.lease_token,
      code: 'x',
      message: 'connection refused',
    })
    await put('what is running?')
    const asking = await take()
    const waiting = await put('waiting one')

    const asker = { ...rightNow(), task_id: asking.id }
    const lines = async (said: string) =>
      (await ask(said, { ...asker, now: new Date(Date.now() + 1000) })).text.split('\n')
    expect(await lines('what failed today?')).toEqual([
      '1 task failed today:',
      expect.stringMatching(
        new RegExp(`^${shortId(bad.id)}  dead  \\w{3} .* \\d\\d:\\d\\d  bad one  \\(connection refused\\)$`),
      ),
    ])
    expect((await lines('what ran?'))[0]).toBe('2 tasks ran in the last 24 hours:')
    expect(await lines('what failed yesterday?')).toEqual(['nothing failed yesterday'])
    expect(await lines('what is waiting?')).toEqual([
      '1 task is waiting:',
      expect.stringMatching(new RegExp(`^${shortId(waiting.task_id)}  pending  .*  waiting one$`)),
    ])
    expect(await lines('what is running?')).toEqual(['nothing else is running'])
  })

  it('goes by when a task ended, not when it came', async () => {
    await put('old one')
    const old = await take()
    await complete(database.sql, {
      id: old.id,
      lease_no: old.lease_no,
      lease_token: old.lease_token,
      output: 'fine',
    })
    await database.sql`update hai.task_queue set created_at = now() - interval '40 days'`
    const later = { ...rightNow(), now: new Date(Date.now() + 1000) }
    expect((await ask('what ran?', later)).text).toContain('old one')
    await database.sql`update hai.task_queue set finished_at = now() - interval '26 hours'`
    expect((await ask('what ran?', later)).text).toBe('nothing ran in the last 24 hours')
  })

  it('tells a member of his own tasks only', async () => {
    await put('private one')
    const member = identify('kim', { kim: { role: 'member', usernames: ['kim'] } }, zone)
    expect((await ask('what is waiting?', { ...rightNow(), caller: member })).text).toBe('nothing is waiting')
  })
})

describe('help', () => {
  it('gives an example of everything', async () => {
    const { text } = await ask('what can you do?')
    expect(text).toContain('  add a todo: add todo: replace the UPS battery #rack due friday')
    expect(text.split('\n')).toHaveLength(8)
  })
})
