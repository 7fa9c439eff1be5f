import { describe, expect, it } from 'vitest'
import { type Door, refusal } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { anAccepted, aTodo, doorsOfTask, TASK_ID, ulid } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => ({
    'todo/add': () => ({ result: aTodo() }),
    'todo/list': () => ({ result: { todos: [aTodo()] } }),
    'todo/show': () => ({ result: aTodo({ tags: ['rack', 'ups'] }) }),
    'todo/update': ({ id, status }) => ({
      result: aTodo({ id: ulid(Number(id)), status: (status ?? 'open') as 'open' }),
    }),
  }),
)

const serve = (doors: Record<string, Door>) => Object.assign(server.doors, doors)

const hai = (...argv: string[]) => runHai(argv, { env })
const lastArgs = (path: string) => server.callsOf(path).at(-1)?.args

describe('hai todo add', () => {
  it('says when there is no text, what was read in it, and what was not', async () => {
    const empty = await hai('todo', 'add', '  ')
    expect(empty).toMatchObject({ exit: 2, stdout: '' })
    expect(empty.stderr).toContain('there is no text; say what is to be done')
    expect(server.callsOf('todo/add')).toEqual([])
    const note = '“due fryday” was left in the text: it is no date; hai todo edit CD9XQ4 --due DATE'
    const read = { text: 'due Fri 4 Dec 17:00 · #rack', time_zone: 'UTC', unread: [], notes: [note] }
    serve({ 'todo/add': ({ body }) => ({ result: { ...aTodo({ body: body as string }), read } }) })
    const said = await hai('todo', 'add', 'pay the rent')
    expect(said.stdout).toBe('added CD9XQ4 pay the rent · due Fri 4 Dec 17:00 · #rack\n')
    expect(said.stderr).toContain(`! ${note}`)
  })

  it('lets the server read tags and dates out of the text', async () => {
    const ran = await hai('todo', 'add', 'replace', 'the UPS battery', '#rack', 'due friday')
    expect(ran).toMatchObject({ exit: 0 })
    expect(ran.stdout).toBe('added CD9XQ4 replace the UPS battery, due Fri 27 Nov 2099, #rack\n')
    expect(lastArgs('todo/add')).toEqual({
      body: 'replace the UPS battery #rack due friday',
      parse: true,
      idempotency_key: expect.any(String),
    })
  })

  it('takes the text as it is with --raw, and passes the options on', async () => {
    const options = [
      '--tag',
      'a',
      '--tag',
      'b',
      '--due',
      'next friday',
      '--priority',
      'high',
      '--after',
      'x1',
      '--after',
      'x2',
    ]
    await hai('todo', 'add', 'read #5', '--raw', ...options)
    expect(lastArgs('todo/add')).toMatchObject({
      body: 'read #5',
      parse: false,
      tags: ['a', 'b'],
      due: 'next friday',
      priority: 'high',
      depends_on: ['x1', 'x2'],
    })
  })

  it('repeats a lost call with the same key', async () => {
    serve({ 'todo/add': (_args, call) => (call === 1 ? 'hang up' : { result: aTodo() }) })
    expect((await hai('todo', 'add', 'x')).exit).toBe(0)
    const [first, second] = server.callsOf('todo/add').map(({ args }) => args.idempotency_key)
    expect(first).toBe(second)
  })
})

describe('hai todo ls and next', () => {
  it('says where the setting is that is not in force, and lists all the same', async () => {
    const problems = ['budget configuration (budget.yaml, on Windmill u/operator/hai_budget): time_zone: no']
    serve({ 'todo/list': () => ({ result: { todos: [aTodo()], total: 1, problems } }) })
    const { exit, stderr } = await hai('todo', 'ls')
    expect(exit).toBe(0)
    expect(stderr).toContain('! u/operator/hai_budget: time_zone: no\n')
  })

  it.each<[string[], object]>([
    [['ls'], {}],
    [['ls', '--all'], { status: 'all' }],
    [['ls', '--state', 'done'], { status: 'done' }],
    [
      ['ls', '--status', 'dropped', '--tag', 'rack', '--text', 'ups'],
      { status: 'dropped', tag: 'rack', text: 'ups' },
    ],
    [['next'], { next: true, limit: 5 }],
    [['next', '--limit', '1', '--tag', 'rack'], { next: true, limit: 1, tag: 'rack' }],
  ])('hai todo %j asks for it', async (argv, args) => {
    await hai('todo', ...argv)
    expect(lastArgs('todo/list')).toEqual(args)
  })

  it('marks what is blocked, urgent or closed', async () => {
    const todos = [
      aTodo({ id: ulid(1), blocked_by: [ulid(2)] }),
      aTodo({ id: ulid(2), priority: 'urgent', due: null }),
      aTodo({ id: ulid(3), status: 'done' }),
    ]
    serve({ 'todo/list': () => ({ result: { todos } }) })
    const lines = (await hai('todo', 'ls', '--all')).stdout.split('\n')
    expect(lines.map((line) => /blocked|urgent|done/.exec(line)?.[0])).toEqual([
      'blocked',
      'urgent',
      'done',
      undefined,
    ])
  })
})

describe('hai todo done, drop and reopen', () => {
  it.each([
    ['done', 'done'],
    ['drop', 'dropped'],
    ['reopen', 'open'],
  ])('hai todo %s makes several todos %s', async (verb, status) => {
    const ran = await hai('todo', verb, '0001', '0002', '0001')
    expect(ran).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining(`${status}: 000001 replace the UPS battery\n`),
    })
    const [first, second] = server.callsOf('todo/update').map(({ args }) => args)
    expect([first, second]).toMatchObject([
      { id: '0001', status },
      { id: '0002', status },
    ])
    // so that both are taken back at once
    expect(first).toHaveProperty('batch', expect.stringMatching(/./))
    expect(second).toHaveProperty('batch', (first as { batch: string }).batch)
  })

  it('does the others when one is not there, and ends with its status', async () => {
    serve({
      'todo/update': ({ id }) =>
        id === '0001' ? refusal(404, 'not_found', 'no todo 1') : { result: aTodo() },
    })
    const ran = await hai('todo', 'done', '0001', '0002')
    expect(ran).toMatchObject({ exit: 3, stdout: 'open: CD9XQ4 replace the UPS battery\n' })
    expect(ran.stderr).toContain('hai: no todo 1')
  })

  it('names every one that failed', async () => {
    serve({ 'todo/update': ({ id }) => refusal(404, 'not_found', `no todo ${id}`) })
    const ran = await hai('todo', 'done', '0001', '0002')
    expect(ran).toMatchObject({ exit: 3, stdout: '' })
    expect(ran.stderr).toContain('hai: no todo 0001\nhai: no todo 0002\n')
  })

  it('asks for ids when there is no terminal to pick at', async () => {
    const ran = await hai('todo', 'done')
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('hai: which todos? give their ids')
    expect(server.calls).toEqual([])
  })
})

describe('hai todo edit', () => {
  it('changes what is given and nothing else', async () => {
    await hai('todo', 'edit', '0007', '--body', 'new text', '--due', 'monday', '--priority', 'low')
    expect(lastArgs('todo/update')).toEqual({ id: '0007', body: 'new text', due: 'monday', priority: 'low' })
  })

  it('takes the due date away with --no-due', async () => {
    await hai('todo', 'edit', '0007', '--no-due')
    expect(lastArgs('todo/update')).toEqual({ id: '0007', due: null })
  })

  it('adds and removes tags, and keeps the others', async () => {
    await hai('todo', 'edit', '0007', '--tag', '#new', '--untag', 'ups')
    expect(lastArgs('todo/update')).toEqual({ id: '0007', tags: ['rack', 'new'] })
  })

  it('refuses to remove a tag that is not there', async () => {
    const ran = await hai('todo', 'edit', '0007', '--untag', 'nope')
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('this todo has no tag nope; its tags: rack, ups')
    expect(server.callsOf('todo/update')).toEqual([])
  })

  it.each([
    ['sed -i s/UPS/NAS/', 'replace the NAS battery'],
    ["sh -c 'echo new > $1; exit' sh", 'new'],
  ])('opens the text in the editor (%s) when no option is given', async (EDITOR, body) => {
    const ran = await runHai(['todo', 'edit', '0007'], { env: { ...env, EDITOR }, attended: true })
    expect(ran.exit).toBe(0)
    expect(lastArgs('todo/update')).toEqual({ id: '0007', body })
  })

  it.each([
    ['true', 0, 'nothing was changed'],
    ['false', 2, 'the editor (false) ended with 1; nothing was changed'],
    ['truncate -s 0', 2, 'the text is empty; nothing was changed'],
  ])('changes nothing after the editor %s', async (EDITOR, exit, message) => {
    const ran = await runHai(['todo', 'edit', '0007'], { env: { ...env, EDITOR }, attended: true })
    expect(ran.exit).toBe(exit)
    expect(ran.stderr).toContain(message)
    expect(server.callsOf('todo/update')).toEqual([])
  })

  it('asks what should change when there is no terminal', async () => {
    expect((await hai('todo', 'edit', '0007')).exit).toBe(2)
  })
})

describe('hai todo run', () => {
  it('hands the todo over and waits for the answer', async () => {
    serve({ ...doorsOfTask('done', { output: 'ordered' }), 'todo/run': () => ({ result: anAccepted() }) })
    expect(await hai('todo', 'run', '0007')).toMatchObject({ exit: 0, stdout: 'ordered\n' })
    expect(lastArgs('todo/run')).toEqual({ id: '0007', idempotency_key: expect.any(String) })
  })

  it("prints the task's id with --no-wait", async () => {
    serve({ 'todo/run': () => ({ result: anAccepted() }) })
    expect(await hai('todo', 'run', '0007', '--no-wait')).toMatchObject({ exit: 0, stdout: `${TASK_ID}\n` })
  })
})

describe('an empty list', () => {
  it.each<[argv: string[], total: number, said: string]>([
    [['ls'], 0, 'nothing is open'],
    [['ls', '-a'], 0, 'there is no todo yet'],
    [['ls', '--status', 'done'], 88, 'nothing is done'],
    [['ls', '--tag', 'Nope'], 88, 'no open todo matches tag “Nope”; hai todo ls shows what is open'],
    [
      ['ls', '-a', '--text', 'batt', '--tag', 'x'],
      88,
      'no todo matches tag “x”, text “batt”; hai todo ls shows what is open',
    ],
    [['next'], 0, 'nothing is open'],
    [['next'], 3, 'nothing can be done now: each of the 3 open todos waits for another'],
    [
      ['next', '--tag', 'x'],
      3,
      'no open todo that can be done now matches tag “x”; hai todo ls shows what is open',
    ],
  ])('is told as it is when %j is asked for with %i open', async (argv, total, said) => {
    serve({
      'todo/list': ({ next, limit }) => ({ result: { todos: [], total: next || limit !== 1 ? 0 : total } }),
    })
    const ran = await hai('todo', ...argv)
    expect(ran).toMatchObject({ exit: 0, stdout: '' })
    expect(ran.stderr).toContain(`${said}\n`)
  })
})

describe('who changed a todo', () => {
  it('is told where one is shown, and whose it was where another changes it', async () => {
    const at = '2026-11-20T10:00:00Z'
    const kims = { changed_by: 'kim', changed_at: at }
    serve({
      'todo/show': () => ({ result: aTodo({ ...kims, status: 'done', closed_at: at, closed_by: 'kim' }) }),
    })
    const closed = await hai('todo', 'show', '0001')
    expect(closed.stdout).toMatch(/^closed +\S.* by kim$/m)
    expect(closed.stdout).not.toMatch(/^changed/m)
    serve({ 'todo/show': () => ({ result: aTodo(kims) }) })
    expect((await hai('todo', 'show', '0001')).stdout).toMatch(/^changed +\S.* by kim$/m)
    const note = 'put down by operator; todos are shared by the house\n'
    for (const argv of [['done'], ['drop'], ['reopen'], ['edit', '--body', 'x']]) {
      const [verb = '', ...rest] = argv
      serve({ 'todo/update': () => ({ result: aTodo(kims) }) })
      expect((await hai('todo', verb, '0001', ...rest)).stderr).toContain(note)
      serve({ 'todo/update': () => ({ result: aTodo({ ...kims, changed_by: 'operator' }) }) })
      expect((await hai('todo', verb, '0001', ...rest)).stderr).not.toContain('shared')
    }
  })
})
