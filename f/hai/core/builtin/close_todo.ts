import type { Todo, TodoStatus } from '../base/contract.ts'
import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { listTodos } from '../todo/list.ts'
import { updateTodo } from '../todo/todos.ts'
import type { Intent, Reply } from './intent.ts'
import { named, SHOWN, todoLines } from './todo_lines.ts'
import { idReference, quotedReference, type Reference, resolveTodo, todoReference } from './todo_reference.ts'
import { whole } from './utterance.ts'

const TODO = '(?:(?:the\\s+|my\\s+)?todo)'
const DONE = '(?:done|finished|complete|completed)'
const FINISH = '(?:finish|complete|close|tick off|check off)'
const DROP = '(?:drop|delete|remove|discard|cancel)'
const REOPEN = 're-?open'

interface Form {
  pattern: RegExp
  status: TodoStatus
  read(text: string): Reference | undefined
}

const idOrQuoted = (text: string) => idReference(text) ?? quotedReference(text)
/** After a verb alone an id must be beyond doubt: `drop node3` and `finish step2` are not about todos. */
const sureId = (text: string) => idReference(text, 6) ?? quotedReference(text)
/** `complete todo order a cable`, but not `complete todo support`, nor anything about a todo list. */
const severalWords = (text: string) =>
  /\s/.test(text) && !/^(?:list|item|app)\b/i.test(text) ? todoReference(text) : idOrQuoted(text)

const FORMS: Form[] = [
  form('done', `mark\\s+(?:${TODO}:?\\s+)?(.+?)\\s+(?:as\\s+)?${DONE}`, todoReference),
  form('done', `(?:${FINISH}|done)\\s+${TODO}:\\s*(.+)`, todoReference),
  form('done', `${FINISH}\\s+${TODO}\\s+(.+)`, severalWords),
  form('done', `done(?:\\s+with)?:?\\s+(?:${TODO}\\s+)?(.+)`, idOrQuoted),
  form('done', `${FINISH}\\s+(.+)`, sureId),
  form('done', `${TODO}\\s+(\\S+)\\s+is\\s+${DONE}`, idOrQuoted),
  form('done', `(\\S+)\\s+is\\s+${DONE}`, sureId),
  form('dropped', `mark\\s+(?:${TODO}:?\\s+)?(.+?)\\s+(?:as\\s+)?dropped`, todoReference),
  form('dropped', `${DROP}\\s+${TODO}:\\s*(.+)`, todoReference),
  form('dropped', `${DROP}\\s+${TODO}\\s+(.+)`, idOrQuoted),
  form('dropped', 'drop\\s+(.+)', sureId),
  form('open', `${REOPEN}\\s+${TODO}:\\s*(.+)`, todoReference),
  form('open', `${REOPEN}\\s+${TODO}\\s+(.+)`, severalWords),
  form('open', `${REOPEN}\\s+(.+)`, sureId),
]

function form(status: TodoStatus, pattern: string, read: Form['read']): Form {
  return { status, pattern: whole(pattern), read }
}

const VERB: Record<TodoStatus, string> = { done: 'finished', dropped: 'dropped', open: 'reopened' }

export const closeTodoIntent: Intent<{ status: TodoStatus; todo: Reference }> = {
  name: 'finish, drop or reopen a todo',
  examples: ['done 7F3K2M', 'mark replace the UPS battery done', 'drop todo 7F3K2M', 'reopen 7F3K2M'],

  match(said) {
    const text = said.replace(/(?<![.!])[.!]+$/, '')
    for (const { pattern, status, read } of FORMS) {
      const reference = text.match(pattern)?.[1]
      const todo = reference && read(reference)
      if (todo) return { status, todo }
    }
    return undefined
  },

  async run(sql, { status, todo: reference }, asker): Promise<Reply> {
    const among: TodoStatus[] = status === 'open' ? ['done', 'dropped'] : ['open']
    const found = await resolveTodo(sql, reference, among, asker.zone)
    if (found instanceof HaiError)
      return { text: `${found.message}; nothing was changed`, data: found.details }
    const [todo, another] = found
    if (!todo) return nothingFound(sql, reference, among, asker.zone)
    if (another) {
      const heading = `“${reference.words}” fits ${found.length} todos, so nothing was changed`
      const list = { todos: found.slice(0, SHOWN), total: found.length }
      return { text: todoLines(heading, list, asker), data: found }
    }
    if (todo.status === status) return { text: `${named(todo)} is ${status} already`, data: todo }
    const changed = await updateTodo(sql, { id: todo.id, status }, asker.caller)
    return { text: `${VERB[status]} todo ${named(changed)}`, undo: undo(todo), data: changed }
  },
}

/** The command that gives a todo back the status it had. */
function undo({ id, status }: Todo): string {
  const verb = { open: 'reopen', done: 'done', dropped: 'drop' }[status]
  return `hai todo ${verb} ${shortId(id)}`
}

async function nothingFound(
  sql: Sql,
  { words }: Reference,
  among: TodoStatus[],
  zone: string,
): Promise<Reply> {
  const lists = await Promise.all(among.map((status) => listTodos(sql, { status, zone, limit: 1 })))
  const what = among.join(' or ')
  const text = lists.some(({ total }) => total > 0)
    ? `no ${what} todo says “${words}”; nothing was changed. hai todo ls${what === 'open' ? '' : ' --all'} shows what there is`
    : `nothing is ${what}; nothing was changed`
  return { text, data: [] }
}
