import { readFileSync } from 'node:fs'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Accepted, TaskView } from '../../f/hai/core/task/shape.ts'
import type { TodoList } from '../../f/hai/core/todo/shape.ts'
import { ensureRunning, type Instance, readInstance } from '../../runner/instance.ts'
import { commandOf, signal } from '../../runner/process/table.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startStack()
})

const instance = () => readInstance(stack.env.HAI_DATA_DIR!)!
const everyPid = ({ pids }: Instance) => [
  pids.runner,
  ...pids.workers,
  ...(pids.postgres ? [pids.postgres] : []),
]
/** A process that is killed is there for a moment yet, and a stack of which it is the runner with it. */
async function kill(pids: number[]): Promise<void> {
  for (const pid of pids) signal(pid, 'SIGKILL')
  for (const pid of pids) await expect.poll(() => commandOf(pid)).toBeUndefined()
}
const restart = () => ensureRunning({ env: stack.env, progress: () => {} })

async function call<T>(path: string, args: unknown): Promise<T> {
  const { endpoint, workspace, token_file } = instance()
  const response = await fetch(`${endpoint}/api/w/${workspace}/jobs/run_wait_result/p/f/hai/${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${readFileSync(token_file, 'utf8').trim()}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(args),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

const submit = (content: string) => call<Accepted>('inbox', { body: { source: 'cli', content } })
const show = (id: string) => call<TaskView>('task/show', { id })
const until = (id: string, state: string) =>
  expect.poll(async () => (await show(id)).state, { interval: 100 }).toBe(state)
const todosTagged = async (tag: string) => (await call<TodoList>('todo/list', { tag })).todos

async function inDatabase<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(instance().database_url, { max: 1, onnotice: () => {} })
  return work(sql).finally(() => sql.end({ timeout: 1 }))
}

/** Lets the lease of a task run out, and the sweep find that: by themselves these take up to 75 s. */
async function hasten(id: string): Promise<void> {
  await inDatabase((sql) => sql`update hai.lease set until = now() - interval '1 s' where task_id = ${id}`)
  await call('worker/sweep', {})
}

/** Keeps every task that adds a todo running until `release`: its insert waits for our lock. */
async function holdTodos(): Promise<{ release(): Promise<void> }> {
  const sql = postgres(instance().database_url, { max: 1, onnotice: () => {} })
  await sql`begin`
  await sql`lock table hai.todo in share mode`
  return {
    release: async () => {
      await sql`rollback`.catch(() => {})
      await sql.end({ timeout: 1 })
    },
  }
}

async function running(tag: string): Promise<{ id: string; release(): Promise<void> }> {
  const lock = await holdTodos()
  // of a list a worker answers: one alone would keep the job that takes it in waiting for the lock
  const envelope = { source: 'cli', content: `add todo: survive #${tag}` }
  const [accepted] = await call<Accepted[]>('inbox', { body: [envelope] })
  const id = accepted!.task_id
  await until(id, 'running')
  return { id, ...lock }
}

async function finishedOnce(id: string, tag: string): Promise<TaskView> {
  await until(id, 'done')
  expect((await todosTagged(tag)).length).toBe(1)
  const task = await show(id)
  expect(task.events.filter((event) => event.type === 'done').length).toBe(1)
  return task
}

describe('a task that runs', () => {
  it('comes back and finishes once when its worker is killed', async () => {
    const task = await running('worker')
    for (const pid of instance().pids.workers) process.kill(pid, 'SIGKILL')
    await task.release()
    const after = await finishedOnce(task.id, 'worker')
    expect(after.attempt).toBe(2)
  })

  it('comes back and finishes once when the whole stack is killed', async () => {
    const task = await running('stack')
    await kill(everyPid(instance()))
    await task.release()
    await restart()
    await hasten(task.id)
    await finishedOnce(task.id, 'stack')
  })

  it('comes back and finishes once when the stack is told to stop while its worker hangs', async () => {
    const task = await running('down')
    process.kill(instance().pids.runner, 'SIGTERM')
    await expect.poll(() => readInstance(stack.env.HAI_DATA_DIR!)).toBeUndefined()
    await task.release()
    await restart()
    await hasten(task.id)
    await finishedOnce(task.id, 'down')
  })

  it('has one result when the whole machine sleeps longer than the lease', async () => {
    const task = await running('sleep')
    const pids = everyPid(instance())
    // 2 s count as a minute: the lease is as good as over, and the last sweep was long ago
    await inDatabase(async (sql) => {
      await sql`update hai.lease set until = now() + interval '1.5 s'`
      await sql`update hai.pulse set last_at = last_at - interval '1 minute' where name = 'f/hai/worker/sweep'`
    })
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    const woken = Date.now() + 2000
    await expect.poll(() => Date.now() > woken).toBe(true)
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    await task.release()
    expect((await finishedOnce(task.id, 'sleep')).attempt).toBe(1)
  })
})

describe('postgres killed under load', () => {
  it('refuses calls while it is away, comes back by itself, and has every acknowledged task', async () => {
    const acknowledged: string[] = []
    const refused: string[] = []
    let stop = false
    const clients = Array.from({ length: 4 }, async () => {
      while (!stop) {
        try {
          acknowledged.push((await submit('what is open?')).task_id)
        } catch (error) {
          refused.push(String(error))
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    })
    try {
      await expect.poll(() => acknowledged.length).toBeGreaterThan(50)
      process.kill(instance().pids.postgres!, 'SIGKILL')
      await expect.poll(() => refused.length).toBeGreaterThan(0)
      const before = acknowledged.length
      await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 50)
    } finally {
      stop = true
      await Promise.all(clients)
    }

    expect(refused.filter((error) => !error.includes('503'))).toEqual([])
    const found = await inDatabase(
      (sql) => sql`select id from hai.task_queue where id = any(${acknowledged})`,
    )
    expect(found.length).toBe(acknowledged.length)
  })
})

afterAll(async () => {
  await stack.stop()
})
