import type { Home, TaskSummary } from '../f/hai/core/contract.ts'
import { shortId } from './ids.ts'
import type { Session } from './session.ts'
import { dueText, relative } from './time.ts'
import { fit, oneLine, pad, prepareWidths, width } from './width.ts'

const LINES = 12

/** A heading and what stands under it; `more` tells where the rest is when not all fits. */
interface Block {
  title: string
  items: string[]
  more: string
  paint: (text: string) => string
}

/** What matters now, most pressing first, in at most 12 lines; an item goes before a heading is lost. */
export async function homeLines(home: Home, session: Session): Promise<string[]> {
  const columns = session.columns
  const blocks = blocksOf(home, session)
  await prepareWidths(blocks.flatMap(({ items }) => items))
  const footer = summary(home)
  const shown = share(blocks, LINES - 1)
  const lines = blocks.flatMap(({ title, items, more, paint }, i) => {
    const count = shown[i] ?? 0
    const rest = items.length - count
    const hint = rest > 0 ? session.paint.dim(` · ${count > 0 ? `${rest} more: ` : ''}${more}`) : ''
    const room = columns === undefined ? undefined : columns - 2
    return [
      `${paint(title)}${columns !== undefined && width(title) + width(more) + 12 > columns ? '' : hint}`,
      ...items.slice(0, count).map((item) => `  ${room === undefined ? item : fit(item, room)}`),
    ]
  })
  if (blocks.length === 0) lines.push('All quiet: nothing waits for you, nothing failed, nothing is due.')
  return [...lines, session.paint.dim(columns === undefined ? footer : fit(footer, columns))]
}

function blocksOf(home: Home, session: Session): Block[] {
  const { red, yellow, green, cyan } = session.paint
  const { todos, problems = [] } = home
  const since = `since ${relative(home.since, new Date(home.as_of))}`
  const blocks: (Block & { count: number })[] = [
    block(
      home.waiting_for_you,
      `${home.waiting_for_you.length === 1 ? 'waits' : 'wait'} for you`,
      yellow,
      'hai task ls --state awaiting_approval',
      taskItem,
    ),
    block(home.failed, `failed ${since}`, red, 'hai task ls --state dead', failedItem),
    block(problems, problems.length === 1 ? 'problem' : 'problems', red, 'hai doctor', oneLine),
    block(home.running, 'running', cyan, 'hai task ls --state running', taskItem),
    block(home.finished, `finished ${since}`, green, 'hai task ls --state done', taskItem),
    block(
      todos.due,
      todos.overdue > 0 ? `due, ${todos.overdue} overdue` : 'due',
      yellow,
      'hai todo ls',
      (todo) => {
        const due = todo.due ? dueText(todo.due, new Date(home.as_of)) : ''
        return `${shortId(todo.id)}  ${pad(due, 10)}  ${oneLine(todo.body)}`
      },
    ),
  ]
  return blocks.filter(({ count }) => count > 0)
}

function block<T>(
  list: T[],
  what: string,
  paint: (text: string) => string,
  more: string,
  item: (entry: T) => string,
): Block & { count: number } {
  return { title: `${list.length} ${what}`, items: list.map(item), more, paint, count: list.length }
}

function taskItem(task: TaskSummary): string {
  return `${shortId(task.id)}  ${oneLine(task.excerpt)}`
}

function failedItem(task: TaskSummary): string {
  return task.error ? `${taskItem(task)}: ${oneLine(task.error.message)}` : taskItem(task)
}

/** How many items each block may show: headings first, then one item each in turn. */
function share(blocks: Block[], lines: number): number[] {
  const shown = blocks.map(() => 0)
  let left = lines - blocks.length
  while (left > 0) {
    const before = left
    blocks.forEach(({ items }, i) => {
      if (left === 0 || (shown[i] ?? 0) >= items.length) return
      shown[i] = (shown[i] ?? 0) + 1
      left--
    })
    if (left === before) break
  }
  return shown
}

function summary(home: Home): string {
  const parts = [
    `${home.todos.open} ${home.todos.open === 1 ? 'todo' : 'todos'} open`,
    home.pending > 0 ? `${home.pending} pending` : '',
    home.spent_usd === null ? '' : `$${home.spent_usd.toFixed(2)} spent today`,
  ]
  return parts.filter(Boolean).join(', ')
}
