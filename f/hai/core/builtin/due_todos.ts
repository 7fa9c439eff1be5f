import { listTodos } from '../todo/list.ts'
import { comingPeriod } from './coming_period.ts'
import type { Period } from './days.ts'
import { asked, type Intent, whole } from './grammar.ts'
import { counted, SHOWN, todoLines } from './todo_lines.ts'
import { TODOS } from './vocabulary.ts'

const IS_ANYTHING =
  '(?:what is|what are|which are|what all is|what else is|what will be|is anything|is there anything|anything|something|what comes|what falls|everything|all that is)'
const WHEN = '(?: (?<when>.+))?'
const MUST_WHEN = ' (?<when>.+)'
const DONE = '(?:do|get done|finish|have done|complete|get through|take care of)'
/** Only with these before it is a day a day to do something on: "what do I have to do tomorrow". */
const ASK = '(?:list |show |see )?'

const DUE = [
  `${ASK}${IS_ANYTHING} (?:still )?(?:coming )?due(?: up)?${WHEN}`,
  `${ASK}(?:what|which|how many|are any|any) (?:of my )?(?:${TODOS}|things) (?:are |will be |come |fall |is )?(?:still )?(?:coming )?due${WHEN}`,
  `${ASK}(?:my |the |all )*(?:${TODOS}|list|agenda|deadlines|due dates) (?:due )?(?:for )?${MUST_WHEN.trim()}`,
  `${ASK}(?:my |the |all )*(?:${TODOS}|things|deadlines) due${WHEN}`,
  `(?:do i have|have i got|are there|is there|have we got)(?: anything| any| a)*(?: ${TODOS}| deadlines?| things?)?(?: due| coming up| planned| to do| on| open| left| scheduled| lined up)* (?<when>.+)`,
  `what (?:all )?(?:do (?:i|we) (?:still )?(?:have|need|got) to|must (?:i|we)|have (?:i|we) (?:still )?got to) ${DONE}${MUST_WHEN}`,
  `(?:is there |do i have |have i got )?(?:anything|something)(?: else)? (?:that )?(?:i|we) (?:still )?(?:(?:have|need|ought)(?: got)? to|must|should|gotta) ${DONE}${MUST_WHEN}`,
  `what (?:do i have|have i got)(?: (?:due|on|to do|planned|coming up|lined up|scheduled|open|for me))*${MUST_WHEN}`,
  `what (?:needs|has) (?:doing|to be done|to get done|to happen|finishing)${MUST_WHEN}`,
  `(?:is |are )?(?:what|what is|what else is|anything|is anything|there anything) (?:is )?(?:coming up|up|on|planned|scheduled|lined up|on my plate|on (?:my |the )?(?:list|agenda))${MUST_WHEN}`,
  'what is (?:up )?coming(?: up)?(?<when>)',
  `(?:any |what |which )?deadlines(?: are there| do i have| coming up)?${MUST_WHEN}`,
  'due (?<when>.+)',
].map(whole)

const OVERDUE = [
  `${IS_ANYTHING} (?:over ?due|past due|late)`,
  `(?:what|which|are any|any|how many|do i have any|have i got any|are there any) (?:of my )?(?:${TODOS}|things)? ?(?:are |is )?(?:over ?due|past due|past their due date|late)(?: ${TODOS})?`,
  `${ASK}(?:my |the |all )*(?:(?:overdue|past due)(?: ${TODOS}| items| things)?|late (?:${TODOS}|items|things))`,
  `(?:what|anything|something|which ${TODOS}) (?:have |has |did |should )?(?:i|we) (?:have )?(?:missed|miss|forget|forgotten|be late with|have done already)`,
  'what (?:am i|are we) (?:late|behind) (?:with|on|for)',
  'am i (?:late|behind) (?:with|on) (?:anything|something|any todos|my todos)',
  'what should (?:already )?(?:have been|be) done(?: already)?',
].map(whole)

type DueSlots = { overdue: true } | { period: Period }

export const dueTodosIntent: Intent<DueSlots> = {
  name: 'what is due',
  examples: ['what is due this week?', 'anything overdue?'],

  match(said, clock) {
    if (asked(OVERDUE, said)) return { overdue: true }
    for (const pattern of DUE) {
      const due = asked([pattern], said)
      const period = due && comingPeriod((due.when ?? '').trim(), clock)
      if (period) return { period }
    }
    return undefined
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
