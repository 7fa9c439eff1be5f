import type { AlertShown } from '../../f/hai/core/alert/shape.ts'
import { count, dollars, span } from '../../f/hai/core/base/words.ts'
import type { Home } from '../../f/hai/core/shape.ts'
import type { TaskSummary } from '../../f/hai/core/task/shape.ts'
import type { Session } from '../session.ts'
import { fit, oneLine, pad, prepareWidths, width } from './width.ts'
import { dueText, relative, shortId } from './words.ts'

const LINES = 12

/** A heading and what stands under it; `more` tells where the rest is when not all fits. */
interface Block {
  title: string
  /** How many there are, of which `items` may be the first. */
  total: number
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
  const lines = blocks.flatMap(({ title, total, items, more, paint }, i) => {
    const count = shown[i] ?? 0
    const rest = total - count
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
  const { totals, todos, problems = [] } = home
  const since = `since ${relative(home.since, new Date(home.as_of))}`
  const more = (what: 'finished' | 'failed') => (totals.capped?.includes(what) ? 'more than ' : '')
  const waits = totals.waiting_for_you === 1 ? 'waits' : 'wait'
  const blocks: Block[] = [
    {
      title: `${totals.waiting_for_you} ${waits} for you`,
      total: totals.waiting_for_you,
      items: home.waiting_for_you.map(taskItem),
      more: 'hai task ls --state awaiting_approval',
      paint: yellow,
    },
    {
      title: home.alerts?.firing === 1 ? '1 alert fires' : `${home.alerts?.firing} alerts fire`,
      total: home.alerts?.firing ?? 0,
      items: (home.alerts?.shown ?? []).map((alert) => alertItem(alert, home)),
      more: 'hai task ls --source alertmanager',
      paint: red,
    },
    {
      title: `${more('failed')}${totals.failed} failed ${since}`,
      total: totals.failed,
      items: home.failed.map(failedItem),
      more: 'hai task ls --state dead,expired',
      paint: red,
    },
    {
      title: count(problems.length, 'problem'),
      total: problems.length,
      items: problems.map(oneLine),
      more: 'hai doctor',
      paint: red,
    },
    {
      title: `${totals.running} running`,
      total: totals.running,
      items: home.running.map(taskItem),
      more: 'hai task ls --state running',
      paint: cyan,
    },
    {
      title: `${more('finished')}${totals.finished} finished ${since}`,
      total: totals.finished,
      items: home.finished.map(taskItem),
      more: 'hai task ls --state done',
      paint: green,
    },
    {
      title: todosTitle(todos),
      total: todos.open,
      items: todoItems(home),
      more: 'hai todo ls',
      paint: yellow,
    },
  ]
  return blocks.filter(({ total }) => total > 0)
}

/** Each group of open todos by itself: `2 overdue, 22 due today, 40 due later, 24 without a date`. */
function todosTitle({ overdue, due_today, due_later, undated }: Home['todos']): string {
  const groups: [number, string][] = [
    [overdue, 'overdue'],
    [due_today, 'due today'],
    [due_later, 'due later'],
    [undated, 'without a date'],
  ]
  return groups
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(', ')
}

function todoItems({ todos, as_of }: Home): string[] {
  const shown = todos.next
  const dates = shown.map(({ due, recur }) =>
    due ? dueText(due, new Date(as_of)) + (recur ? ' ↻' : '') : '',
  )
  const columns = Math.max(0, ...dates.map((date) => date.length))
  return shown.map(({ id, body }, i) => {
    const date = columns > 0 ? `${pad(dates[i] ?? '', columns)}  ` : ''
    return `${shortId(id)}  ${date}${oneLine(body)}`
  })
}

function taskItem(task: TaskSummary): string {
  return `${shortId(task.id)}  ${oneLine(task.excerpt)}`
}

function alertItem({ task_id, name, of, severity, starts_at }: AlertShown, { as_of }: Home): string {
  const fires = span((Date.parse(as_of) - Date.parse(starts_at)) / 1000)
  return `${shortId(task_id)}  ${oneLine(`${name}${of ? ` of ${of}` : ''}`)}, ${severity}, for ${fires}`
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
    `${count(home.todos.open, 'todo')} open`,
    home.pending > 0 ? `${count(home.pending, 'task')} pending` : '',
    home.spent_usd === null ? '' : `${dollars(home.spent_usd)} spent today`,
  ]
  return parts.filter(Boolean).join(', ')
}
