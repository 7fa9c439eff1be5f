import type { Clock } from '../base/dates.ts'
import { parseDue } from '../base/due.ts'
import { shortId } from '../base/ids.ts'
import { TAG } from '../base/normal.ts'
import { listTodos } from '../todo/list.ts'
import type { TodoStatus } from '../todo/shape.ts'
import { parseTodoText, type TodoText } from '../todo/text.ts'
import { addTodo, nothingToDo } from '../todo/todos.ts'
import { comingPeriod, type Intent, type Period, plain, whole } from './grammar.ts'
import { changed, counted, named, particulars, SHOWN, todoLines } from './todo_lines.ts'

const TODO = '(?:to-?do|to do|reminder)'
const ADD = '(?:add|create|make)'
const QUOTED = '(?:"[^"]+"|“[^”]+”)'
/** Tags, a priority, a due date: all that may follow a body that has its own end. */
const TRAILER = '(?<trailer>\\s+(?:due|by|on|[#!]\\p{L}).*)?'

/** `add todo: …`: the colon says where the body begins, so anything may follow. */
const COLON = whole(
  `(?:${ADD}\\s+(?:an?\\s+|new\\s+)*|new\\s+)?${TODO}(?:\\s+item)?\\s*:\\s*(?<body>.+)` +
    `|(?:add|put)\\s+(?:to|on)\\s+my\\s+(?:to-?dos?|(?:to-?do|to do)\\s+list)\\s*:\\s*(?<listed>.+)` +
    '|note to self\\s*:\\s*(?<note>.+)',
)
const QUOTES = whole(`${ADD}\\s+(?:an?\\s+|new\\s+)*${TODO}\\s+(?<body>${QUOTED})${TRAILER}`)
const ONTO_LIST = whole(
  `(?:add|put)\\s+(?<body>.+?)\\s+(?:to|on|onto)\\s+my\\s+(?:to-?dos|(?:to-?do|to do)\\s+list)${TRAILER}`,
)
const REMIND = whole(`(?:remind me|don['’]t let me forget)(?:,?\\s+(?<date>.+?),?)??\\s+to\\s+(?<body>.+)`)

/** Words that point at something said elsewhere: the todo would not say what it is about. */
const POINTS_ELSEWHERE =
  /^(?:it|this|that|these|those|them|everything|something|anything|all|both|an? (?:new )?(?:todo|to-do|reminder|item))\b/i
/** A todo is noted once, with a date at most: it cannot come back by itself, nor wait for something to happen. */
const NOT_ONCE =
  /\b(?:every|each)\s+(?:\S+\s+)?(?:\S*day|week|weekend|month|year|morning|evening|night|hour|time)s?\b|\b(?:daily|weekly|monthly|yearly|hourly)$|\b(?:when|whenever|once|as soon as|unless|until)\b/i

/** Who asks for a reminder is told that nothing rings: words before the todo's own. */
const WANTS_A_BELL = /^[^:"“]*\b(?:remind(?:er)?|let me forget)\b/i

interface AddSlots extends TodoText {
  bell?: true
}

export const addTodoIntent: Intent<AddSlots> = {
  name: 'add a todo',
  examples: [
    'add todo: replace the UPS battery #rack due friday',
    'remind me to call the bank on monday at 10am',
  ],
  changes: true,

  match(said, clock) {
    const todo = readTodo(said, clock)
    return todo && WANTS_A_BELL.test(said) ? { ...todo, bell: true } : todo
  },

  async run(sql, { bell, unread = [], ...slots }, asker) {
    const { caller, zone } = asker
    if (slots.body.trim() === '') throw nothingToDo()
    const todo = await addTodo(sql, { ...slots, created_by: caller.name, zone, dates: asker, unread })
    const where = todo.due ? 'hai shows it when it is due' : 'hai todo ls shows it'
    const text = [
      `added todo ${named(todo)}${particulars(todo, asker)}`,
      ...(todo.read?.notes ?? []),
      ...(bell ? [`it is listed, and ${where}; hai can't ring`] : []),
    ].join('\n')
    return { text, undo: `hai todo drop ${shortId(todo.id)}`, todo: changed(todo), data: todo }
  },
}

function readTodo(said: string, clock: Clock): TodoText | undefined {
  const colon = said.match(COLON)?.groups
  if (colon) return parseTodoText((colon.body ?? colon.listed ?? colon.note)!, clock)

  const list = said.match(QUOTES)?.groups ?? said.match(ONTO_LIST)?.groups
  if (list) {
    if (POINTS_ELSEWHERE.test(list.body!)) return undefined
    const todo = parseTodoText(`${list.body}${list.trailer ?? ''}`, clock)
    // A trailer that is more than tags and a date would end up in the body: left over, so no match.
    const alone = parseTodoText(list.body!, clock)
    return todo.body === alone.body && todo.body !== '' ? todo : undefined
  }

  const { date, body } = said.match(REMIND)?.groups ?? {}
  if (!body || NOT_ONCE.test(body) || POINTS_ELSEWHERE.test(body)) return undefined
  if (!date) return parseTodoText(body, clock)
  const due = parseDue(date.replace(/^(?:on|at|by)\s+/i, ''), clock)?.due
  const todo = parseTodoText(body, clock)
  // Two dates, or one that is not understood: nobody can say when to be reminded.
  return due && !todo.due ? { ...todo, due } : undefined
}

const TODO_LIST = '(?:todos|to-dos|to dos|(?:todo|to-do|to do) (?:list|items))'
const MINE = '(?:(?:all )?(?:of )?(?:my|the|our) |all )?'
const LIST_WHAT = "(?:what is|what's|whats|what are|which are)"
const STILL = '(?:still |currently )?'
const STATUS = '(?<status>open|done|finished|completed|dropped)'
const TAGGED = `(?: (?:(?:tagged|tagged with|with (?:the )?tag) #?|#)(?<tag>${TAG}))?`
const AT_PRESENT = '(?: (?:right )?now| at the moment| currently)?'

const OPEN = [
  `${LIST_WHAT} ${STILL}open${AT_PRESENT}${TAGGED}`,
  `(?:is )?anything ${STILL}open${AT_PRESENT}${TAGGED}`,
  `(?:what|which) ${TODO_LIST} are ${STILL}${STATUS}${AT_PRESENT}${TAGGED}`,
  `(?:what|which) ${TODO_LIST} do i ${STILL}have(?: open)?${TAGGED}`,
  `do i (?:still )?have (?:any )?(?:${STATUS} )?${TODO_LIST}${TAGGED}`,
  `(?:what's|what is|whats) on (?:my|the) (?:todo|to-do|to do) list${TAGGED}`,
  `(?:(?:list|show|see|display|${LIST_WHAT}) )?${MINE}(?:${STATUS} )?${TODO_LIST}${TAGGED}`,
  `(?:list|show|see|display) (?:what's|what is|everything) ${STILL}open${AT_PRESENT}${TAGGED}`,
].map(whole)

const STATUS_OF: Record<string, TodoStatus> = {
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
    const groups = OPEN.map((pattern) => text.match(pattern)).find(Boolean)
    if (!groups) return undefined
    const { status, tag } = groups.groups ?? {}
    return { status: STATUS_OF[status ?? ''] ?? 'open', ...(tag && { tag }) }
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

const TODOS = '(?:todos|to-dos|to dos)'
const IS_ANYTHING = "(?:what is|what's|whats|what are|which are|what will be|is anything|anything)"
const WHEN = '(?: (?<when>.+))?'
const NOW = '(?: (?:right )?now)?'

const DUE = [
  `(?:list |show )?(?:${IS_ANYTHING} (?:still )?due|${IS_ANYTHING} (?:still )?coming due)${WHEN}`,
  `(?:what|which) ${TODOS} (?:are|will be) (?:still )?due${WHEN}`,
  `(?:list |show )?(?:my |the |all )?${TODOS} due${WHEN}`,
  `due (?<when>today|tomorrow|this week|next week)`,
].map(whole)

const OVERDUE = [
  `${IS_ANYTHING} overdue${NOW}`,
  `(?:what|which) ${TODOS} are overdue${NOW}`,
  `(?:list |show )?(?:my |the |all )?overdue(?: ${TODOS})?`,
].map(whole)

type DueSlots = { overdue: true } | { period: Period }

export const dueTodosIntent: Intent<DueSlots> = {
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

const NEXT = [
  "(?:what's|what is|whats)(?: up)? next(?: on (?:my|the) (?:todo|to-do) list)?",
  "(?:(?:what's|what is|whats) )?(?:my |the )?next (?:todo|to-do)",
  'what (?:should|shall|can|could|do) i (?:do|work on|tackle) next',
  'what should i (?:do|work on) now',
].map(whole)

export const nextTodoIntent: Intent<object> = {
  name: 'what is next',
  examples: ["what's next?", 'what should I do next?'],

  match(said) {
    const text = plain(said)
    return NEXT.some((pattern) => pattern.test(text)) ? {} : undefined
  },

  async run(sql, _slots, asker) {
    const { todos } = await listTodos(sql, { next: true, limit: 1, zone: asker.zone })
    const [todo] = todos
    if (todo) return { text: `next: ${named(todo)}${particulars(todo, asker)}`, data: todo }
    const { total: waiting } = await listTodos(sql, { limit: 1, zone: asker.zone })
    const text =
      waiting > 0 ? 'nothing can be done next: every open todo waits for another' : 'nothing is open'
    return { text, data: null }
  },
}
