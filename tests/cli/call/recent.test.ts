import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { anAccepted, aTask, aTodo, aView, doorsOfTask, ulid } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
let home: CannedWorld['home']
cannedWorld(
  (world) => {
    ;({ server, env, home } = world)
  },
  () => ({
    inbox: (_args, call) => ({ result: anAccepted({ task_id: ulid(call) }) }),
    'todo/add': (_args, call) => ({ result: aTodo({ id: ulid(call), body: `todo ${call}` }) }),
    'todo/show': ({ id }) => ({ result: aTodo({ id: String(id) }) }),
    'todo/update': ({ id, status }) => ({
      result: aTodo({ id: String(id), status: (status ?? 'open') as 'open' }),
    }),
    'todo/run': () => ({ result: anAccepted() }),
    'todo/list': () => ({ result: { todos: [4, 2, 3].map((n) => aTodo({ id: ulid(n) })), total: 3 } }),
    'task/list': () => ({ result: { tasks: [7, 8].map((n) => aTask({ id: ulid(n) })), total: 2 } }),
    'task/show': ({ id }) => ({ result: aView({ id: String(id) }) }),
    'task/cancel': ({ id }) => ({ result: aTask({ id: String(id) }) }),
    'cost/report': () => ({ result: {} }),
  }),
)

const hai = (...argv: string[]) => runHai(argv, { env })
const atTerminal = (...argv: string[]) => runHai(argv, { env, columns: 100, attended: true })
const idsOf = (path: string) => server.callsOf(path).map(({ args }) => args.id)

describe('@ for todos', () => {
  it('is the last todo touched, whatever touched it, and no task', async () => {
    await hai('todo', 'add', 'one')
    await hai('todo', 'add', 'two')
    await hai('task', 'add', 'a task')
    await hai('todo', 'done', '@')
    await hai('todo', 'show', '@2')
    await hai('todo', 'edit', '@', '--priority', 'high')
    expect(idsOf('todo/update')).toEqual([ulid(2), ulid(1)])
    await hai('todo', 'add', 'three', '--after', '@')
    expect(server.callsOf('todo/add').at(-1)?.args.depends_on).toEqual([ulid(1)])
    await hai('todo', 'run', '@', '--no-wait')
    expect(idsOf('todo/run')).toEqual([ulid(3)])
  })

  it('keeps the order of several that were closed at once', async () => {
    await hai('todo', 'done', 'AAAA', 'BBBB')
    await hai('todo', 'reopen', '@', '@2')
    expect(idsOf('todo/update').slice(2)).toEqual(['AAAA', 'BBBB'])
  })

  it('is the todo that a built-in answer is about', async () => {
    const told = { output: 'added todo “x”', result: aTodo({ id: ulid(9) }) }
    Object.assign(server.doors, doorsOfTask('done', told))
    await hai('ask', 'add todo: x')
    await hai('todo', 'done', '@')
    expect(idsOf('todo/update')).toEqual([ulid(9)])
  })

  it('says how far back it goes', async () => {
    expect((await hai('todo', 'done', '@')).stderr).toContain(
      '@ is no todo: no todo was touched from here yet',
    )
    expect(server.callsOf('todo/update')).toEqual([])
  })
})

describe('the numbers of a list', () => {
  it('stand before its rows on a terminal, and name them from then on', async () => {
    const shown = (await atTerminal('todo', 'ls')).stdout.trimEnd().split('\n')
    expect(shown.map((line) => line.slice(0, 9))).toEqual([
      '   ID    ',
      ...[4, 2, 3].map((n, i) => `${i + 1}  ${ulid(n).slice(-6)}`),
    ])
    await hai('todo', 'done', '1', '3')
    await hai('todo', 'show', '2')
    expect([...idsOf('todo/update'), ...idsOf('todo/show')]).toEqual([4, 3, 2].map(ulid))
  })

  it('are those of tasks where a task is named', async () => {
    await atTerminal('todo', 'ls')
    await atTerminal('task', 'ls')
    await hai('task', 'show', '2')
    await hai('task', 'cancel', '1')
    await hai('todo', 'drop', '1')
    expect([...idsOf('task/show'), ...idsOf('task/cancel'), ...idsOf('todo/update')]).toEqual(
      [8, 7, 4].map(ulid),
    )
  })

  it('are neither shown nor changed in a pipe', async () => {
    await atTerminal('todo', 'ls')
    Object.assign(server.doors, { 'todo/list': () => ({ result: { todos: [aTodo()], total: 1 } }) })
    expect((await hai('todo', 'ls')).stdout).toMatch(/^CD9XQ4/)
    await atTerminal('todo', 'ls', '--json')
    await hai('todo', 'done', '1')
    expect(idsOf('todo/update')).toEqual([ulid(4)])
  })

  it.each([
    [['todo', 'done', '1'], '1 is no todo: no list of todos was shown from here yet'],
    [['todo', 'show', '0'], '0 is no todo: no list of todos was shown from here yet'],
    [['task', 'tail', '12'], '12 is no task: no list of tasks was shown from here yet'],
  ])('are refused before a list: hai %j', async (argv, message) => {
    const ran = await hai(...argv)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain(message)
    expect(server.calls).toEqual([])
  })

  it('are refused beyond its end, with nothing of the line done', async () => {
    await atTerminal('todo', 'ls')
    const ran = await hai('todo', 'done', '1', '4')
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('4 is no todo: the list of todos last shown from here had 3 rows')
    expect(server.callsOf('todo/update')).toEqual([])
  })

  it('of three digits may be the end of an id, where the list is not so long', async () => {
    await atTerminal('todo', 'ls')
    await hai('todo', 'show', '123')
    expect(idsOf('todo/show')).toEqual(['123'])
  })

  it('name what they were kept with, on one profile only', async () => {
    await atTerminal('todo', 'ls')
    const other = { ...env, HAI_ENDPOINT: server.endpoint.replace('127.0.0.1', 'localhost') }
    expect((await runHai(['todo', 'done', '1'], { env: other })).exit).toBe(2)
  })

  it('are said to be unknown where their file is broken', async () => {
    const file = join(home.path, '.local/state/hai/listed-todos.json')
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, '{')
    const ran = await atTerminal('todo', 'ls')
    expect(ran.exit).toBe(0)
    expect(ran.stderr).toContain('the numbers of these rows are not known')
  })
})
