import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { cannedServer, type Door } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { aHome, anAccepted, anEvent, aTask, aTodo, aView, doorsOfTask, TASK_ID, ulid } from '../samples.ts'

let server: CannedWorld['server']
let home: CannedWorld['home']
let env: CannedWorld['env']
cannedWorld((world) => {
  ;({ server, home, env } = world)
})

const serve = (doors: Record<string, Door>) => Object.assign(server.doors, doors)

const hai = (...argv: string[]) => runHai(argv, { env })
const lastArgs = (path: string) => server.callsOf(path).at(-1)?.args

describe('@', () => {
  beforeEach(() => {
    serve({
      inbox: (_args, call) => ({ result: anAccepted({ task_id: ulid(call) }) }),
      'task/show': ({ id }) => ({ result: aView({ id: String(id) }) }),
    })
  })

  it('is the last task touched, @2 the one before', async () => {
    await hai('task', 'add', 'one')
    await hai('task', 'add', 'two')
    await hai('task', 'show', '@')
    expect(lastArgs('task/show')).toEqual({ id: ulid(2) })
    await hai('task', 'show', '@2')
    expect(lastArgs('task/show')).toEqual({ id: ulid(1) })
    await hai('task', 'show', '@')
    expect(lastArgs('task/show')).toEqual({ id: ulid(1) })
  })

  it('says how far back it goes', async () => {
    await hai('task', 'add', 'one')
    const ran = await hai('task', 'show', '@3')
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('@3 is no task: only 1 task was touched from here yet')
  })

  it('is kept for each profile', async () => {
    await hai('task', 'add', 'one')
    const other = await cannedServer()
    const ran = await runHai(['task', 'show', '@'], { env: { ...home.env, ...other.env } })
    await other.close()
    expect(ran.exit).toBe(2)
  })

  it('says so when its file is broken, and no task is refused for it', async () => {
    const file = join(home.path, '.local/state/hai/recent.json')
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, '{"a": [1')
    const ran = await hai('task', 'add', 'one')
    expect(ran).toMatchObject({ exit: 0, stdout: `${ulid(1)}\n` })
    expect(ran.stderr).toContain('recent.json is broken')
    expect((await hai('task', 'show', '@')).exit).toBe(2)
    expect(readFileSync(file, 'utf8')).toBe('{"a": [1')
  })

  it('follows XDG_STATE_HOME', async () => {
    await runHai(['task', 'add', 'one'], { env: { ...env, XDG_STATE_HOME: join(home.path, 'state') } })
    expect(existsSync(join(home.path, 'state/hai/recent.json'))).toBe(true)
  })
})

describe('hai task', () => {
  it('takes --status for --state, as todos have it', async () => {
    serve({ 'task/list': () => ({ result: { tasks: [aTask()] } }) })
    expect((await hai('task', 'ls', '--status', 'open,dead')).exit).toBe(0)
    expect(lastArgs('task/list')).toEqual({ state: 'open,dead' })
    expect((await hai('task', 'ls', '--status', 'open', '--state', 'dead')).exit).toBe(2)
  })

  it('passes the filters of ls on', async () => {
    serve({ 'task/list': () => ({ result: { tasks: [aTask()] } }) })
    const filters = [
      '--state',
      'dead,expired',
      '--state',
      'open',
      '--source',
      'voice',
      '--agent',
      'coder',
      '--in',
      'c-1',
    ]
    await hai(
      'task',
      'ls',
      ...filters,
      '--requester',
      'operator',
      '--text',
      'backup',
      '--limit',
      '5',
      '--cursor',
      'abc',
    )
    expect(lastArgs('task/list')).toEqual({
      state: 'dead,expired,open',
      source: 'voice',
      agent: 'coder',
      requester: 'operator',
      conversation_id: 'c-1',
      text: 'backup',
      limit: 5,
      cursor: 'abc',
    })
  })

  it('asks for errands only where it is told to, and says so of none', async () => {
    serve({ 'task/list': () => ({ result: { tasks: [], total: 0 } }) })
    expect((await hai('task', 'ls', '--errands')).stderr).toContain('no chat client has sent an errand yet')
    expect(lastArgs('task/list')).toEqual({ errands: true })
    const ran = await hai('task', 'ls', '--errands', '--state', 'dead')
    expect(ran.stderr).toContain('no errand matches state “dead”; hai task ls --errands shows all')
  })

  it('says of a chat for how many questions its line stands', async () => {
    const tasks = [aTask({ questions: 4 }), aTask({ questions: 1 }), aTask()]
    serve({ 'task/list': () => ({ result: { tasks, total: 3 } }) })
    const ends = (await hai('task', 'ls')).stdout.split('\n').map((line) => line.slice(-16))
    expect(ends.filter(Boolean)).toEqual(
      ['? (4 questions)', ' what is open?', ' what is open?'].map((end) => expect.stringContaining(end)),
    )
  })

  it('turns --since into an instant', async () => {
    serve({ 'task/list': () => ({ result: { tasks: [] } }) })
    const before = Date.now()
    await hai('task', 'ls', '--since', '2h')
    const since = Date.parse(String(lastArgs('task/list')?.since))
    expect(since).toBeGreaterThanOrEqual(before - 7_200_000)
    expect(since).toBeLessThanOrEqual(Date.now() - 7_200_000)
  })

  it.each<[string, string[], object, string]>([
    [
      'how much of it is shown',
      [],
      { total: 92, next_cursor: 'n-1' },
      '1 of 92; the next ones: --cursor n-1; all: --all',
    ],
    [
      'that nobody counted on',
      [],
      { total: 10_000, total_capped: true, next_cursor: 'n' },
      '1 of more than 10000; the next ones: --cursor n',
    ],
    [
      'how far it was searched',
      ['--text', 'x'],
      { total: 1, total_capped: true, next_cursor: 'n' },
      '1 among the newest 10,000; the next ones: --cursor n; older ones too: --all',
    ],
  ])('says of a list %s', async (_, argv, told, note) => {
    serve({ 'task/list': () => ({ result: { tasks: [aTask()], ...told } }) })
    expect((await hai('task', 'ls', ...argv)).stderr).toBe(`profile ${server.env.HAI_ENDPOINT}\n${note}\n`)
  })

  it('says nothing more of a list that is whole', async () => {
    serve({ 'task/list': () => ({ result: { tasks: [aTask()], total: 1 } }) })
    expect((await hai('task', 'ls')).stderr).toBe(`profile ${server.env.HAI_ENDPOINT}\n`)
  })

  it.each([['--all'], ['--limit', 'all'], ['--limit', '700']])(
    'fetches page after page for %s %s',
    async (...argv) => {
      const pages = [500, 500, 3].map((length, page) =>
        Array.from({ length }, (_, n) =>
          aTask({ id: ulid(page * 500 + n), excerpt: `task ${page * 500 + n}` }),
        ),
      )
      serve({
        'task/list': ({ limit, cursor }) => {
          const page = Number(cursor ?? 0)
          const tasks = pages[page]!.slice(0, limit as number)
          return { result: { tasks, total: 1003, ...(page < 2 ? { next_cursor: `${page + 1}` } : {}) } }
        },
      })
      const ran = await hai('task', 'ls', ...argv, '--json')
      const list = JSON.parse(ran.stdout)
      expect(list.tasks).toHaveLength(argv.includes('700') ? 700 : 1003)
      expect(list.total).toBe(1003)
    },
  )

  it('tells an empty list from one in which nothing matches, and says what was looked for', async () => {
    serve({ 'task/list': () => ({ result: { tasks: [], total: 0 } }) })
    const said = async (...argv: string[]) => {
      const ran = await hai('task', 'ls', ...argv)
      expect(ran).toMatchObject({ exit: 0, stdout: '' })
      return ran.stderr.replace(/^profile .*\n/, '')
    }
    expect(await said()).toBe('no task was put down yet\n')
    expect(await said('--state', 'Dead,EXPIRED', '--text', 'batt', '--in', '#x')).toBe(
      'no task matches state “dead,expired”, conversation “#x”, text “batt”; hai task ls shows all\n',
    )
  })

  it("prints exactly the webhook's result with --json", async () => {
    const doors: [string, string[], object][] = [
      ['task/list', ['task', 'ls'], { tasks: [aTask()], next_cursor: 'x' }],
      ['task/show', ['task', 'show', TASK_ID], aView()],
      ['task/result', ['task', 'result', TASK_ID], { id: TASK_ID, state: 'done', output: 'ok' }],
      ['task/cancel', ['task', 'cancel', TASK_ID], aTask({ state: 'cancelled' })],
      ['task/retry', ['task', 'retry', TASK_ID], aTask({ state: 'pending' })],
      ['task/feedback', ['task', 'rate', TASK_ID, 'useful'], aTask()],
      ['todo/add', ['todo', 'add', 'x'], aTodo()],
      ['todo/list', ['todo', 'ls'], { todos: [aTodo()] }],
      ['todo/show', ['todo', 'show', 'x'], aTodo()],
      ['todo/update', ['todo', 'done', 'x'], aTodo({ status: 'done' })],
      ['home', ['home'], aHome()],
    ]
    for (const [door, argv, result] of doors) {
      serve({ [door]: () => ({ result }) })
      expect(await hai(...argv, '--json'), door).toMatchObject({
        exit: 0,
        stdout: `${JSON.stringify(result, null, 2)}\n`,
      })
    }
  })

  it('tails from the first event, prints the answer and ends with the status of the state', async () => {
    serve(doorsOfTask('cancelled', {}, [anEvent(1, 'accepted'), anEvent(2, 'cancelled by operator')]))
    serve({ 'task/show': () => ({ result: aView() }) })
    const ran = await hai('task', 'tail', 'ab7f3k', '-v')
    expect(ran.exit).toBe(7)
    expect(ran.stderr).toContain(
      'accepted\ncancelled by operator\nhai: task AB7F3K was cancelled\n→ hai task retry AB7F3K',
    )
  })

  it('says of an unfinished task that it is not finished', async () => {
    serve({ 'task/result': () => ({ result: { id: TASK_ID, state: 'running' } }) })
    const ran = await hai('task', 'result', 'ab7f3k')
    expect(ran).toMatchObject({ exit: 124, stdout: '' })
    expect(ran.stderr).toContain('task AB7F3K is not finished: it is running\n→ hai task tail AB7F3K')
  })

  it('passes verdict, note and reason on', async () => {
    serve({
      'task/feedback': () => ({ result: aTask() }),
      'task/cancel': () => ({ result: aTask({ state: 'cancelled' }) }),
    })
    await hai('task', 'rate', 'ab7f3k', 'noise', '--note', 'knew it')
    expect(lastArgs('task/feedback')).toEqual({ id: 'ab7f3k', verdict: 'noise', note: 'knew it' })
    expect((await hai('task', 'cancel', '@', '--reason', 'found it')).stdout).toBe(
      'AB7F3K cancelled: what is open?\n',
    )
    expect(lastArgs('task/cancel')).toEqual({ id: TASK_ID, reason: 'found it' })
  })

  it("prints the log of the task's job", async () => {
    serve({
      'task/show': () => ({ result: aView() }),
      'jobs_u/get_logs/job-1': () => ({ status: 200, body: 'line 1\nline 2' }),
    })
    expect(await hai('task', 'logs', TASK_ID)).toMatchObject({ exit: 0, stdout: 'line 1\nline 2\n' })
  })

  it('says that a log is empty, or kept no longer', async () => {
    serve({
      'task/show': () => ({ result: aView() }),
      'jobs_u/get_logs/job-1': () => ({ status: 200, body: '' }),
    })
    const empty = await hai('task', 'logs', TASK_ID)
    expect(empty).toMatchObject({ exit: 0, stdout: '' })
    expect(empty.stderr).toContain('its job job-1 has written nothing; its steps: hai task show AB7F3K')
    serve({
      'task/show': () => ({ result: aView() }),
      'jobs_u/get_logs/job-1': () => ({ status: 404, body: 'not found' }),
    })
    const gone = await hai('task', 'logs', TASK_ID)
    expect(gone).toMatchObject({ exit: 3, stdout: '' })
    expect(gone.stderr).toContain(
      'hai: the log of task AB7F3K is kept no longer, or not yours to read\n→ hai task show AB7F3K has what came of it\n',
    )
  })

  it('says that a task without a job has no log', async () => {
    serve({ 'task/show': () => ({ result: aView({ job_id: null }) }) })
    expect(await hai('task', 'logs', TASK_ID)).toMatchObject({ exit: 3, stdout: '' })
  })
})

describe('hai alone', () => {
  it('shows what matters in at most 12 lines', async () => {
    const tasks = Array.from({ length: 9 }, (_, n) => aTask({ id: ulid(n), excerpt: `task ${n}` }))
    const due = Array.from({ length: 9 }, (_, n) => aTodo({ id: ulid(n), body: `todo ${n}` }))
    const full = { waiting_for_you: tasks, running: tasks, finished: tasks, failed: tasks, pending: 4 }
    const totals = { waiting_for_you: 9, running: 10, finished: 1204, failed: 28 }
    const todos = { open: 30, overdue: 2, due_today: 22, due_later: 5, undated: 1, next: due }
    serve({ home: () => ({ result: aHome({ ...full, totals, todos, spent_usd: 1.5 }) }) })
    for (const columns of [40, 80, undefined]) {
      const ran = await runHai([], { env, ...(columns ? { columns } : {}) })
      const lines = ran.stdout.trimEnd().split('\n')
      expect(ran.exit).toBe(0)
      expect(lines.length).toBeLessThanOrEqual(12)
      expect(lines.at(-1)).toContain('30 todos open, 4 tasks pending')
      const due = '2 overdue, 22 due today, 5 due later, 1 without a date'
      for (const title of ['9 wait for you', '28 failed', '10 running', '1204 finished', due]) {
        expect(ran.stdout).toContain(title)
      }
    }
  })

  it('marks a todo that recurs, in line with the others', async () => {
    const next = [aTodo({ recur: 'every Monday', body: 'bins' }), aTodo({ id: ulid(2), body: 'battery' })]
    serve({ home: () => ({ result: aHome({ todos: { open: 2, due_later: 2, next } }) }) })
    const [, one, other] = (await runHai([], { env })).stdout.split('\n')
    expect(one).toMatch(/2099 ↻ {2}bins$/)
    expect(other!.indexOf('battery')).toBe(one!.indexOf('bins'))
  })

  it('names what is wrong with a backend', async () => {
    const problem = 'ollama has been unreachable for 4 min (connect ECONNREFUSED)'
    serve({ home: () => ({ result: aHome({ problems: [problem] }) }) })
    expect((await hai()).stdout).toBe(`1 problem\n  ${problem}\n0 todos open\n`)
  })

  it('says of less than a cent that it is more than nothing', async () => {
    serve({ home: () => ({ result: aHome({ spent_usd: 0.0002 }) }) })
    expect((await hai()).stdout).toContain('<$0.01 spent today')
  })

  it('says that all is quiet', async () => {
    serve({ home: () => ({ result: aHome() }) })
    expect((await hai()).stdout).toBe(
      'All quiet: nothing waits for you, nothing failed, nothing is due.\n0 todos open\n',
    )
  })
})
