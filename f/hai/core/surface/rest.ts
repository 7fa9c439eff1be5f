import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { dayBounds } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { Tag } from '../base/normal.ts'
import { costReport } from '../cost/report.ts'
import { listTasks, States } from '../task/list.ts'
import type { Accepted, TaskList } from '../task/shape.ts'
import { listTodos } from '../todo/list.ts'
import { TODO_STATUSES, type Todo, type TodoList } from '../todo/shape.ts'
import { addTodoFor, updateTodo } from '../todo/todos.ts'
import type { Taker } from '../work/built_in.ts'
import { receive } from './inbox.ts'
import { accepted, Cursor, count, created, noText, objectOf, type Shaped } from './request.ts'

/** One envelope, strictly read, as a task: 202 with its id once it is committed, also when it was there before. */
export async function receiveOne(
  sql: Sql,
  body: unknown,
  caller: Caller,
  taker: Taker,
): Promise<Shaped<Omit<Accepted, 'job_id'>>> {
  if (Array.isArray(body)) {
    throw new HaiError('invalid', `body: ${body.length} envelopes; this route takes one, f/hai/inbox a batch`)
  }
  const { job_id: _, ...told } = (await receive(sql, body, caller, taker)) as Accepted
  return accepted(told)
}

export const TaskQuery = z.strictObject({
  state: States.optional(),
  limit: count,
  cursor: Cursor.optional(),
  text: noText('f/hai/task/list'),
})

/** Today's tasks, newest first; when a state is named, those of any day that are in it. */
export async function tasksOfToday(sql: Sql, query: unknown, caller: Caller): Promise<TaskList> {
  const { text: _, ...by } = parse(TaskQuery, query)
  // what has been open since yesterday is what one looks for under a state
  const since = by.state ? undefined : dayBounds('today', { zone: caller.zone, now: new Date() }).from
  return listTasks(sql, { ...by, since }, caller)
}

const WRITTEN = ['body', 'tags', 'priority', 'due', 'recur', 'depends_on', 'metadata']

/** 201 with the todo. Who adds it is whoever calls, whatever the body says. */
export async function createTodo(sql: Sql, body: unknown, caller: Caller): Promise<Shaped<Todo>> {
  const given = objectOf(body, [...WRITTEN, 'parse', 'idempotency_key'])
  return created(await addTodoFor(sql, given as { body: string }, caller))
}

/** Changes what the body names and nothing else. */
export async function changeTodo(sql: Sql, id: string, body: unknown, caller: Caller): Promise<Todo> {
  return updateTodo(sql, { ...objectOf(body, [...WRITTEN, 'status']), id }, caller)
}

/** Deleting one drops it: no row vanishes. */
export async function dropTodo(sql: Sql, id: string, caller: Caller): Promise<Todo> {
  return updateTodo(sql, { id, status: 'dropped' }, caller)
}

export const TodoQuery = z.strictObject({
  status: z.enum([...TODO_STATUSES, 'all']).optional(),
  tag: Tag.optional(),
  limit: count,
  cursor: Cursor.optional(),
  text: noText('f/hai/todo/list'),
})

/** Open todos by due date, or those of a status newest first. */
export async function todosOf(sql: Sql, query: unknown, { zone, sees }: Caller): Promise<TodoList> {
  const { text: _, ...by } = parse(TodoQuery, query)
  return listTodos(sql, { ...by, zone }, sees)
}

/** USD; `spent_usd` and `usd` are null while the cost of one of the calls is unknown, which is not the same as nothing. */
interface CostsToday {
  date: string
  zone: string
  spent_usd: number | null
  known_usd: number
  unknown_calls: number
  calls: number
  per_agent: { agent: string; calls: number; usd: number | null }[]
}

/** Today's calls, all together and per agent; a member's own. */
export async function costsToday(sql: Sql, caller: Caller): Promise<CostsToday> {
  const report = await costReport(sql, { days: 1, by: ['agent'] }, caller)
  const { calls, usd, known_usd, unknown_calls } = report.total
  const agents = report.by.agent ?? []
  return {
    date: report.since,
    zone: report.zone,
    spent_usd: usd,
    known_usd,
    unknown_calls,
    calls,
    per_agent: agents.map(({ key, calls, usd }) => ({ agent: key, calls, usd })),
  }
}
