import type { Todo } from '../contract.ts'
import { type Clock, dayBounds, isDay } from '../dates.ts'
import { listTodos } from '../todo-list.ts'
import type { Intent } from './intent.ts'
import { comingPeriod, type Period } from './period.ts'
import { COUNTED, counted, todoLines } from './todo-lines.ts'
import { plain, whole } from './utterance.ts'

const TODOS = '(?:todos|to-dos|to dos)'
const WHAT_IS = "(?:what is|what's|whats|what are|which are|what will be|is anything|anything)"
const WHEN = '(?: (?<when>.+))?'
const NOW = '(?: (?:right )?now)?'

const DUE = [
  `(?:list |show )?(?:${WHAT_IS} (?:still )?due|${WHAT_IS} (?:still )?coming due)${WHEN}`,
  `(?:what|which) ${TODOS} (?:are|will be) (?:still )?due${WHEN}`,
  `(?:list |show )?(?:my |the |all )?${TODOS} due${WHEN}`,
  `due (?<when>today|tomorrow|this week|next week)`,
].map(whole)

const OVERDUE = [
  `${WHAT_IS} overdue${NOW}`,
  `(?:what|which) ${TODOS} are overdue${NOW}`,
  `(?:list |show )?(?:my |the |all )?overdue(?: ${TODOS})?`,
].map(whole)

type Slots = { overdue: true } | { period: Period }

export const dueTodosIntent: Intent<Slots> = {
  name: 'what is due',
  examples: ['what is due this week?', 'anything overdue?'],

  match(said, clock) {
    const text = plain(said)
    if (OVERDUE.some((pattern) => pattern.test(text))) return { overdue: true }
    const due = DUE.map((pattern) => text.match(pattern)).find(Boolean)
    const period = due && comingPeriod(due.groups?.when ?? '', clock)
    return period ? { period } : undefined
  },

  async run(sql, slots, asker) {
    const { zone, now } = asker
    const to = 'period' in slots ? slots.period.to : now.toISOString()
    const list = await listTodos(sql, { due_before: to, zone, limit: COUNTED })
    const from = 'period' in slots ? slots.period.from : undefined
    const todos = list.todos.filter((todo) => !from || startOf(todo, asker) >= Date.parse(from))
    const before = list.todos.filter((todo) => todo.overdue && !todos.includes(todo)).length
    const what = 'period' in slots ? `due ${slots.period.label}` : 'overdue'
    const found = { ...list, todos }
    const text =
      todos.length > 0 ? todoLines(`${counted(found, 'open')} ${what}`, found, asker) : `nothing is ${what}`
    // "nothing is due tomorrow" would mislead while something older waits.
    return { text: before > 0 ? `${text}\noverdue from before: ${before}` : text, data: todos }
  },
}

/** When a due date begins: its day's midnight in the zone, or the instant itself. */
function startOf({ due }: Todo, clock: Clock): number {
  return due ? Date.parse(isDay(due) ? dayBounds(due, clock).from : due) : Number.POSITIVE_INFINITY
}
