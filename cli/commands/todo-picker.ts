import type { Todo, TodoList, TodoStatus } from '../../f/hai/core/todo/shape.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { fit, oneLine, pad, prepareWidths, width } from '../show/width.ts'
import { dueText, shortIds } from '../show/words.ts'

const MOST = 200
/** What the picker draws before a row and keeps free behind it. */
const FRAME = 8

/** The todos that a person at a terminal picks out of those with the status `from`; what is typed narrows the list, Tab picks. */
export async function pick(
  session: Session,
  { verb, status, from }: { verb: string; status: TodoStatus; from: TodoStatus },
): Promise<string[]> {
  await session.requireTerminal(`which todos? give their ids`, `hai todo ls; then: hai todo ${verb} ID`)
  const { todos, total } = await session.call<TodoList>('todo/list', { status: from, limit: MOST })
  if (todos.length === 0) throw new Failure('notFound', `no todo is ${from}`)
  if (total > todos.length) session.note(`the first ${todos.length} of ${total}; any other by its id`)
  const rows = await rowsOf(todos, session.io.stderr.columns ?? 80)
  const { autocompleteMultiselect, isCancel } = await import('@clack/prompts')
  const chosen = await autocompleteMultiselect({
    message: `Which are ${status}?`,
    options: todos.map(({ id }, i) => ({ value: id, label: rows[i]! })),
    // every word, anywhere in what is seen of it, and not in the hidden rest of its id
    filter: (sought, { label = '' }) =>
      sought
        .toLowerCase()
        .split(/\s+/)
        .every((word) => label.toLowerCase().includes(word)),
    required: false,
    maxItems: 12,
    input: session.io.stdin,
    output: session.io.stderr,
  })
  if (isCancel(chosen)) throw new Failure('interrupted', 'nothing was changed')
  if (chosen.length === 0) {
    throw new Failure('usage', 'none was picked; nothing was changed', {
      next: 'Tab picks the row that is lit',
    })
  }
  return chosen
}

/** `7F3K2M  tomorrow 17:00  replace the UPS battery #rack` */
async function rowsOf(todos: Todo[], columns: number): Promise<string[]> {
  const ids = shortIds(todos.map(({ id }) => id))
  const dates = todos.map(({ due }) => (due ? dueText(due) : ''))
  const room = Math.max(...dates.map(width))
  const texts = todos.map(({ body, tags }) => oneLine([body, ...tags.map((tag) => `#${tag}`)].join(' ')))
  await prepareWidths(texts)
  return texts.map((text, i) => {
    const date = room > 0 ? `${pad(dates[i]!, room)}  ` : ''
    return fit(`${ids[i]}  ${date}${text}`, columns - FRAME)
  })
}
