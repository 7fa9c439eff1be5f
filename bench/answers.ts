import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import postgres from 'postgres'
import type { Accepted, TaskSummary } from '../f/hai/core/task/shape.ts'
import type { Answer } from '../tests/support/models/behaviour.ts'
import type { FakeServer } from '../tests/support/models/fake-server.ts'
import { fakeOllama } from '../tests/support/models/ollama.ts'
import { cpuOf, cpuSeconds } from './footprint.ts'
import { median, paired, report } from './measure.ts'
import { BenchStack } from './stack.ts'

const QUESTION = 'why would a ZFS scrub slow down at night?'
const SLOTS = 20
const TASKS = 200
const CALL_SECONDS = 2
const STEPS = 1000

/** Only what `hai ask` takes beside curl. */
export const overheadAlone = (): Promise<void> => besideOllama(overhead)

/** What hai adds to a model's own time, measured against a server that answers as Ollama does. */
export const answers = (): Promise<void> =>
  besideOllama(async (stack, ollama) => {
    await overhead(stack, ollama)
    await firstRequest(stack, ollama)
    await firstText(stack, ollama)
    await streaming(stack, ollama)
    await throughput(stack, ollama)
    await manySteps(stack)
  })

async function besideOllama(
  measure: (stack: BenchStack, ollama: FakeServer) => Promise<void>,
): Promise<void> {
  const ollama = await fakeOllama()
  const stack = new BenchStack()
  stack.env.OLLAMA_HOST = ollama.url
  try {
    await stack.up()
    await asked(stack)
    await measure(stack, ollama)
  } finally {
    await stack.remove()
    await ollama.stop()
  }
}

const ask = (stack: BenchStack) =>
  stack.call<Accepted>('f/hai/inbox', { body: { source: 'cli', content: QUESTION } })

async function ended(stack: BenchStack, id: string): Promise<void> {
  for (;;) {
    const { state } = await stack.call<TaskSummary>('f/hai/task/result', { id })
    if (state === 'done') return
    if (state !== 'pending' && state !== 'running') throw new Error(`the task ended ${state}`)
    await setTimeout(10)
  }
}

/** One question from acceptance to its end. */
async function asked(stack: BenchStack): Promise<void> {
  await ended(stack, (await ask(stack)).task_id)
}

const lastCall = (server: FakeServer) => server.callsOf('/v1/chat/completions').at(-1)!

async function firstRequest(stack: BenchStack, server: FakeServer): Promise<void> {
  const times: number[] = []
  for (let n = 0; n < 25; n += 1) {
    const { task_id } = await ask(stack)
    const acknowledged = Date.now()
    await ended(stack, task_id)
    times.push(lastCall(server).at - acknowledged)
  }
  report("the backend's first request after the inbox's ack, p50", median(times), ' ms', 60)
}

/** The command in a process of its own, and when its first text came; milliseconds since the epoch. */
function typed(stack: BenchStack, ...args: string[]) {
  return run(stack, stack.hai(...args))
}

function run(stack: BenchStack, [command, ...rest]: string[]) {
  const child = spawn(command!, rest, { env: stack.env, stdio: ['ignore', 'pipe', 'ignore'] })
  const first = new Promise<number>((resolve) => child.stdout.once('data', () => resolve(Date.now())))
  const done = new Promise<number>((resolve, reject) =>
    child.once('close', (code) =>
      code === 0 ? resolve(Date.now()) : reject(new Error(`hai exited ${code}`)),
    ),
  )
  child.stdout.resume()
  return { pid: child.pid!, first, done }
}

async function firstText(stack: BenchStack, server: FakeServer): Promise<void> {
  const times: number[] = []
  for (let n = 0; n < 11; n += 1) {
    server.next({ text: ['Because ', 'it reads ', 'everything.'], pause: { first: 300, between: 300 } })
    const { first, done } = typed(stack, 'ask', QUESTION)
    const shown = await first
    await done
    times.push(shown - lastCall(server).firstPieceAt!)
  }
  report('first text on the terminal after the backend sent it, p50', median(times), ' ms', 100)
}

/** A model's 64 tokens by `hai ask` and by curl, in turn, in units of what starting any Node program takes. */
async function overhead(stack: BenchStack, server: FakeServer): Promise<void> {
  const body = JSON.stringify({
    model: 'llama3.2:3b',
    messages: [{ role: 'user', content: QUESTION }],
    stream: true,
  })
  const curl = [
    '-sN',
    '-H',
    'content-type: application/json',
    '-d',
    body,
    `${server.url}/v1/chat/completions`,
  ]
  const text = Array.from({ length: 64 }, (_, n) => `word${n} `)
  const added: { first: number; whole: number; node: number }[] = []
  for (let n = 0; n < 15; n += 1) {
    server.next({ text, pause: { first: 60, between: 7 } }, { text, pause: { first: 60, between: 7 } })
    const bare = await timed(run(stack, ['curl', ...curl]))
    const asked = await timed(run(stack, stack.hai('ask', QUESTION)))
    const node = await timed(run(stack, [process.execPath, '-e', '0']))
    added.push({ first: asked.first - bare.first, whole: asked.whole - bare.whole, node: node.whole })
  }
  const node = median(added.map((one) => one.node))
  const first = median(added.map((one) => one.first))
  const whole = median(added.map((one) => one.whole))
  const beside = `beside curl, node -e 0 is ${node.toFixed(0)} ms`
  report(`added before the first text (${first.toFixed(0)} ms), ${beside}`, first / node, ' ×', 1.5)
  report(`added to the whole answer (${whole.toFixed(0)} ms), ${beside}`, whole / node, ' ×', 2)
}

async function timed({ first, done }: { first: Promise<number>; done: Promise<number> }) {
  const begin = Date.now()
  const whole = (await done) - begin
  return { first: (await Promise.race([first, done])) - begin, whole }
}

async function streaming(stack: BenchStack, server: FakeServer): Promise<void> {
  const text = Array.from({ length: 1600 }, (_, n) => `word${n} `)
  server.next({ text, pause: { between: 5 } } satisfies Answer)
  const { pid, first, done } = typed(stack, 'ask', QUESTION)
  const from = await first
  const before = cpuSeconds(stack)
  const command = meter(pid)
  const seconds = ((await done) - from) / 1000
  const used = cpuSeconds(stack) - before + command.stop()
  const rate = text.length / seconds
  report(
    `text at ${rate.toFixed(0)} tokens/s: all processes, share of one core`,
    (used / seconds) * 100,
    ' %',
    15,
  )
}

/** CPU seconds that a process uses from now on, as last seen before it is gone. */
function meter(pid: number): { stop(): number } {
  const from = cpuOf(pid)
  let last = from
  const timer = setInterval(() => {
    last = Math.max(last, cpuOf(pid))
  }, 50)
  return {
    stop: () => {
      clearInterval(timer)
      return last - from
    },
  }
}

async function throughput(stack: BenchStack, server: FakeServer): Promise<void> {
  const sql = postgres(stack.instance.database_url)
  await sql`insert into hai.lane_slot (lane, no) select 'interactive', generate_series(5, ${SLOTS}::int)`
  // a local model takes one call at a time unless its slots say more
  const models = join(stack.home, '.config', 'hai', 'models.yaml')
  mkdirSync(dirname(models), { recursive: true })
  writeFileSync(
    models,
    `backends:\n  ollama: { kind: openai-compatible, url: '${server.url}/v1', billing: local, slots: ${SLOTS}, models: { 'llama3.2:3b': {} } }\n`,
  )
  server.byDefault({ text: 'Because.', pause: { headers: CALL_SECONDS * 1000 } })
  const begin = performance.now()
  const body = Array.from({ length: TASKS }, () => ({ source: 'cli', content: QUESTION }))
  await stack.call('f/hai/inbox', { body })
  for (;;) {
    const [row] = await sql<{ open: number }[]>`
      select count(*)::int as open from hai.task_queue where finished_at is null`
    if (row!.open === 0) break
    await setTimeout(20)
  }
  const ideal = (TASKS / SLOTS) * CALL_SECONDS
  const took = (performance.now() - begin) / 1000
  report(
    `${TASKS} tasks, ${SLOTS} at once, ${CALL_SECONDS} s each, beside the ideal ${ideal} s`,
    took / ideal,
    ' ×',
    1.15,
  )
  const [row] = await sql<
    { done: number }[]
  >`select count(*)::int as done from hai.task_queue where state = 'done'`
  report('tasks of it that did not end done', Math.max(0, TASKS - row!.done), '', 0)
  server.byDefault({ text: 'Because.' })
  await sql.end()
}

async function manySteps(stack: BenchStack): Promise<void> {
  const sql = postgres(stack.instance.database_url)
  const [task] = await sql<{ id: string }[]>`select id from hai.task_queue where state = 'done' limit 1`
  await sql`
    insert into hai.task_event (task_id, seq, type, text, data)
    select ${task!.id}, last_seq + n, 'step_done', 'ollama/llama3.2:3b (12 ms)', '{"ms": 12}'
    from hai.task_queue, generate_series(1, ${STEPS}::int) n where id = ${task!.id}`
  await sql`update hai.task_queue set last_seq = last_seq + ${STEPS} where id = ${task!.id}`
  await sql.end()
  const node = [process.execPath, '-e', '0']
  for (const verb of ['show', 'tail']) {
    const { a, b } = paired(stack.hai('task', verb, task!.id), node, stack.env, 9)
    report(`hai task ${verb}, ${STEPS} steps: whole command (node -e 0: ${b.toFixed(0)} ms)`, a, ' ms', 200)
  }
}
