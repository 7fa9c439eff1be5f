import type { Todo, TodoList } from '../contract.ts'
import { type Clock, formatDue } from '../dates.ts'
import { shortId } from '../ids.ts'

const SHOWN = 20
const EXCERPT = 100

/** As many as a list asks for, so that "… and 12 more" can be counted. */
export const COUNTED = 500

/** `“replace the UPS battery” (7F3K2M)`: how an answer names one todo. */
export function named({ body, id }: Todo): string {
  return `“${excerpt(body)}” (${shortId(id)})`
}

/** `, due Fri 27 Nov 2026, tag rack, priority high`: what was understood beside the body; '' when nothing. */
export function particulars({ due, tags, priority }: Todo, clock: Clock): string {
  const parts = [
    due && `due ${formatDue(due, clock)}`,
    tags.length > 0 && `${tags.length > 1 ? 'tags' : 'tag'} ${tags.join(', ')}`,
    priority !== 'normal' && `priority ${priority}`,
  ]
  return parts
    .filter(Boolean)
    .map((part) => `, ${part}`)
    .join('')
}

/** A heading and one line per todo: short id, body, and what is known of it. At most 20, then how many more. */
export function todoLines(heading: string, { todos, next_cursor }: TodoList, clock: Clock): string {
  const lines = todos.slice(0, SHOWN).map((todo) => line(todo, clock))
  const left = todos.length - lines.length
  const more = next_cursor ? `more than ${left} more` : `${left} more`
  return [`${heading}:`, ...lines, ...(left > 0 ? [`… and ${more}: hai todo ls`] : [])].join('\n')
}

function line(todo: Todo, clock: Clock): string {
  const { id, body, due, overdue, tags, priority, blocked_by } = todo
  const notes = [
    due && `${overdue ? 'overdue since' : 'due'} ${formatDue(due, clock)}`,
    priority !== 'normal' && priority,
    blocked_by.length > 0 && `waits for ${blocked_by.map(shortId).join(', ')}`,
    ...tags.map((tag) => `#${tag}`),
  ].filter(Boolean)
  return [shortId(id), excerpt(body), ...(notes.length > 0 ? [`(${notes.join(', ')})`] : [])].join('  ')
}

/** `3 open todos`, `1 open todo`, `more than 500 open todos`. */
export function counted({ todos, next_cursor }: TodoList, kind: string): string {
  const count = next_cursor ? `more than ${todos.length}` : String(todos.length)
  return `${count} ${kind} ${todos.length === 1 ? 'todo' : 'todos'}`
}

function excerpt(body: string): string {
  const text = body.replace(/\s+/g, ' ')
  const letters = [...text]
  return letters.length > EXCERPT ? `${letters.slice(0, EXCERPT - 1).join('')}…` : text
}
