import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as elapse } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, vi } from 'vitest'
import type { TaskCost } from '../../f/hai/core/cost/shape.ts'
import type { Accepted, TaskView } from '../../f/hai/core/task/shape.ts'
import { runHai } from '../cli/run-hai.ts'
import type { Ran } from '../support/hai.ts'
import { PATIENCE } from '../support/patience.ts'
import { startStack, type TestStack } from '../support/stack.ts'

/** An operator's evening: one stack, his terminal, and what he writes into his settings. */
export interface Evening {
  stack: TestStack
  /** One command line; what it leaves on stdout and stderr, and its exit code. */
  run(...argv: string[]): Promise<Ran>
  /** The same with text piped in. */
  piped(input: string, ...argv: string[]): Promise<Ran>
  json<T>(...argv: string[]): Promise<T>
  /** Writes a settings file of the operator's. */
  settings(name: string, text: string): void
  /** Puts all questions down in one go, and gives their ids in order. */
  putDown(...contents: (string | Record<string, unknown>)[]): Promise<string[]>
  /** What `task show` says of a task once it has ended. */
  settled(id: string): Promise<TaskView>
  show(id: string): Promise<TaskView>
  costs(id: string): Promise<TaskCost>
  /** Lets what is known of the backends' troubles be as after a long time: unknown. */
  forget(): Promise<void>
}

const opened: postgres.Sql[] = []
afterAll(() => Promise.all(opened.map((sql) => sql.end({ timeout: 1 }))))

const ENDED = ['done', 'dead', 'cancelled', 'expired', 'rejected']

export async function anEvening(env: Record<string, string> = {}, shared = true): Promise<Evening> {
  const stack = await startStack({ shared, env: { TZ: 'UTC', ...env } })
  const sql = postgres(stack.instance.database_url, { max: 1, onnotice: () => {} })
  opened.push(sql)
  const folder = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  mkdirSync(folder, { recursive: true })
  // in this process, where a process of its own adds nothing to what is looked at
  vi.stubEnv('TZ', 'UTC')
  const typed = async (argv: string[], stdin?: string): Promise<Ran> => {
    const { exit, ...said } = await runHai(argv, {
      env: stack.env,
      ...(stdin === undefined ? {} : { stdin }),
    })
    return { code: exit, ...said }
  }
  const run = (...argv: string[]) => typed(argv)
  const show = async (id: string) => (await stack.call<TaskView>('f/hai/task/show', { id })).body
  return {
    stack,
    run,
    piped: (input, ...argv) => typed(argv, input),
    json: async (...argv) => {
      const { stdout, stderr } = await run(...argv, '--json')
      if (stdout === '') throw new Error(`hai ${argv.join(' ')} --json wrote nothing: ${stderr}`)
      return JSON.parse(stdout)
    },
    settings: (name, text) => writeFileSync(join(folder, name), text),
    putDown: async (...contents) => {
      const body = contents.map((content) => ({
        source: 'cli',
        ...(typeof content === 'string' ? { content } : content),
      }))
      const answer = await stack.call<Accepted[]>('f/hai/inbox', { body })
      if (answer.status !== 200) throw new Error(JSON.stringify(answer))
      return answer.body.map(({ task_id }) => task_id)
    },
    settled: async (id) => {
      const deadline = Date.now() + PATIENCE.timeout
      // of the database: to ask the door each time is most of the work of such a test
      const hasEnded = async () => {
        const rows = await sql`select from hai.task_queue where id = ${id} and state::text = any(${ENDED})`
        return rows.length > 0
      }
      while (Date.now() < deadline && !(await hasEnded().catch(() => false))) await elapse(20)
      // one that has not ended by then is shown too: what it says tells why
      return show(id)
    },
    show,
    costs: async (id) => {
      const { stdout, stderr } = await run('cost', 'task', id, '--json')
      if (stdout === '') throw new Error(stderr)
      return JSON.parse(stdout)
    },
    forget: async () => {
      await sql`delete from hai.endpoint`
    },
  }
}

/** All that is said of a task: its events' text and its error, a line each. */
export const said = (task: TaskView): string =>
  [
    ...task.events.filter(({ type }) => type !== 'delta').map(({ text }) => text),
    task.error?.message ?? '',
    task.error?.next_step ?? '',
  ].join('\n')

/** The notices of a task: what the person must know of its answer. */
export const notices = (task: TaskView): string[] =>
  task.events.filter(({ type }) => type === 'notice' || type === 'cut').map(({ text }) => text)
