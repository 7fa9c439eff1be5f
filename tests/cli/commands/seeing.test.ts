import { describe, expect, it } from 'vitest'
import type { Conversation } from '../../../f/hai/core/task/shape.ts'
import type { Door } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { aHome, aTask, aTodo, ulid } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld((world) => {
  ;({ server, env } = world)
})

const serve = (doors: Record<string, Door>) => Object.assign(server.doors, doors)
const hai = (...argv: string[]) => runHai(argv, { env: { ...env, NO_COLOR: '1' } })
const onTerminal = (...argv: string[]) => runHai(argv, { env: { ...env, NO_COLOR: '1' }, columns: 80 })
const lastArgs = (path: string) => server.callsOf(path).at(-1)?.args

describe('hai', () => {
  it('asks on a terminal for news: without what it told before, and answers that were read', async () => {
    const as_of = new Date(Date.now() - 20 * 60_000).toISOString()
    serve({
      home: () => ({ result: aHome({ as_of }) }),
      'task/result': ({ id }) => ({ result: { id, state: 'done', output: 'fine' } }),
    })
    await onTerminal()
    expect(lastArgs('home')).toEqual({ read: [] })
    await onTerminal('task', 'result', ulid(7))
    await onTerminal()
    expect(lastArgs('home')).toEqual({ looked_at: as_of, read: [ulid(7)] })
  })

  it('shows the same to who looks again soon', async () => {
    serve({ home: () => ({ result: aHome({ as_of: new Date().toISOString() }) }) })
    await onTerminal()
    await onTerminal()
    expect(lastArgs('home')).toEqual({ read: [] })
  })

  it('tells a program the same each time, and whoever says since when', async () => {
    serve({ home: () => ({ result: aHome({ as_of: '2026-11-22T09:00:00.000Z' }) }) })
    await onTerminal()
    for (const run of [hai(), onTerminal('home', '--json')]) {
      await run
      expect(lastArgs('home')).toEqual({})
    }
    await onTerminal('home', '--since', '2026-11-20T00:00:00Z')
    expect(lastArgs('home')).toEqual({ since: '2026-11-20T00:00:00.000Z' })
  })

  it('says why what failed and what waits, how to be rid of it, and when one looked', async () => {
    const as_of = new Date().toISOString()
    const at = (minutes: number) => new Date(Date.parse(as_of) - minutes * 60_000).toISOString()
    const dead = aTask({
      id: ulid(1),
      state: 'dead',
      excerpt: 'a question that is far too long to be shown as a whole here',
      finished_at: at(130),
      error: { code: 'x', message: 'ollama answered 500' },
    })
    const waiting = {
      ...aTask({ id: ulid(2), state: 'pending', created_at: at(3), finished_at: null, excerpt: 'sum up' }),
      waiting_on: { code: 'budget' as const, since: at(3), text: 'cap day is used up' },
    }
    const todos = [aTodo({ due: null }), aTodo({ id: ulid(9), body: 'call mum', due: '2020-01-02' })]
    const home = aHome({
      as_of,
      failed_since: at(10_000),
      failed: [dead],
      waiting: [waiting],
      pending: 1,
      finished: [aTask({ id: ulid(3) })],
      totals: { failed: 1, finished: 1 },
      todos: { open: 2, overdue: 1, undated: 1, next: todos },
    })
    serve({ home: () => ({ result: { ...home, as_of: at(60) } }) })
    await onTerminal()
    serve({ home: () => ({ result: home }) })
    const { stdout } = await onTerminal()
    expect(`\n${stdout}`).toMatchInlineSnapshot(`
      "
      1 failed · seen? hai task ack --all
        000001     2 h  a question that is far too long…: ollama answered 500
      1 waiting
        000002   3 min  sum up: cap day is used up
      1 finished since you looked 1 h ago
        000003  what is open?
      1 overdue, 1 without a date
        CD9XQ4                  replace the UPS battery
        000009  Thu 2 Jan 2020  call mum
      2 todos open, 1 task pending
      "
    `)
  })
})

describe('hai task ack', () => {
  it('names what it took down, and what is left', async () => {
    const acknowledged = [aTask({ id: ulid(1), state: 'dead', excerpt: 'one' })]
    serve({ 'task/acknowledge': () => ({ result: { acknowledged, left: 2 } }) })
    const ran = await hai('task', 'ack', '--all')
    expect(lastArgs('task/acknowledge')).toEqual({ all: true })
    expect(ran.stdout).toBe('000001 acknowledged: one\n')
    expect(ran.stderr).toContain('2 more: hai task ack --all')
    await hai('task', 'ack', 'aaaaaa', 'bbbbbb')
    expect(lastArgs('task/acknowledge')).toEqual({ ids: ['aaaaaa', 'bbbbbb'] })
  })

  it.each([[[]], [['--all', '7f3k2m']]])('refuses %j', async (argv) => {
    const ran = await hai('task', 'ack', ...argv)
    expect(ran.exit).toBe(2)
    expect(server.callsOf('task/acknowledge')).toEqual([])
  })
})

const aConversation = (fields: Partial<Conversation> = {}): Conversation => ({
  conversation_id: '#rack-move',
  name: '#rack-move',
  turns: 3,
  began_at: new Date(Date.now() - 7_200_000).toISOString(),
  last_at: new Date(Date.now() - 7_200_000).toISOString(),
  last_id: ulid(1),
  last_state: 'done',
  began_with: 'how do I move the rack to the cellar?',
  question: 'and the cables?',
  answer: 'Label them first.',
  ...fields,
})

describe('hai chat ls', () => {
  it('lists what there is to go on with, and how', async () => {
    const lone = { name: null, turns: 1, last_id: ulid(2), last_state: 'dead' as const, answer: null }
    const conversations = [aConversation(), aConversation({ ...lone, began_with: 'why?', question: 'why?' })]
    serve({ 'task/conversations': () => ({ result: { conversations, total: 2 } }) })
    const { stdout, stderr } = await onTerminal('chat', 'ls')
    expect(`\n${stdout}`).toMatchInlineSnapshot(`
      "
      CHAT        TURNS  AGE  BEGAN WITH                             LAST
      #rack-move      3  2 h  how do I move the rack to the cellar?  Label them first.
      000002          1  2 h  why?                                   dead
      "
    `)
    expect(stderr).toContain("to go on: hai chat '#rack-move'")
    expect((await hai('chat', 'ls')).stdout.split('\n')[0]).toBe(
      '#rack-move  3  2 h  how do I move the rack to the cellar?  Label them first.',
    )
  })

  it('says how to begin where there is none', async () => {
    serve({ 'task/conversations': () => ({ result: { conversations: [], total: 0 } }) })
    expect((await onTerminal('chat', 'ls')).stderr).toContain(
      'nothing was talked about yet; to begin: hai chat',
    )
  })
})

describe('--more', () => {
  it('goes on with the list last shown, as that was asked for', async () => {
    serve({
      'task/list': ({ cursor }) => ({
        result: { tasks: [aTask()], total: 2, ...(cursor ? {} : { next_cursor: 'c-1' }) },
      }),
    })
    const first = await onTerminal('task', 'ls', '--state', 'dead', '--limit', '1')
    expect(first.stderr).toContain('1 of 2; the next ones: --more; all: --all')
    await onTerminal('task', 'ls', '--more')
    expect(lastArgs('task/list')).toEqual({ state: 'dead', cursor: 'c-1' })
    const ran = await onTerminal('task', 'ls', '--more')
    expect(ran).toMatchObject({ exit: 2, stderr: expect.stringContaining('there is no more') })
  })

  it('takes no other filters, and is of a list’s own kind', async () => {
    serve({ 'task/list': () => ({ result: { tasks: [aTask()], total: 2, next_cursor: 'c-1' } }) })
    await onTerminal('task', 'ls')
    expect((await onTerminal('task', 'ls', '--more', '--source', 'cli')).exit).toBe(2)
    expect((await onTerminal('todo', 'ls', '--more')).exit).toBe(2)
  })
})
