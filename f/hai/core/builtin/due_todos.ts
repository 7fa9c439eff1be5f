import { listTodos } from '../todo/list.ts'
import type { Intent } from './intent.ts'
import { comingPeriod, type Period } from './period.ts'
import { counted, SHOWN, todoLines } from './todo_lines.ts'
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
    const { zone } = asker
    const now = asker.now.toISOString()
    const { from, to, label } = 'period' in slots ? slots.period : { to: now }
    const list = await listTodos(sql, {
      ...(from && { due_from: from }),
      due_before: to,
      zone,
      limit: SHOWN,
    })
    const what = label === undefined ? 'overdue' : `due ${label}`
    const text =
      list.total > 0 ? todoLines(`${counted(list, 'open todo')} ${what}`, list, asker) : `nothing is ${what}`
    // "nothing is due tomorrow" would mislead while something older waits.
    const older = from ? await listTodos(sql, { due_before: from < now ? from : now, zone, limit: 1 }) : list
    const before = from ? older.total : 0
    return { text: before > 0 ? `${text}\noverdue from before: ${before}` : text, data: list.todos }
  },
}
