import type { Clock } from '../base/dates.ts'
import { parseDue } from '../base/due.ts'
import { shortId } from '../base/ids.ts'
import { TAG } from '../base/normal.ts'
import { parseTodoText, type TodoText } from '../todo/text.ts'
import { addTodo, nothingToDo } from '../todo/todos.ts'
import { type Added, addedBy, WANTS_A_BELL } from './add_phrases.ts'
import type { Intent } from './grammar.ts'
import { changed, named, particulars } from './todo_lines.ts'

interface AddSlots extends TodoText {
  bell?: true
}

export const addTodoIntent: Intent<AddSlots> = {
  name: 'add a todo',
  examples: [
    'add todo: replace the UPS battery #rack due friday',
    'remind me to call the bank on monday at 10am',
    'note: the key is in the drawer',
  ],
  changes: true,

  match(said, clock) {
    for (const added of addedBy(said)) {
      const todo = readAdded(added, clock)
      if (todo) return WANTS_A_BELL.test(said) ? { ...todo, bell: true } : todo
    }
    return undefined
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

/** A todo is noted once, with a date at most: it cannot wait for something to happen. */
const WAITS = /\b(?:when|whenever|once|as soon as|unless|until)\b/i
const RECURS =
  /\b(?:every|each)\s+(?:\S+\s+)?(?:\S*day|week|weekend|month|year|morning|evening|night|hour|time)s?\b|\b(?:daily|weekly|monthly|yearly|hourly)$/i

const TAGGED = new RegExp(
  `,?\\s+(?:(?:and\\s+)?tag(?:ged)?(?:\\s+(?:it|as|with))*|with\\s+(?:the\\s+)?tag)\\s+#?(${TAG})(?=$|\\s+(?:due|by|on|at|for|every|tomorrow|today|tonight|next)\\b)`,
  'iu',
)

/** Behind a colon all is the todo's own but this. */
const TAGGED_AT_END = new RegExp(`,\\s+(?:and\\s+)?tag(?:ged)?(?:\\s+(?:it|as|with))*\\s+#?(${TAG})$`, 'iu')
/** What was: its date is when it happened. */
const TOLD = /^(?!.*\bdue\b).*\b(?:was|were|(?:has|have|had) (?:been|\p{L}+ed)|had)\b/iu

/** What is to be put down, with its time; undefined when a part of that was not understood. */
function readAdded(added: Added, clock: Clock): TodoText | undefined {
  const { body, date, every = oftenIn(date), priority, needs, trailer = '' } = added
  const due = date && !every ? dueOf(date, clock) : undefined
  if (date && !every && !due) return undefined
  const alone = readBody(added, body, clock)
  const todo = every
    ? readOften(added, every, clock)
    : trailer
      ? readBody(added, `${body}${trailer}`, clock)
      : alone
  // what is no tag and no time ends up in the body: left over
  if (!todo || (trailer && (todo.body !== alone.body || todo.body === ''))) return undefined
  // two dates: nobody can say which one is meant
  if (due && todo.due) return undefined
  if (RECURS.test(todo.body) || (added.spoken && WAITS.test(todo.body))) return undefined
  if (needs && !due && !todo.due && !todo.recur) return undefined
  return { ...todo, ...(due && { due }), ...(priority && !todo.priority && { priority }) }
}

/** "On the 1st of every month" is no date. */
const oftenIn = (date: string | undefined) =>
  date &&
  /^(?:on )?the last day of the month$|\b(?:every|each)\b|^(?:daily|weekly|monthly|yearly)\b/i.test(date)
    ? date
    : undefined

/** How often, as todos are typed. */
function typedOften(said: string): string {
  return said
    .toLowerCase()
    .replace(/^(?:on|at)\s+/, '')
    .replace(/^once\s+(?=every\b|each\b)/, '')
    .replace(/^once\s+(?:an?|every|per)\s+/, 'every ')
    .replace(/^each\b/, 'every')
    .replace(/^nightly\b/, 'every day')
    .replace(/^weekdays\b/, 'every weekday')
    .replace(/\b(?:first|second|third)(?=\s+(?:day\s+)?(?:of|in)\s)/, (word) => ORDINAL[word]!)
    .replace(
      /^(?:every\s+)?(?:the\s+)?(last day|\S+)\s+(?:day\s+)?(?:of|in)\s+(?:every|each|the|a)\s+month\b/,
      'every $1 of the month',
    )
}
const ORDINAL: Record<string, string> = { first: '1st', second: '2nd', third: '3rd' }

/** What comes again and again; a part of the day that stands in how often is no time, and stays where it is read. */
function readOften(added: Added, every: string, clock: Clock): TodoText | undefined {
  const often = typedOften(every)
  const without = often
    .replace(/\s+(?:morning|afternoon|evening|night)s?(?=$|\s)/, '')
    .replace(/^every$/, 'every day')
  const todos = [often, without].map((said) =>
    readBody(added, `${added.body} ${said}${added.trailer ?? ''}`, clock),
  )
  return todos.find(({ recur }) => recur)
}

function dueOf(date: string, clock: Clock): string | undefined {
  return parseDue(date.trim().replace(/^(?:for|before)\s+/i, ''), clock)?.due
}

/** As todos are typed, and "before friday" at the end says when; where nothing marks the body, "tag rack" is a tag. */
function readBody({ spoken }: Added, text: string, clock: Clock): TodoText {
  const tagged = spoken ? text.replace(TAGGED, ' #$1') : text.replace(TAGGED_AT_END, ' #$1')
  const said = spoken ? tagged.replace(/\bonce\s+(?=every\b|each\b)/i, '') : tagged
  const todo = parseTodoText(said, clock)
  if (spoken && todo.due && TOLD.test(said)) return { body: text, tags: todo.tags }
  if (todo.due) return todo
  const [, rest, date] = todo.body.match(/^(.*\S)\s+before\s+(.{2,40})$/i) ?? []
  const due = date && dueOf(date, clock)
  return due ? { ...todo, body: rest!, due } : todo
}
