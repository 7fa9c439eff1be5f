import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { listTodos } from '../todo/list.ts'
import type { Todo, TodoChanged, TodoStatus } from '../todo/shape.ts'
import { updateTodo } from '../todo/todos.ts'
import { type Closing, closingIn } from './close_phrases.ts'
import { type Asker, type Intent, type Reply, refusedBy, unchanged } from './grammar.ts'
import { changed, named, particulars, SHOWN, todoLines } from './todo_lines.ts'
import { resolveTodo, type TodoReference } from './todo_reference.ts'

const VERB: Record<TodoStatus, string> = { done: 'finished', dropped: 'dropped', open: 'reopened' }

export const closeTodoIntent: Intent<Closing> = {
  name: 'finish, drop or reopen a todo',
  examples: [
    'done: call mum',
    'mark replace the UPS battery done',
    'drop todo 7F3K2M',
    'reopen the fan todo',
  ],
  changes: true,

  match: closingIn,

  async run(sql, { status, todo: reference, loose }, asker): Promise<Reply | undefined> {
    const among: TodoStatus[] = status === 'open' ? ['done', 'dropped'] : ['open']
    const found = await resolveTodo(sql, reference, among, asker.zone)
    if (found instanceof HaiError)
      return loose
        ? undefined
        : unchanged(`${found.message}; nothing was changed`, found.details, refusedBy(found))
    const [todo, another] = status === 'open' ? lastClosed(found) : found
    if (!todo) return loose ? undefined : nothingFound(sql, reference, among, asker.zone)
    if (another) {
      const heading = `“${reference.words}” fits ${found.length} todos, so nothing was changed`
      const list = { todos: found.slice(0, SHOWN), total: found.length }
      return unchanged(todoLines(heading, list, asker), found, 'conflict')
    }
    if (todo.status === status) return { text: `${named(todo)} is ${status} already`, data: todo }
    const after = await updateTodo(sql, { id: todo.id, status }, asker.caller)
    const text = `${VERB[status]} todo ${named(after)}${comesAgain(after, asker)}`
    return { text, undo: undo(todo), todo: changed(after), data: after }
  },
}

/** Of one that recurs: the next one, or that there is none. */
function comesAgain({ status, recur, next }: TodoChanged, asker: Asker): string {
  if (next) return `\nnext: ${named(next)}${particulars(next, asker)}`
  return status === 'dropped' && recur ? `\nit recurred ${recur}, and there is no next one now` : ''
}

/** Of several that say the same the one that was closed last: what comes again is done again and again. */
function lastClosed(todos: Todo[]): Todo[] {
  const bodies = new Set(todos.map(({ body }) => body))
  if (bodies.size !== 1) return todos
  return todos.toSorted((a, b) => Date.parse(b.closed_at ?? '') - Date.parse(a.closed_at ?? '')).slice(0, 1)
}

/** The command that gives a todo back the status it had. */
function undo({ id, status }: Todo): string {
  const verb = { open: 'reopen', done: 'done', dropped: 'drop' }[status]
  return `hai todo ${verb} ${shortId(id)}`
}

async function nothingFound(
  sql: Sql,
  { words }: TodoReference,
  among: TodoStatus[],
  zone: string,
): Promise<Reply> {
  const lists = await Promise.all(among.map((status) => listTodos(sql, { status, zone, limit: 1 })))
  const what = among.join(' or ')
  const text = lists.some(({ total }) => total > 0)
    ? `no ${what} todo says “${words}”; nothing was changed. hai todo ls${what === 'open' ? '' : ' --all'} shows what there is`
    : `nothing is ${what}; nothing was changed`
  return unchanged(text, [], 'not_found')
}
