import type { TodoStatus } from '../base/contract.ts'
import { TAG } from '../base/normal.ts'
import { listTodos } from '../todo/list.ts'
import type { Intent } from './intent.ts'
import { counted, SHOWN, todoLines } from './todo_lines.ts'
import { plain, whole } from './utterance.ts'

const TODOS = '(?:todos|to-dos|to dos|(?:todo|to-do|to do) (?:list|items))'
const MINE = '(?:(?:all )?(?:of )?(?:my|the|our) |all )?'
const WHAT_IS = "(?:what is|what's|whats|what are|which are)"
const STILL = '(?:still |currently )?'
const STATUS = '(?<status>open|done|finished|completed|dropped)'
const TAGGED = `(?: (?:(?:tagged|tagged with|with (?:the )?tag) #?|#)(?<tag>${TAG}))?`
const NOW = '(?: (?:right )?now| at the moment| currently)?'

const PATTERNS = [
  `${WHAT_IS} ${STILL}open${NOW}${TAGGED}`,
  `(?:is )?anything ${STILL}open${NOW}${TAGGED}`,
  `(?:what|which) ${TODOS} are ${STILL}${STATUS}${NOW}${TAGGED}`,
  `(?:what|which) ${TODOS} do i ${STILL}have(?: open)?${TAGGED}`,
  `do i (?:still )?have (?:any )?(?:${STATUS} )?${TODOS}${TAGGED}`,
  `(?:what's|what is|whats) on (?:my|the) (?:todo|to-do|to do) list${TAGGED}`,
  `(?:(?:list|show|see|display|${WHAT_IS}) )?${MINE}(?:${STATUS} )?${TODOS}${TAGGED}`,
  `(?:list|show|see|display) (?:what's|what is|everything) ${STILL}open${NOW}${TAGGED}`,
].map(whole)

const STATUSES: Record<string, TodoStatus> = {
  done: 'done',
  finished: 'done',
  completed: 'done',
  dropped: 'dropped',
}

export const listTodosIntent: Intent<{ status: TodoStatus; tag?: string }> = {
  name: 'list todos',
  examples: ['what is open?', 'my todos tagged rack'],

  match(said) {
    const text = plain(said)
    const groups = PATTERNS.map((pattern) => text.match(pattern)).find(Boolean)
    if (!groups) return undefined
    const { status, tag } = groups.groups ?? {}
    return { status: STATUSES[status ?? ''] ?? 'open', ...(tag && { tag }) }
  },

  async run(sql, { status, tag }, { zone, now }) {
    const list = await listTodos(sql, { status, zone, limit: SHOWN, ...(tag && { tag }) })
    const tagged = tag ? ` tagged ${tag}` : ''
    if (list.total === 0)
      return { text: tag ? `no ${status} todo is tagged ${tag}` : `nothing is ${status}`, data: [] }
    const command = `hai todo ls${status === 'open' ? '' : ` --status ${status}`}${tag ? ` --tag ${tag}` : ''}`
    const heading = `${counted(list, `${status} todo`)}${tagged}`
    return { text: todoLines(heading, list, { zone, now }, command), data: list.todos }
  },
}
