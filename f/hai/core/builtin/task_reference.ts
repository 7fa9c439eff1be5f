import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId, taskId, todoId } from '../base/ids.ts'
import { summaryColumns } from '../task/list.ts'
import { type Refused, STATES, type State, type TaskSummary } from '../task/shape.ts'
import { type Asker, type Reply, refusedBy, unchanged } from './grammar.ts'
import { meantTasks, tasksSaying } from './last_task.ts'
import { clipped } from './todo_lines.ts'
import { resolveTodo } from './todo_reference.ts'

/** How somebody names a task: by (the end of) its id, by words of it, or by pointing at it. */
export type TaskReference = { id: string } | { words: string } | { points: 'that' | 'last' | 'doing' }

/** What is to be done to a task, and to which. */
export interface Verb {
  name: 'retry' | 'cancel'
  states: readonly State[]
  /** Said when none of the asker's is in such a state. */
  none: string
  rule: string
}

/** `“what broke?” (7F3K2M)`: how an answer names one task. */
export const namedTask = ({ excerpt, id }: Pick<TaskSummary, 'excerpt' | 'id'>): string =>
  `“${clipped(excerpt)}” (${shortId(id)})`

/**
 * The one task that is meant; a reply that says why nothing was changed, with the candidates where there are several;
 * undefined when it is about something else, which a model may know.
 */
export async function resolveTask(
  sql: Sql,
  reference: TaskReference,
  verb: Verb,
  asker: Asker,
): Promise<{ task: TaskSummary } | { reply: Reply } | undefined> {
  if ('id' in reference) return byId(sql, reference.id, verb, asker)
  if ('words' in reference) return byWords(sql, reference.words, verb, asker)
  return pointedAt(sql, reference.points, verb, asker)
}

const not = (refused: Refused, text: string, data: unknown = []): { reply: Reply } => ({
  reply: unchanged(`${text}; nothing was changed`, data, refused),
})

async function byId(sql: Sql, given: string, { name }: Verb, { caller }: Asker) {
  try {
    const id = await taskId(sql, given, caller)
    const [task] = await sql<
      TaskSummary[]
    >`select ${summaryColumns(sql)} from hai.task_queue where id = ${id}`
    return { task: task! }
  } catch (error) {
    if (!(error instanceof HaiError) || error.code === 'unavailable') throw error
    const todo = await todoId(sql, given).catch(() => undefined)
    if (!todo) return not(refusedBy(error), error.message, error.details)
    const way = name === 'cancel' ? 'drop' : 'reopen'
    return not('not_found', `${shortId(todo)} is a todo: hai todo ${way} ${shortId(todo)}`)
  }
}

async function byWords(sql: Sql, words: string, verb: Verb, asker: Asker) {
  const tasks = await tasksSaying(sql, words, verb.states, asker)
  if (tasks.length > 1) return several(`“${words}” fits ${tasks.length} tasks`, tasks, verb)
  if (tasks[0]) return { task: tasks[0] }
  const [other] = await tasksSaying(sql, words, STATES, asker)
  if (other) return isNot(other, verb)
  const todos = verb.name === 'cancel' ? await resolveTodo(sql, { words }, ['open'], asker.zone) : []
  const [todo, ...more] = todos instanceof HaiError ? [] : todos
  if (!todo || more.length > 0) return undefined
  return not(
    'not_found',
    `no task of yours says “${words}”, and a todo does: hai todo drop ${shortId(todo.id)}`,
    todo,
  )
}

/** What is no more to be done, or not yet. */
const isNot = (task: TaskSummary, { rule }: Verb) =>
  not('conflict', `task ${namedTask(task)} is ${task.state.replaceAll('_', ' ')}, and ${rule}`, task)

async function pointedAt(sql: Sql, points: 'that' | 'last' | 'doing', verb: Verb, asker: Asker) {
  const { tasks, inConversation } = await meantTasks(sql, verb.states, asker)
  const running = tasks.filter(({ state }) => state === 'running')
  const [newest] = tasks
  if (points === 'doing') {
    const open = running.length > 0 ? running : tasks
    if (open.length > 1) return several(`${open.length} of your tasks wait or run`, open, verb)
    return open[0] ? { task: open[0] } : not('not_found', verb.none)
  }
  if (points === 'last' && newest) return { task: newest }
  const [last] = (await meantTasks(sql, STATES, asker)).tasks
  if (last && newest?.id === last.id) return { task: newest }
  // in a conversation it is the model's answer that is meant
  if (inConversation && points === 'that' && last?.state === 'done') return undefined
  if (verb.name === 'cancel') return newest ? { task: newest } : not('not_found', verb.none)
  if (!last || !newest) return not('not_found', verb.none)
  const { reply } = isNot(last, verb)
  return {
    reply: {
      ...reply,
      text: `${reply.text}. The last that can be: hai task retry ${shortId(newest.id)}, ${namedTask(newest)}`,
    },
  }
}

function several(heading: string, tasks: TaskSummary[], { name }: Verb) {
  const lines = tasks.map(
    ({ id, excerpt }) =>
      `${name === 'retry' ? `hai task retry ${shortId(id)}` : `hai task cancel ${shortId(id)}`}  ${clipped(excerpt)}`,
  )
  const text = [`${heading}, so nothing was changed; say which:`, ...lines].join('\n')
  return { reply: unchanged(text, tasks, 'conflict') }
}
