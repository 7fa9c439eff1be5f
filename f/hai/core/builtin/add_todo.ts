import { type Clock, parseDue } from '../base/dates.ts'
import { shortId } from '../base/ids.ts'
import { parseTodoText, type TodoText } from '../todo/text.ts'
import { addTodo, nothingToDo } from '../todo/todos.ts'
import type { Intent } from './intent.ts'
import { named, particulars } from './todo_lines.ts'
import { whole } from './utterance.ts'

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

interface Slots extends TodoText {
  bell?: true
}

export const addTodoIntent: Intent<Slots> = {
  name: 'add a todo',
  examples: [
    'add todo: replace the UPS battery #rack due friday',
    'remind me to call the bank on monday at 10am',
  ],

  match(said, clock) {
    const todo = readTodo(said, clock)
    return todo && WANTS_A_BELL.test(said) ? { ...todo, bell: true } : todo
  },

  async run(sql, { bell, ...slots }, { caller, zone, now }) {
    if (slots.body.trim() === '') throw nothingToDo()
    const todo = await addTodo(sql, { ...slots, created_by: caller.name, zone })
    const where = todo.due ? 'hai shows it when it is due' : 'hai todo ls shows it'
    const text = [
      `added todo ${named(todo)}${particulars(todo, { zone, now })}`,
      ...(bell ? [`it is listed, and ${where}; hai can't ring`] : []),
    ].join('\n')
    return { text, undo: `hai todo drop ${shortId(todo.id)}`, data: todo }
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
  // Two dates, or one that is not understood: nobody can say when he wants to be reminded.
  return due && !todo.due ? { ...todo, due } : undefined
}
