import type { Todo, TodoView } from '../../f/hai/core/todo/shape.ts'
import type { Session } from '../session.ts'
import { numbered } from './numbered.ts'
import { type Cell, table } from './table.ts'
import { harmless, oneLine, pad } from './width.ts'
import { dueText, relative, shortId, shortIds } from './words.ts'

const LABEL = 11

/** Todos as aligned lines that fit the terminal; ↻ marks what recurs. */
export async function todoTable(todos: Todo[], session: Session): Promise<string[]> {
  if (todos.length === 0) return []
  const { bold, dim, red, yellow } = session.paint
  const ids = shortIds(todos.map((todo) => todo.id))
  const rows = todos.map((todo, i): Cell[] => {
    const tags = todo.tags.map((tag) => `#${tag}`).join(' ')
    const mark = todo.status !== 'open' ? todo.status : todo.blocked_by.length > 0 ? 'blocked' : urgency(todo)
    return [
      { text: ids[i] ?? '', paint: bold },
      {
        text: todo.due ? `${dueText(todo.due)}${todo.recur ? ' ↻' : ''}` : '',
        ...(todo.overdue ? { paint: red } : {}),
      },
      { text: mark, paint: todo.status === 'open' ? yellow : dim },
      { text: tags, paint: dim },
      todo.status === 'open' ? todo.body : { text: todo.body, paint: dim },
    ]
  })
  const header = [
    { title: 'ID' },
    { title: 'DUE', spare: 1 },
    { title: '', spare: 2 },
    { title: 'TAGS', min: 6, spare: 3 },
    { title: 'TODO' },
  ]
  return table(...numbered(session, header, rows), { columns: session.columns, title: dim })
}

/** One todo in one line: `7F3K2M replace the UPS battery, due Fri 27 Nov, #rack`. */
export function todoLine(todo: Todo): string {
  const due = todo.due ? `, due ${dueText(todo.due)}` : ''
  const often = todo.recur ? `, ${todo.recur}` : ''
  const priority = urgency(todo) ? `, ${todo.priority}` : ''
  const after = todo.blocked_by.length > 0 ? `, after ${todo.blocked_by.map(shortId).join(', ')}` : ''
  const tags = todo.tags.length > 0 ? `, ${todo.tags.map((tag) => `#${tag}`).join(' ')}` : ''
  return oneLine(`${shortId(todo.id)} ${todo.body}${due}${often}${priority}${after}${tags}`)
}

/** The same of one just put down, as it was read: `7F3K2M replace the UPS battery · due Fri 27 Nov 17:00 · #rack · high`. */
export function addedLine(todo: Todo, read: string): string {
  const after = todo.blocked_by.length > 0 && `after ${todo.blocked_by.map(shortId).join(', ')}`
  return oneLine([`${shortId(todo.id)} ${todo.body}`, read, after].filter(Boolean).join(' · '))
}

/** One todo with everything about it. */
export function todoText(todo: TodoView, session: Session): string[] {
  const { bold, dim, red } = session.paint
  const due = todo.due && (todo.overdue ? red(`${dueText(todo.due)}, overdue`) : dueText(todo.due))
  const facts: [string, string | null][] = [
    ['due', due],
    ['recurs', recursText(todo)],
    ['tags', todo.tags.map((tag) => `#${tag}`).join(' ')],
    ['priority', urgency(todo)],
    [
      'after',
      todo.depends_on.map((id) => shortId(id) + (todo.blocked_by.includes(id) ? ' (open)' : '')).join(', '),
    ],
    ['put down', `${relative(todo.created_at)} by ${todo.created_by}`],
    ['changed', changedText(todo)],
    ['closed', todo.closed_at && `${relative(todo.closed_at)}${by(todo.closed_by)}`],
    ['task', todo.task_id && taskText(todo.task_id, todo.task)],
  ]
  return [
    `${bold(shortId(todo.id))}  ${todo.status}  ${dim(todo.id)}`,
    ...facts.filter(([, text]) => text).map(([label, text]) => `${dim(pad(label, LABEL))}${text}`),
    '',
    ...harmless(todo.body)
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
    ...(todo.result
      ? [
          '',
          dim('Result'),
          ...harmless(todo.result)
            .trimEnd()
            .split('\n')
            .map((line) => `  ${line}`),
        ]
      : []),
  ]
}

/** How often, and the one before it. */
function recursText({ recur, follows }: Todo): string | null {
  const before = follows ? `after ${shortId(follows)}` : null
  return [recur, before].filter(Boolean).join(', ') || null
}

/** Todos are the house's: who changed one is not always who put it down. Its closing is told as that. */
function changedText({ changed_at, changed_by, closed_at }: Todo): string | null {
  return changed_at && changed_at !== closed_at ? `${relative(changed_at)}${by(changed_by)}` : null
}

/** To whom it may be news that a todo was changed, and that this may be. */
export function noteOwner(session: Session, todos: Todo[]): void {
  const others = todos.filter(({ created_by, changed_by }) => changed_by && changed_by !== created_by)
  const names = [...new Set(others.map(({ created_by }) => created_by))].join(', ')
  if (names) session.note(`put down by ${names}; todos are shared by the house`)
}

const by = (name: string | null | undefined) => (name ? ` by ${name}` : '')

/** The task that was to do it, and why it did not. */
function taskText(id: string, task: TodoView['task']): string {
  const state = task ? `, ${task.state.replaceAll('_', ' ')}` : ", somebody else's"
  const why = task?.error && task.state !== 'done' ? `: ${oneLine(task.error.message)}` : ''
  return `${shortId(id)}${state}${why}${why ? `; hai task show ${shortId(id)}` : ''}`
}

function urgency(todo: Todo): string {
  return todo.priority === 'normal' ? '' : todo.priority
}
