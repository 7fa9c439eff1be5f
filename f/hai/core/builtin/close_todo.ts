import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { normal } from '../base/normal.ts'
import { listTodos, nobody } from '../todo/list.ts'
import type { Todo, TodoChanged, TodoStatus } from '../todo/shape.ts'
import { showTodo, updateTodo } from '../todo/todos.ts'
import { type Asker, type Intent, type Reply, whole } from './grammar.ts'
import { changed, named, particulars, SHOWN, todoLines } from './todo_lines.ts'

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
  // the commands, as answers give them for taking something back
  form('done', 'todo\\s+done\\s+(.+)', idOrQuoted),
  form('dropped', 'todo\\s+drop\\s+(.+)', idOrQuoted),
  form('open', 'todo\\s+reopen\\s+(.+)', idOrQuoted),
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
  changes: true,

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

/** How somebody names a todo: by (the end of) its id, by words of its body, or by one word that may be either. */
interface Reference {
  id?: string
  words?: string
}

const SHORTEST_ID = 4
const SHOWN_ID = 6
const LONGEST_ID = 26
const POINTS_ELSEWHERE =
  /^(?:it|this|that|these|those|them|both|all|any|every\S*|each|some\S*|none|nothing|no|todos|the (?:first|second|third|last|rest|other)\S*)\b/i

/**
 * `text` as an id. A word with a digit somewhere inside is one ("ab12cd"), and so is a word in the capitals that ids
 * are shown in; "later", "node3" and "2026" are not.
 */
function idReference(text: string, shortest = SHORTEST_ID): Reference | undefined {
  const isId = couldBeId(text) && text.length >= shortest && (mixed(text) || shownAsId(text))
  return isId ? { id: text } : undefined
}

/** `text` where nothing but a todo can stand: an id, words of a body, or one word that may be either. */
function todoReference(text: string): Reference | undefined {
  if (/["“”]/.test(text)) return quotedReference(text)
  if (POINTS_ELSEWHERE.test(text) || /^\d{1,3}$/.test(text)) return undefined
  return couldBeId(text) ? { id: text, words: text } : { words: text }
}

/** One quoted passage and nothing else. */
function quotedReference(text: string): Reference | undefined {
  const words = text.match(/^(?:"([^"]+)"|“([^”]+)”)$/)
  return words ? { words: (words[1] ?? words[2])! } : undefined
}

function couldBeId(text: string): boolean {
  return /^[0-9a-tv-z]+$/i.test(text) && text.length >= SHORTEST_ID && text.length <= LONGEST_ID
}

const mixed = (text: string) => /\d/.test(text) && !/^[a-z]+\d+$/.test(text) && !/^\d{1,5}$/.test(text)
const shownAsId = (text: string) => text.length >= SHOWN_ID && /^[0-9A-HJKMNP-TV-Z]+$/.test(text)

/** The todos a reference may mean, among those of a status when it goes by words; an error when its id is no single one's. */
async function resolveTodo(
  sql: Sql,
  { id, words }: Reference,
  among: readonly TodoStatus[],
  zone: string,
): Promise<Todo[] | HaiError> {
  if (id) {
    try {
      return [await showTodo(sql, id, { zone, sees: nobody })]
    } catch (error) {
      if (!(error instanceof HaiError) || error.code === 'unavailable') throw error
      if (!words || error.code !== 'not_found') return error
    }
  }
  return withWords(sql, words!, among, zone)
}

async function withWords(
  sql: Sql,
  words: string,
  among: readonly TodoStatus[],
  zone: string,
): Promise<Todo[]> {
  const article = /^(?:the|my)\s+/i
  // who doesn't say the sign of `€20` may mean it; who says one means that one
  const key = bare(words) === withoutSymbols(words) ? withoutSymbols : bare
  const wanted = key(words.replace(article, ''))
  if (wanted === '') return []
  const terms = wanted.split(' ')
  const lists = await Promise.all(among.map((status) => listTodos(sql, { status, zone, limit: 500, terms })))
  const todos = lists.flatMap((list) => list.todos)
  const exact = todos.filter(({ body }) => key(body) === key(words))
  if (exact.length > 0) return exact
  return todos.filter(({ body }) => ` ${key(body)} `.includes(` ${wanted} `))
}

/** Words and symbols, as they are looked for: punctuation and spacing are not what a todo is known by. */
function bare(text: string): string {
  return normal(text)
    .replace(/[^\p{L}\p{M}\p{N}\p{S}]+|`/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
}

const withoutSymbols = (text: string) => bare(bare(text).replace(/\p{S}+/gu, ' '))
