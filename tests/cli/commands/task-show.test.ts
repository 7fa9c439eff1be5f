import { describe, expect, it } from 'vitest'
import { timeline } from '../../../cli/show/task.ts'
import type { TaskEvent, TaskView } from '../../../f/hai/core/task/shape.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { anEvent, aView, doorsOfTask, TASK_ID } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld((world) => {
  ;({ server, env } = world)
})

/** `hai task show` of such a task. */
function show(view: Partial<TaskView>, argv: string[] = [], world: { columns?: number } = {}) {
  server.doors['task/show'] = () => ({ result: aView(view) })
  return runHai(['task', 'show', TASK_ID, ...argv], { env, ...world })
}

const START = '2026-11-22T09:00:00.000Z'
const after = (ms: number, event: TaskEvent): TaskEvent => ({
  ...event,
  at: new Date(Date.parse(START) + ms).toISOString(),
})

describe('hai task show', () => {
  it('shows what a task waits for, why it failed, its events and its answer', async () => {
    const error = { code: 'x', message: 'connection refused', next_step: 'hai doctor' }
    const waiting_on = { code: 'retry' as const, since: START, text: 'retry in 4 min', next_step: 'wait' }
    const { stdout } = await show({ state: 'pending', error, waiting_on, output: 'the\nanswer' })
    expect(stdout).toMatch(/^AB7F3K {2}pending {2}01KAMZ5T3E8QWXYZ0001AB7F3K\n/)
    expect(stdout).toContain('retry in 4 min → wait')
    expect(stdout).toContain('connection refused → hai doctor')
    expect(stdout).toMatch(/\nEvents since \d\d:\d\d:\d\d\n {2}\+0 ms {2}accepted\n/)
    expect(stdout).toMatch(/Answer\n {2}the\n {2}answer\n$/)
  })

  it('tells how long it took and what it cost', async () => {
    const times = { started_at: START, finished_at: '2026-11-22T09:01:05.000Z' }
    const { stdout } = await show({ ...times, cost_usd: 0.0123 })
    expect(stdout).toMatch(/^finished .*, after 1 min 5 s$/m)
    expect(stdout).toMatch(/^cost +\$0\.0123$/m)
    expect((await show({ cost_usd: 0 })).stdout).not.toMatch(/^cost/m)
  })

  it('renders the answer on a terminal with colours, and leaves it alone in a pipe', async () => {
    const output = '# Steps\n\nUse **two** hands:\n```\nsudo x\n```'
    const indented = output.replace(/^(?=.)/gm, '  ')
    expect((await show({ output })).stdout).toContain(`Answer\n${indented}\n`)
    server.doors['task/show'] = () => ({ result: aView({ output }) })
    const coloured = { ...env, NO_COLOR: '', TERM: 'xterm' }
    const { stdout } = await runHai(['task', 'show', TASK_ID], { env: coloured, columns: 80 })
    const bold = (text: string) => `\u001b[1m${text}\u001b[22m`
    expect(stdout).toContain(`  ${bold('Steps')}\n\n  Use ${bold('two')} hands:\n`)
    expect((await show({ output }, [], { columns: 80 })).stdout).toContain(indented)
  })

  it('lets no answer redraw a terminal', async () => {
    expect((await show({ output: 'a\u001b[2Jb' }, [], { columns: 80 })).stdout).toContain('a�[2Jb')
  })
})

describe('the timeline', () => {
  it('shows times from the start and what each step took, and not the text of the answer', () => {
    const tokens = { input: 312, output: 88, cache_read: 0, cache_write: null, reasoning: 12 }
    const step = { ms: 1234, tokens, usd: 0.0031, billing: 'metered' }
    const events = [
      anEvent(1, 'accepted from cli'),
      after(80, { ...anEvent(2, '→ claude/fake'), type: 'route' }),
      after(300, { ...anEvent(3, 'nothing is'), type: 'delta', data: { at: 0 } }),
      after(1310, { ...anEvent(4, 'claude/fake (1234 ms)'), type: 'step_done', data: step }),
    ]
    expect(timeline(events, START)).toEqual([
      ' +0 ms  accepted from cli',
      '+80 ms  → claude/fake',
      '+1.3 s  claude/fake: 312 in, 88 out, 12 reasoning · 1.2 s · $0.0031',
    ])
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['nothing of a step that says only its time', {}, 'x: 80 ms'],
    ['no cost of a subscription', { billing: 'subscription', usd: null }, 'x: 80 ms'],
    ['no cost of a machine of one’s own', { billing: 'local', usd: 0 }, 'x: 80 ms'],
    ['that a cost is unknown', { billing: 'metered', usd: null }, 'x: 80 ms · cost unknown'],
    ['less than is shown as less', { billing: 'metered', usd: 0.00001 }, 'x: 80 ms · < $0.0001'],
    ['only tokens that were counted', { tokens: { input: null, output: 3 } }, 'x: 3 out · 80 ms'],
    [
      'that there may have been more',
      { tokens: { input: null, output: 3 }, at_least: true, usd: 0.5 },
      'x: 3+ out · 80 ms · at least $0.5000',
    ],
    [
      'what came from a cache',
      { tokens: { cache_read: 5, cache_write: 6 } },
      'x: 5 from cache, 6 to cache · 80 ms',
    ],
  ])('tells %s', (_what, data, line) => {
    const event = { ...anEvent(1, 'x (80 ms)'), type: 'step_done', data: { ms: 80, ...data } }
    expect(timeline([event], START)).toEqual([`+0 ms  ${line}`])
  })
})

describe('a long history', () => {
  const history = Array.from({ length: 2500 }, (_, n) => anEvent(n + 1, `event ${n + 1}`))
  const last = history.slice(-100)
  const totals = { steps: 0, events: 2500 }

  it('is shown from where the server begins, with how to see all', async () => {
    const { stdout } = await show({ events: last, totals })
    const lines = stdout.split('\n').filter((line) => line.includes('event '))
    expect(lines).toHaveLength(100)
    expect(stdout).toContain('  … the newest 100 of 2500; all: hai task show AB7F3K --all\n')
    expect((await show({ events: history.slice(0, 100) })).stdout).not.toContain('--all')
  })

  it('is shown whole with --all, its pieces of text left out', async () => {
    const delta = { ...anEvent(2501, 'text'), type: 'delta' }
    server.doors['task/events'] = ({ after: seq, limit }) => ({
      result: {
        events: [...history, delta].filter((event) => event.seq > Number(seq)).slice(0, Number(limit)),
      },
    })
    const ran = await show({ events: last }, ['--all'])
    expect(ran.stdout.match(/ event \d+/g)).toEqual(history.map(({ text }) => ` ${text}`))
    expect(ran.stdout).not.toContain('left out')
    const { stdout } = await show({ events: last }, ['--all', '--json'])
    expect(JSON.parse(stdout)).toEqual(aView({ events: history }))
  })

  it('is told from where the server begins when it is tailed after its end', async () => {
    Object.assign(server.doors, doorsOfTask('done', { output: 'ok' }, history))
    server.doors['task/show'] = () => ({ result: aView({ events: last, totals }) })
    const ran = await runHai(['task', 'tail', TASK_ID, '-v'], { env })
    expect(ran).toMatchObject({ exit: 0, stdout: 'ok\n' })
    expect(ran.stderr.match(/^event \d+/gm)).toEqual(last.map(({ text }) => text))
    expect(ran.stderr).toContain('the newest 100 of 2500; all: hai task show AB7F3K --all')
  })

  it('is told from its beginning while the task is under way', async () => {
    Object.assign(server.doors, doorsOfTask('running', {}, history.slice(0, 900)))
    server.doors['task/show'] = () => ({
      result: aView({ state: 'running', events: history.slice(800, 900) }),
    })
    const ran = await runHai(['task', 'tail', TASK_ID, '-v', '--timeout', '0.5'], { env })
    expect(ran.stderr.match(/^event \d+/gm)).toHaveLength(900)
    expect(ran.stderr).not.toContain('left out')
  })
})
