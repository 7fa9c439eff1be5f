import { beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_MEMBERS, identify } from '../../../f/hai/core/base/caller.ts'
import { addDays, formatDue, today } from '../../../f/hai/core/base/dates.ts'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import type { Asker, Reply } from '../../../f/hai/core/builtin/grammar.ts'
import { INTENTS, recognise, reply } from '../../../f/hai/core/builtin/table.ts'
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
  const answer = recognised && (await reply(database.sql, recognised, asker))
  if (!answer) throw new Error(`nothing understands: ${content}`)
  return answer
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
      const wanted = /^(can you )?(remind|don|add a reminder|send me a reminder)/i.test(words)
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
    const { text, undo, refused } = await ask('finish todo “cable”')
    expect(refused).toBe('conflict')
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
    expect(await ask('done ab12cd')).toMatchObject({
      text: 'no todo ab12cd; see hai todo ls; nothing was changed',
      refused: 'not_found',
    })
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

describe('counting', () => {
  it('counts what is open, what of it is overdue, and by tag and status', async () => {
    const day = today(rightNow())
    await add('late', { due: addDays(day, -2), tags: ['garden'] })
    const other = await add('other')
    await add('third', { tags: ['garden'] })
    expect((await ask('how many todos do I have?')).text).toBe('3 open todos, 1 of them overdue')
    expect((await ask('how many todos have i got with the tag garden')).text).toBe(
      '2 open todos tagged garden, 1 of them overdue',
    )
    await updateTodo(database.sql, { id: other.id, status: 'done' }, caller)
    expect((await ask('how many todos are done')).text).toBe('1 done todo')
    expect((await ask('count my open todos')).data).toEqual({ total: 2, overdue: 1 })
    expect((await ask('how many things did I tick off this week')).text).toMatch(/^1 done todo this week/)
    expect((await ask('how many todos did I finish last week')).text).toMatch(/^0 done todos last week/)
  })
})

describe('what a person calls a todo', () => {
  it.each([
    ['wash the dishes', 'i’ve done the dishes one', 'done'],
    ['call mum', 'call mum is done', 'done'],
    ['order sata cables', 'just finished the sata cables thing, check it off', 'done'],
    ['fix the printer', 'drop the todo about the printer', 'dropped'],
    ['buy milk', 'delete the milk todo', 'dropped'],
    ['go to ikea', "forget about the ikea todo, i'm not doing it", 'dropped'],
  ])('finds %s by: %s', async (body, said, becomes) => {
    const todo = await add(body)
    await add('something else')
    expect(await ask(said)).toMatchObject({ undo: `hai todo reopen ${shortId(todo.id)}` })
    expect(await status(todo)).toBe(becomes)
  })

  it('reopens, of several that say the same the one closed last', async () => {
    const todos = [await add('put the bins out'), await add('put the bins out')]
    for (const { id } of todos) await updateTodo(database.sql, { id, status: 'done' }, caller)
    await ask('put the bins one back on the list')
    expect(await Promise.all(todos.map(status))).toEqual(['done', 'open'])
  })

  it('leaves to a model what no todo says, where the words may be about something else', async () => {
    await add('order a cable')
    const loose = recognise('tick off the alphabet', rightNow())!
    expect(await reply(database.sql, loose, rightNow())).toBeUndefined()
  })
})

describe('retrying and cancelling', () => {
  const put = async (content: string, more: object = {}, requester = 'operator') =>
    (await enqueue(database.sql, { source: 'cli', content, ...more }, { requester, firstLane })).task_id
  const end = async (id: string, code?: string) => {
    const task = (await claim(database.sql, { worker: 'w-1', only: id, lanes: ['interactive'] }))!
    const held = { id, lease_no: task.lease_no, lease_token: task.lease_token }
    if (code) await fail(database.sql, { ...held, code, message: 'connection refused' })
    else await complete(database.sql, { ...held, output: 'fine', agent: 'general' })
  }
  const state = async (id: string) =>
    (await database.sql<[{ state: string }]>`select state from hai.task_queue where id = ${id}`)[0].state

  it('retries the last one that failed, and says how to take that back', async () => {
    const failed = await put('write the backup summary')
    await end(failed, 'x')
    await end(await put('why is the rack loud?'))
    const { text, undo, task } = await ask('can you run the last failed one again')
    expect(text).toBe(`retrying task “write the backup summary” (${shortId(failed)}), which had failed`)
    expect(undo).toBe(`hai task cancel ${shortId(failed)}`)
    expect(task).toEqual({ id: failed, state: 'pending' })
    expect(await state(failed)).toBe('pending')
  })

  it('does not take a done task for "that", and names what can be retried', async () => {
    const failed = await put('write the backup summary')
    await end(failed, 'x')
    const done = await put('why is the rack loud?')
    await end(done)
    const { text, undo } = await ask('try that again')
    expect(text).toContain(`(${shortId(done)}) is done`)
    expect(text).toContain(`hai task retry ${shortId(failed)}`)
    expect(undo).toBeUndefined()
    expect(await state(failed)).toBe('dead')
  })

  it('finds a task by its words, refuses several with their commands, and leaves what none says to a model', async () => {
    const summary = await put('write the backup summary of tank')
    await end(summary, 'x')
    await ask('retry the backup summary')
    expect(await state(summary)).toBe('pending')
    const imports = [await put('start the photo import of march'), await put('start the photo import of may')]
    const { text, undo, refused } = await ask('stop the photo import task')
    expect(refused).toBe('conflict')
    expect(undo).toBeUndefined()
    for (const id of imports) expect(text).toContain(`hai task cancel ${shortId(id)}`)
    const other = recognise('give the garden fence another go', rightNow())!
    expect(await reply(database.sql, other, rightNow())).toBeUndefined()
  })

  it('cancels the last one of the asker, never another’s', async () => {
    const mine = await put('why is the rack loud?')
    const theirs = await put('why is the rack hot?', {}, 'guest')
    const { text, undo } = await ask('never mind, cancel it')
    expect(text).toBe(`cancelled task “why is the rack loud?” (${shortId(mine)}), which was waiting`)
    expect(undo).toBe(`hai task retry ${shortId(mine)}`)
    expect([await state(mine), await state(theirs)]).toEqual(['cancelled', 'pending'])
    expect((await ask('cancel that')).text).toContain('nothing was changed')
    expect(await state(theirs)).toBe('pending')
  })

  it('means this conversation by "that", and nothing outside of it', async () => {
    const elsewhere = await put('write the backup summary')
    const begun = await put('why is the rack loud?', { conversation_id: '#rack' })
    const asking = await put('cancel that', { conversation_id: '#rack' })
    const asker = { ...rightNow(), task_id: asking }
    expect((await ask('cancel that', asker)).undo).toBe(`hai task retry ${shortId(begun)}`)
    expect(await state(elsewhere)).toBe('pending')
  })

  it('takes an id, and says of a todo’s how to drop it', async () => {
    const id = await put('why is the rack loud?')
    const todo = await add('order a cable')
    expect((await ask(`cancel task ${shortId(todo.id)}`)).text).toContain(`hai todo drop ${shortId(todo.id)}`)
    await ask(`cancel task ${shortId(id).toLowerCase()}`)
    expect(await state(id)).toBe('cancelled')
    expect((await ask(`task cancel ${shortId(id)}`)).text).toContain('cancelled')
    expect(await ask(`task retry ${shortId(id)}`)).toMatchObject({ task: { state: 'pending' } })
  })

  it('takes an id that could be a word in the form of the command, and only there', async () => {
    for (const verb of ['cancel', 'retry'])
      for (const id of ['RDBTKR', '482913', '7F3K2M'])
        expect((await ask(`hai task ${verb} ${id}`)).text).toContain(`no task ${id}`)
    for (const said of ['cancel rdbtkr', 'task stop breaks', 'retry rdbtkr'])
      expect(recognise(said, rightNow())).toBeUndefined()
  })
})

describe('undoing', () => {
  it('takes back the last change, then the one before, and says what it was', async () => {
    const todo = await add('order a cable')
    await ask('mark order a cable done')
    const id = shortId(todo.id)
    expect(await ask('oh no take that back')).toMatchObject({
      text: `taken back: “order a cable” (${id}) is open again`,
      undo: `hai todo done ${id}`,
    })
    expect(await status(todo)).toBe('open')
    expect((await ask('undo')).text).toContain('is dropped now')
    expect(await status(todo)).toBe('dropped')
    expect(await ask('undo')).toMatchObject({
      text: expect.stringContaining('nothing was changed'),
      refused: 'not_found',
    })
  })

  it('leaves to a model what is said below its answer', async () => {
    await add('order a cable')
    const { sql } = database
    const put = (content: string) =>
      enqueue(sql, { source: 'cli', content, conversation_id: '#vim' }, { requester: 'operator', firstLane })
    await put('how do I delete a line in vim?')
    const { task_id } = await put('undo that')
    const asker = { ...rightNow(), task_id }
    expect(await reply(sql, recognise('undo that', asker)!, asker)).toBeUndefined()
    expect(await listTodos(sql, { zone })).toMatchObject({ total: 1 })
  })
})

describe('money', () => {
  it('says what was spent in a period as hai cost does, and what a question came to', async () => {
    const { sql } = database
    const { task_id: id } = await enqueue(
      sql,
      { source: 'cli', content: 'why is the rack loud?' },
      { requester: 'operator', firstLane },
    )
    await sql`
      insert into hai.usage (call_id, task_id, lease_no, step, at, settled_at, state, agent, source, requester, route, backend, model,
        billing, input, output, usd, ms)
      values ('a', ${id}, 1, 'a', now(), now(), 'settled', 'general', 'cli', 'operator', 'cloud/big', 'cloud', 'big',
        'metered', 1000, 200, 0.12, 900)`
    const { text } = await ask('how much have i spent today')
    expect(text).toMatch(/^\$0\.12 today \(\d{4}-\d\d-\d\d, .+\): 1 call, 1\.2k tokens\n/)
    expect((await ask('what did i spend on models this week')).text).toMatch(/^\$0\.12 this week/)
    expect((await ask('how much money went to the llms yesterday')).text).toMatch(/^no money yesterday/)
    expect((await ask('what did that cost?')).text).toMatch(
      `$0.12 for “why is the rack loud?” (${shortId(id)}): 1 call, 1.2k tokens`,
    )
  })

  it('says so where nothing was asked', async () => {
    expect((await ask('how much was that')).text).toContain('no model has been asked')
  })
})

describe('help', () => {
  it('gives an example of everything', async () => {
    const { text } = await ask('what can you do?')
    expect(text).toContain('  add a todo: add todo: replace the UPS battery #rack due friday')
    expect(text.split('\n')).toHaveLength(INTENTS.length + 1)
  })
})
