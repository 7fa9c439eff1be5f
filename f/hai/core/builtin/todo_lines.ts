import type { Total } from '../base/contract.ts'
import { type Clock, formatDue } from '../base/dates.ts'
import { shortId } from '../base/ids.ts'
import type { Todo, TodoList } from '../todo/shape.ts'

/** So many are named in an answer; then follows how many more there are. */
export const SHOWN = 20
const EXCERPT = 100

/** `“replace the UPS battery” (7F3K2M)`: how an answer names one todo. */
export function named({ body, id }: Todo): string {
  return `“${clipped(body)}” (${shortId(id)})`
}

/** Of a todo that was changed what says whether it is still so. */
export const changed = ({ id, status }: Todo): Pick<Todo, 'id' | 'status'> => ({ id, status })

/** `, due Fri 27 Nov 2026, tag rack, priority high`: what was understood beside the body; '' when nothing. */
export function particulars({ due, recur, tags, priority }: Todo, clock: Clock): string {
  const parts = [
    due && `due ${formatDue(due, clock)}`,
    recur,
    tags.length > 0 && `${tags.length > 1 ? 'tags' : 'tag'} ${tags.join(', ')}`,
    priority !== 'normal' && `priority ${priority}`,
  ]
  return parts
    .filter(Boolean)
    .map((part) => `, ${part}`)
    .join('')
}

/** A heading and one line per todo: short id, body, and what is known of it. Then how many more there are, and where. */
export function todoLines(heading: string, list: TodoList, clock: Clock, command = 'hai todo ls'): string {
  const lines = list.todos.map((todo) => line(todo, clock))
  return [`${heading}:`, ...lines, ...moreLines(list, list.todos.length, command)].join('\n')
}

/** The line after a list that is not whole. */
export function moreLines(total: Total, shown: number, command: string): string[] {
  const left = total.total - shown
  if (left <= 0 && !total.total_capped) return []
  return [`… and ${total.total_capped ? 'more than ' : ''}${left} more: ${command}`]
}

function line(todo: Todo, clock: Clock): string {
  const { id, body, due, overdue, recur, tags, priority, blocked_by } = todo
  const notes = [
    due && `${overdue ? 'overdue since' : 'due'} ${formatDue(due, clock)}`,
    recur,
    priority !== 'normal' && priority,
    blocked_by.length > 0 && `waits for ${blocked_by.map(shortId).join(', ')}`,
    ...tags.map((tag) => `#${tag}`),
  ].filter(Boolean)
  return [shortId(id), clipped(body), ...(notes.length > 0 ? [`(${notes.join(', ')})`] : [])].join('  ')
}

/** `3 open todos`, `1 open todo`, `more than 10000 open todos`. */
export function counted({ total, total_capped }: Total, kind: string): string {
  return `${total_capped ? 'more than ' : ''}${total} ${kind}${total === 1 ? '' : 's'}`
}

/** As one line of a list shows it. */
export function clipped(body: string): string {
  const text = body.replace(/\s+/g, ' ')
  const letters = [...text]
  return letters.length > EXCERPT ? `${letters.slice(0, EXCERPT - 1).join('')}…` : text
}
