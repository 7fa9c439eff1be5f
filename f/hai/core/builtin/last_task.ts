import type { Sql } from '../base/db.ts'
import { contains, termsOf } from '../base/normal.ts'
import { summaryColumns } from '../task/list.ts'
import type { State, TaskSummary } from '../task/shape.ts'
import type { Asker } from './grammar.ts'

/** Of how many tasks somebody is told who named several. */
const MOST = 6

/** The asker's own tasks that may be meant by "that", the newest first. */
export interface Meant {
  /** Of this conversation where something was said in it before, else of all. */
  tasks: TaskSummary[]
  /** Whether something was said in this conversation before. */
  inConversation: boolean
}

const columns = (sql: Sql) => sql`${summaryColumns(sql)}`

/** What the asker put down, without errands, this very message and what hai answered itself: nobody means those by "that". */
const own = (sql: Sql, { caller, task_id }: Asker) => sql`
  requester = ${caller.name} and not errand and id <> ${task_id ?? ''} and agent is distinct from 'built-in'`

/**
 * Tasks in these states that "that" may mean: those of this conversation, and where nothing but hai's own answers was said
 * in it, all of the asker's.
 */
export async function meantTasks(sql: Sql, states: readonly State[], asker: Asker): Promise<Meant> {
  const conversation = await conversationOf(sql, asker)
  const [said] = conversation
    ? await sql`select from hai.task_queue where conversation_id = ${conversation} and ${own(sql, asker)} limit 1`
    : []
  const inConversation = said !== undefined
  const tasks = await sql<TaskSummary[]>`
    select ${columns(sql)} from hai.task_queue
    where ${own(sql, asker)} and state = any(${[...states]})
      ${inConversation ? sql`and conversation_id = ${conversation!}` : sql``}
    order by created_at desc, id desc limit ${MOST}`
  return { tasks: [...tasks], inConversation }
}

/** Tasks in these states that say all of these words, the newest first. */
export async function tasksSaying(
  sql: Sql,
  words: string,
  states: readonly State[],
  asker: Asker,
): Promise<TaskSummary[]> {
  const tasks = await sql<TaskSummary[]>`
    select ${columns(sql)} from hai.task_queue
    where ${own(sql, asker)} and state = any(${[...states]}) ${contains(sql, sql`content`, termsOf(words))}
    order by created_at desc, id desc limit ${MOST}`
  return [...tasks]
}

/** The asker's newest task that is no answer of hai's own, whatever its state. */
export async function lastTask(
  sql: Sql,
  states: readonly State[],
  asker: Asker,
): Promise<TaskSummary | undefined> {
  const { tasks } = await meantTasks(sql, states, asker)
  return tasks[0]
}

async function conversationOf(sql: Sql, { task_id }: Asker): Promise<string | undefined> {
  if (!task_id) return undefined
  const [task] = await sql<{ conversation_id: string }[]>`
    select conversation_id from hai.task_queue where id = ${task_id}`
  return task?.conversation_id
}
