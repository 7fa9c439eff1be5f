import { setTimeout } from 'node:timers/promises'
import type { Accepted, TaskSummary } from '../f/hai/core/task/shape.ts'
import type { Todo } from '../f/hai/core/todo/shape.ts'
import { cpuSeconds, memoryMegabytes } from './footprint.ts'
import { load, paired, report } from './measure.ts'
import { BenchStack } from './stack.ts'

/** The schedules come round once a minute. */
const IDLE_SECONDS = 60
const WORK_PROCESSES = 8

/** The spine's figures: start-up, doors, the way from Enter to an answer, the stack's own weight. Stops what it started. */
export async function spine(): Promise<void> {
  const stack = new BenchStack()
  try {
    report('hai up, cold: new database', (await stack.up()) / 1000, ' s', 2.5)
    await stack.down()
    report('hai up, warm', (await stack.up()) / 1000, ' s', 0.8)
    await idle(stack)
    await commandLine(stack)
    await doors(stack)
  } finally {
    await stack.remove()
  }
}

/** The whole command beside a bare `node -e 0`, in turn. */
async function commandLine(stack: BenchStack): Promise<void> {
  const node = [process.execPath, '-e', '0']
  for (const [args, target] of [
    [['--version'], 1.25],
    [['todo', 'ls'], 1.6],
    [['ask', 'what is open?'], 2.2],
  ] as const) {
    const { a, b, ratio } = paired(stack.hai(...args), node, stack.env)
    report(
      `hai ${args.join(' ')}, beside node -e 0 (${a.toFixed(0)} / ${b.toFixed(0)} ms)`,
      ratio,
      ' ×',
      target,
    )
  }
}

async function doors(stack: BenchStack): Promise<void> {
  await stack.call<Todo>('f/hai/todo/add', { body: 'measure twice' })
  const list = async () => void (await stack.call('f/hai/todo/list', {}))
  await load(300, 10, list)
  const alone = await load(500, 1, list)
  report('a door (todo/list), concurrency 1, p50', alone.p50, ' ms', 8)
  const ten = await load(3000, 10, list)
  report('the same, concurrency 10', ten.perSecond, '/s', 300, 'more')
  const wrong = await mixedUp(stack, 200)
  report('200 calls at once: lost or mixed up', wrong, '', 0)

  for (let n = 0; n < WORK_PROCESSES; n++) await stack.start('f/bench/block', { seconds: 300 })
  await setTimeout(1000)
  const blocked = await load(500, 1, list)
  report(
    `a door with ${WORK_PROCESSES} work processes blocked, p95 beside idle p95`,
    blocked.p95 / alone.p95,
    ' ×',
    2,
  )
  const { task_id } = await stack.call<Accepted>('f/hai/inbox', {
    // what needs no model would be answered by then
    body: { source: 'cli', content: 'why is the rack so loud?' },
  })
  const cancelled = await stack.call<TaskSummary>('f/hai/task/cancel', { id: task_id })
  report('task cancel meanwhile: states other than cancelled', Number(cancelled.state !== 'cancelled'), '', 0)
}

async function mixedUp(stack: BenchStack, count: number): Promise<number> {
  let wrong = 0
  await load(count, count, async (n) => {
    const answer = await stack.call<number>('f/hai/bench/echo', { n }).catch(() => undefined)
    if (answer !== n) wrong += 1
  })
  return wrong
}

/** CPU and memory of every process of the stack while nobody asks anything; Linux only, from /proc. */
async function idle(stack: BenchStack): Promise<void> {
  await setTimeout(5000)
  const before = cpuSeconds(stack)
  await setTimeout(IDLE_SECONDS * 1000)
  report(
    `idle for ${IDLE_SECONDS} s: share of one core`,
    ((cpuSeconds(stack) - before) / IDLE_SECONDS) * 100,
    ' %',
    1,
  )
  report('memory of all processes (proportional set)', memoryMegabytes(stack), ' MB', 400)
}
