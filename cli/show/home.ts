import type { AlertShown } from '../../f/hai/core/alert/shape.ts'
import { count, dollars, span } from '../../f/hai/core/base/words.ts'
import type { Home } from '../../f/hai/core/shape.ts'
import type { TaskSummary } from '../../f/hai/core/task/shape.ts'
import type { Session } from '../session.ts'
import { fit, oneLine, prepareWidths, width } from './width.ts'
import { ageText, dueText, relative, shortId } from './words.ts'

const LINES = 12

/** A heading and what stands under it; `more` tells where the rest is when not all fits, `hint` what to do. */
interface Block {
  title: string
  hint?: string
  /** It is given room before others are: so many of its items at a time. */
  pressing?: number
  /** How many there are, of which `items` may be the first. */
  total: number
  items: string[]
  more: string
  paint: (text: string) => string
}

/** What matters now, most pressing first, in at most 12 lines; an item goes before a heading is lost. */
export async function homeLines(
  home: Home,
  session: Session,
  { seen = {} }: { seen?: { looked_at?: string } } = {},
): Promise<string[]> {
  const columns = session.columns
  const blocks = blocksOf(home, session, seen.looked_at)
  await prepareWidths(blocks.flatMap(({ items }) => items))
  const footer = summary(home)
  const shown = share(blocks, LINES - 1)
  const lines = blocks.flatMap(({ title, total, items, more, hint, paint }, i) => {
    const count = shown[i] ?? 0
    const rest = total - count
    const hints = [
      ...(rest > 0 ? [`${count > 0 ? `${rest} more: ` : ''}${more}`] : []),
      ...(hint ? [hint] : []),
    ]
    const room = columns === undefined ? undefined : columns - 2
    return [
      withHints(title, hints, session, paint),
      ...items.slice(0, count).map((item) => `  ${room === undefined ? item : fit(item, room)}`),
    ]
  })
  if (blocks.length === 0) lines.push('All quiet: nothing waits for you, nothing failed, nothing is due.')
  return [...lines, session.paint.dim(columns === undefined ? footer : fit(footer, columns))]
}

/** As many of the hints as fit beside the title. */
function withHints(
  title: string,
  hints: string[],
  { columns, paint }: Session,
  painted: Block['paint'],
): string {
  let line = painted(title)
  let used = width(title)
  for (const hint of hints) {
    used += width(hint) + 3
    if (columns === undefined || used <= columns) line += paint.dim(` · ${hint}`)
  }
  return line
}

function blocksOf(home: Home, session: Session, lookedAt: string | undefined): Block[] {
  const { red, yellow, green, cyan } = session.paint
  const { totals, todos, problems = [] } = home
  const ago = (instant: string) => relative(instant, new Date(home.as_of))
  const since = lookedAt === undefined ? `since ${ago(home.since)}` : `since you looked ${ago(lookedAt)}`
  const waiting = home.waiting ?? []
  const more = (what: 'finished' | 'failed') => (totals.capped?.includes(what) ? 'more than ' : '')
  const waits = totals.waiting_for_you === 1 ? 'waits' : 'wait'
  const blocks: Block[] = [
    {
      title: `${totals.waiting_for_you} ${waits} for you`,
      total: totals.waiting_for_you,
      items: home.waiting_for_you.map(taskItem),
      more: 'hai task ls --state awaiting_approval',
      paint: yellow,
      pressing: 2,
    },
    {
      title: home.alerts?.firing === 1 ? '1 alert fires' : `${home.alerts?.firing} alerts fire`,
      total: home.alerts?.firing ?? 0,
      items: (home.alerts?.shown ?? []).map((alert) => alertItem(alert, home)),
      more: 'hai task ls --source alertmanager',
      paint: red,
      pressing: 2,
    },
    {
      title: `${more('failed')}${totals.failed} failed${home.failed_since === undefined || home.failed_since === home.since ? ` since ${ago(home.since)}` : ''}`,
      total: totals.failed,
      items: home.failed.map((task) => troubledItem(task, task.error?.message, home, session)),
      more: 'hai task ls --state dead,expired',
      // servers of the release before know of no acknowledging
      ...(home.failed_since === undefined ? {} : { hint: 'seen? hai task ack --all' }),
      paint: red,
      pressing: 2,
    },
    {
      title: count(problems.length, 'problem'),
      total: problems.length,
      items: problems.map(oneLine),
      more: 'hai doctor',
      paint: red,
    },
    {
      title: `${home.pending} waiting`,
      total: waiting.length > 0 ? home.pending : 0,
      items: waiting.map((task) => troubledItem(task, task.waiting_on?.text, home, session)),
      more: 'hai task ls --state pending',
      paint: yellow,
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
    const date = columns > 0 ? `${(dates[i] ?? '').padEnd(columns)}  ` : ''
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

/** Of its text so much, in columns, is shown beside why. */
const TEXT_ROOM = 32

/** A task with what is wrong with it, which has the room that it needs first. */
function troubledItem(
  task: TaskSummary,
  why: string | undefined,
  { as_of }: Home,
  { columns }: Session,
): string {
  const excerpt = oneLine(task.excerpt)
  const text =
    columns === undefined || excerpt.length <= TEXT_ROOM ? excerpt : `${excerpt.slice(0, TEXT_ROOM - 1)}…`
  const age = ageText(task.finished_at ?? task.created_at, new Date(as_of))
  return `${shortId(task.id)}  ${age.padStart(6)}  ${text}${why ? `: ${oneLine(why)}` : ''}`
}

/** How many items each block may show: headings first, then one item each in turn, and two of what presses. */
function share(blocks: Block[], lines: number): number[] {
  const shown = blocks.map(() => 0)
  let left = lines - blocks.length
  while (left > 0) {
    const before = left
    blocks.forEach(({ items, pressing = 1 }, i) => {
      const more = Math.min(pressing, left, items.length - (shown[i] ?? 0))
      shown[i] = (shown[i] ?? 0) + more
      left -= more
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
