import type { Sql } from '../base/db.ts'
import { TAG } from '../base/normal.ts'
import { listTodos } from '../todo/list.ts'
import type { TodoStatus } from '../todo/shape.ts'
import type { Period } from './days.ts'
import { asked, type Intent, plain, type Reply, whole } from './grammar.ts'
import { pastPeriod } from './past_period.ts'
import { counted, named, particulars, SHOWN, todoLines } from './todo_lines.ts'
import { TODOS, WHOSE } from './vocabulary.ts'

const MINE = '(?:(?:all )?(?:of )?(?:my|the|our) |all (?:the )?|every |any )?'
const WHAT_IS = '(?:what is|what are|which are|what have i got|what do i have)'
const STILL = '(?:still |currently |left )?'
const STATUS = '(?<status>open|done|finished|completed|closed|dropped|remaining|outstanding|pending)'
const TAGGED = `(?: (?:(?:are |is )?(?:tagged|tagged as|tagged with|labelled|under|with (?:the )?tag|(?:that )?ha(?:ve|s) (?:the )?tag) #?|[#+])(?<tag>${TAG}))?`
const MUST_TAG = `(?:(?:tagged|tagged as|tagged with|labelled|under|with (?:the )?tag) #?|[#+])(?<tag>${TAG})`
const ABOUT =
  '(?: (?:about|mentioning|that mention|that say|containing|with the words?) (?:the )?(?<text>[^?]{2,60}))'
const MUST = '(?:do|must|should) (?:i|we) (?:still |yet )?(?:have|need|got) to (?:do|get done|finish)'
const ASK = '(?:list|show|see|display|print|view|read|read out|get|give)(?: me)?'

/** A tag before the word, and no other adjective. */
const KIND_OF = `(?!(?:old|new|recent|urgent|important|high|low|big|small|quick|overdue|next|last|first|other|more|less|daily|weekly|monthly|recurring|current|late|many|code|${STATUS.slice('(?<status>'.length, -1)})\\b)(?<tag>${TAG})`

const OPEN = [
  `${WHAT_IS} ${STILL}(?:open|outstanding|undone|unfinished|left open)${TAGGED}`,
  `(?:is |are )?any(?:thing|todos) ${STILL}(?:open|outstanding|undone|unfinished)${TAGGED}`,
  `(?:what|which) (?:${TODOS}|things) are ${STILL}${STATUS}${TAGGED}`,
  `(?:what|which) (?:${TODOS}|things|all) (?:do i (?:still )?have|have i (?:still )?got|are there|are left)(?: (?:open|left|to do))?${TAGGED}`,
  `(?:do i (?:still )?have|have i (?:still )?got|are there|is there) (?:still )?(?:any )?(?:${STATUS} )?(?:${TODOS}|todo list|todo items)(?: (?:open|left|remaining))?${TAGGED}`,
  `(?:do i (?:still )?have|have i (?:still )?got|are there|is there) (?:any|a) (?:${STATUS} )?(?:todos?|reminders?|items?)${ABOUT}`,
  `(?:${WHAT_IS}|what else is|anything|is anything|is there anything) ${STILL}on (?:${WHOSE} |the )?(?:(?:todo|to do|task) )?(?:list|plate|agenda)${TAGGED}`,
  `(?:what|what all|what else) ${MUST}`,
  '(?:what|what else) (?:is|have i got) (?:still )?left(?: to (?:do|be done|finish))?(?: on (?:my|the) (?:todo )?list)?',
  '(?:what|what else) (?:still )?(?:needs|has) (?:doing|to be done|to get done)',
  'what is (?:still )?(?:to do|to be done|undone|unfinished|outstanding|on my plate|on the docket)',
  'what have i (?:still )?(?:got )?(?:left )?to do',
  'what (?:(?:have|did) (?:i|we) not|(?:i|we) (?:have|did) not|(?:have )?(?:i|we) still not|is not) (?:done|do|finished|finish|completed|gotten? to|got round to|got done|ticked off)',
  'what (?:i|we) (?:still )?(?:have|need|must|should|ought)(?: got)?(?: left| still)? to (?:do|get done|finish)',
  `(?:what|which) (?:${TODOS}|things|items) (?:are |have |carry )?(?:still )?${MUST_TAG}`,
  `(?:${ASK} )?my ${KIND_OF} ${TODOS}`,
  `(?:(?:${ASK}|${WHAT_IS}) )?${MINE}(?:${STATUS} )?(?:${TODOS}|todo (?:list|items)|(?:items|things) on my list)${TAGGED}`,
  `(?:${ASK} )?(?:my |the |all |all my )(?:open |remaining )?(?:things|items|stuff|tasks)(?: to do)? ${MUST_TAG}`,
  `(?:${ASK} )?(?:my |the |all )?(?:list|to ?do)`,
  `${ASK} (?:what is|everything|all that is|all) ${STILL}open${TAGGED}`,
  `(?:${ASK} )?(?:everything|anything|all|what is|what do i have|what have i got) (?:that is )?${MUST_TAG}`,
  `(?:${ASK}|find|search|which are)? ?${MINE}(?:${STATUS} )?${TODOS}${ABOUT}`,
  `(?:which|what) (?:${TODOS}|todo) (?:are |is )?(?:about|mention|mentions|say) (?:the )?(?<text>[^?]{2,60})`,
].map(whole)

const STATUS_OF: Record<string, TodoStatus> = {
  done: 'done',
  finished: 'done',
  completed: 'done',
  closed: 'done',
  dropped: 'dropped',
}

interface Listed {
  status: TodoStatus
  tag?: string
  text?: string
}

function listed({ status, tag, text }: Record<string, string | undefined>): Listed {
  return { status: STATUS_OF[status ?? ''] ?? 'open', ...(tag && { tag }), ...(text && { text }) }
}

export const listTodosIntent: Intent<Listed> = {
  name: 'list todos',
  examples: ['what is open?', 'my todos tagged rack'],

  match(said) {
    const groups = asked(OPEN, said)
    return groups && listed(groups)
  },

  async run(sql, { status, tag, text }, asker) {
    const { zone, caller } = asker
    const filter = { status, zone, ...(tag && { tag }), ...(text && { text }) }
    const list = await listTodos(sql, { ...filter, limit: SHOWN }, caller.sees)
    const which = `${tag ? ` tagged ${tag}` : ''}${text ? ` with “${text}”` : ''}`
    if (list.total === 0) {
      const none = text ? `no ${status} todo says “${text}”` : `no ${status} todo is tagged ${tag}`
      return { text: tag || text ? none : `nothing is ${status}`, data: [] }
    }
    const flags = [
      status === 'open' ? '' : ` --status ${status}`,
      tag ? ` --tag ${tag}` : '',
      text ? ` --text "${text}"` : '',
    ]
    const heading = `${counted(list, `${status} todo`)}${which}`
    return { text: todoLines(heading, list, asker, `hai todo ls${flags.join('')}`), data: list.todos }
  },
}

const COUNTED = `(?:${TODOS}|todos?|things(?: to do)?|items|stuff|tasks to do)`
const ON =
  '(?: (?:left|open|remaining|outstanding|to do|undone|waiting))*(?: on (?:my|the) (?:(?:todo|to do) )?(?:list|plate))?'

const COUNT = [
  `how many ${STATUS} ${COUNTED}(?: (?:do i (?:still )?have|have i (?:still )?got|are there|are in my list|i have|is that))?${ON}${TAGGED}`,
  `how many ${COUNTED} (?:do i (?:still )?have|have i (?:still )?got|do we have|are there|i have|must i do|remain|am i at)${ON}${TAGGED}`,
  `how many ${COUNTED} (?:are|is|have been|were) (?:still )?${STATUS}${TAGGED}`,
  `how many ${KIND_OF} (?:${TODOS}|todo items) (?:do (?:i|we) (?:still )?have|have (?:i|we) (?:still )?(?:got)?|are there|are (?:still )?(?:open|left))${ON}`,
  `how many ${COUNTED} are (?:still )?(?:left|on (?:my|the) (?:todo )?(?:list|plate)|(?:left|still|open|to do)(?: on (?:my|the) (?:todo )?list)?|there)${ON}${TAGGED}`,
  `how many ${COUNTED}(?: still)?(?: need doing)?${TAGGED}`,
  'how many tasks (?:are )?(?:still |left )*on (?:my|the) (?:todo )?list',
  'how many (?:todos |things |items |of (?:my todos|them) )?(?:have i|did i) (?:finish|finished|done|do|get done|complete|completed|close|closed|(?:tick|check|cross)(?:ed)? off)(?<when> .+)?',
  `how many (?:are|is) (?:still )?(?:open|left)(?: on (?:my|the) (?:todo )?list)?`,
  `(?:what is )?(?:count|number of|total|the number of|tally(?: of)?|count of|the count of|count up) ${MINE}(?:${STATUS} )?${COUNTED}(?: (?:that )?(?:i|we) (?:still )?have(?: got)?| there are)?${ON}${TAGGED}`,
  `how (?:long|big|full) is (?:my|the) (?:todo )?(?:list|plate|backlog)`,
  `how much (?:is|do i have|have i got) (?:still )?(?:left|to do|open|left to do)(?: (?:on (?:my|the) (?:todo )?list|to do))*`,
  `(?:my |the )?todo count`,
].map(whole)

const CLOSED_COUNT = /^how many .*\b(?:have|did) i\b/

interface Counted extends Listed {
  /** When they were closed. */
  period?: Period
}

export const countTodosIntent: Intent<Counted> = {
  name: 'count todos',
  examples: ['how many todos do I have?', 'how many todos are done?'],

  match(said, clock) {
    const groups = asked(COUNT, said)
    if (!groups) return undefined
    const { status, when, ...others } = groups
    const period = when && pastPeriod(when.trim(), clock)
    if (when && !period) return undefined
    const done =
      status === undefined &&
      /(?:finish|done|complet|close| did i do| off)/.test(plain(said)) &&
      CLOSED_COUNT.test(plain(said))
    return { ...listed({ ...others, status: done ? 'done' : status }), ...(period && { period }) }
  },

  async run(sql, { status, tag, period }, { zone, now }) {
    if (period) return closedIn(sql, status, period)
    const filter = { zone, limit: 1, ...(tag && { tag }) }
    const [list, late] = await Promise.all([
      listTodos(sql, { ...filter, status }),
      listTodos(sql, { ...filter, due_before: now.toISOString() }),
    ])
    const overdue = status === 'open' && late.total > 0 ? `, ${late.total} of them overdue` : ''
    const text = `${counted(list, `${status} todo`)}${tag ? ` tagged ${tag}` : ''}${overdue}`
    return { text, data: { total: list.total, ...(status === 'open' && { overdue: late.total }) } }
  },
}

async function closedIn(sql: Sql, status: TodoStatus, { from, to, label }: Period): Promise<Reply> {
  const [row] = await sql<[{ total: number }]>`
    select count(*)::int as total from hai.todo
    where status = ${status} and closed_at >= ${from ?? '-infinity'} and closed_at < ${to}`
  const { total } = row
  return { text: `${counted({ total }, `${status} todo`)} ${label}`, data: { total } }
}

const NEXT = [
  'what is(?: up)? next(?: on (?:my|the) (?:(?:todo|to do) )?list)?',
  '(?:what is )?(?:my |the )?next todo',
  'what (?:should|shall|can|could|do) i (?:do|work on|tackle) next',
  'what should i (?:do|work on)(?: right)? now',
].map(whole)

export const nextTodoIntent: Intent<object> = {
  name: 'what is next',
  examples: ["what's next?", 'what should I do next?'],

  match: (said) => asked(NEXT, said) && {},

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
