import { type Clock, formatDue } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { shortId } from '../base/ids.ts'
import { COUNT_LIMIT, totalOf } from '../base/page.ts'
import { listTasks, summaryColumns } from '../task/list.ts'
import type { State, TaskList, TaskSummary } from '../task/shape.ts'
import { type Asker, type Intent, type Period, pastPeriod, plain, whole } from './grammar.ts'
import { counted, moreLines, SHOWN } from './todo_lines.ts'

type Kind = 'ran' | 'failed' | 'waiting' | 'running'

const TASKS = '(?:tasks|jobs)'
const WHAT_IS = "(?:what is|what's|whats|is anything|anything)"
const WHEN = '(?: (?<when>.+))?'
const NOW = '(?: (?:right )?now| at the moment| currently)?'

const PATTERNS: { kind: Kind; pattern: RegExp }[] = [
  { kind: 'ran', pattern: whole(`(?:what|which ${TASKS}) (?:has |have )?(?:ran|run|finished)${WHEN}`) },
  {
    kind: 'ran',
    pattern: whole(
      `(?:what|which ${TASKS}) did you (?:run|do)(?<when> (?:today|yesterday|this week|last week))`,
    ),
  },
  {
    kind: 'failed',
    pattern: whole(`(?:what|which ${TASKS}|anything|has anything) (?:has |have )?failed${WHEN}`),
  },
  { kind: 'failed', pattern: whole(`did any(?:thing| ${TASKS}) fail${WHEN}`) },
  { kind: 'failed', pattern: whole(`(?:list |show )?(?:my |the |all )?failed ${TASKS}${WHEN}`) },
  { kind: 'waiting', pattern: whole(`${WHAT_IS} (?:still )?(?:waiting|pending|queued|in the queue)${NOW}`) },
  {
    kind: 'waiting',
    pattern: whole(`(?:what|which) ${TASKS} are (?:still )?(?:waiting|pending|queued)${NOW}`),
  },
  {
    kind: 'waiting',
    pattern: whole(`(?:list |show )?(?:my |the |all )?(?:waiting|pending|queued) ${TASKS}`),
  },
  { kind: 'running', pattern: whole(`${WHAT_IS} (?:still )?running${NOW}`) },
  { kind: 'running', pattern: whole(`(?:what|which) ${TASKS} are (?:still )?running${NOW}`) },
  { kind: 'running', pattern: whole(`(?:list |show )?(?:my |the |all )?running ${TASKS}`) },
]

const STATES: Record<Kind, State[]> = {
  ran: ['done', 'dead', 'expired'],
  failed: ['dead', 'expired'],
  waiting: ['pending', 'awaiting_approval'],
  running: ['running'],
}
const NOTHING: Record<Kind, string> = {
  ran: 'nothing ran',
  failed: 'nothing failed',
  waiting: 'nothing is waiting',
  running: 'nothing else is running',
}

const EXCERPT = 80

export const listTasksIntent: Intent<{ kind: Kind; period?: Period }> = {
  name: 'what ran, failed, waits or runs',
  examples: ['what ran today?', 'what failed this week?', 'what is waiting?', 'what is running?'],

  match(said, clock) {
    const text = plain(said)
    for (const { kind, pattern } of PATTERNS) {
      const found = text.match(pattern)
      if (!found) continue
      if (kind === 'waiting' || kind === 'running') return { kind }
      const period = pastPeriod((found.groups?.when ?? '').trim(), clock)
      if (period) return { kind, period }
    }
    return undefined
  },

  async run(sql, { kind, period }, asker) {
    const list = period
      ? await ended(sql, STATES[kind], period, asker)
      : await current(sql, STATES[kind], asker)
    const when = period ? ` ${period.label}` : ''
    if (list.total === 0) return { text: `${NOTHING[kind]}${when}`, data: [] }
    const heading = `${counted(list, 'task')} ${verb(kind, list.total)}${when}`
    const command = `hai task ls${STATES[kind].map((state) => ` --state ${state}`).join('')}`
    const lines = list.tasks.map((task) => line(task, asker))
    const text = [`${heading}:`, ...lines, ...moreLines(list, lines.length, command)].join('\n')
    return { text, data: list.tasks }
  },
}

/** All but the task that asks. */
async function current(sql: Sql, states: State[], { caller, task_id }: Asker): Promise<TaskList> {
  const list = await listTasks(sql, { state: states.join(), limit: SHOWN + 1 }, caller)
  const [asking] = await sql`
    select from hai.task_queue where id = ${task_id ?? null} and state = any(${states}) and not errand and ${caller.sees(sql)}`
  const tasks = list.tasks.filter(({ id }) => id !== task_id).slice(0, SHOWN)
  return { ...list, tasks, total: list.total - (asking ? 1 : 0) }
}

async function ended(sql: Sql, states: State[], { from, to }: Period, { caller }: Asker): Promise<TaskList> {
  const matches = sql`
    finished_at >= ${from ?? '-infinity'} and finished_at < ${to} and state = any(${states}) and not errand and ${caller.sees(sql)}`
  const tasks = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue where ${matches}
    order by finished_at desc, id desc
    limit ${SHOWN}`
  const [row] = await sql<[{ found: number }]>`
    select count(*)::int as found from (select from hai.task_queue where ${matches} limit ${COUNT_LIMIT}) counted`
  return { tasks: [...tasks], ...totalOf(row.found) }
}

function verb(kind: Kind, count: number): string {
  if (kind === 'ran' || kind === 'failed') return kind
  return `${count === 1 ? 'is' : 'are'} ${kind}`
}

function line(
  { id, state, excerpt, error, finished_at, started_at, created_at }: TaskSummary,
  clock: Clock,
): string {
  const at = formatDue(finished_at ?? started_at ?? created_at, clock)
  const what = excerpt.length > EXCERPT ? `${excerpt.slice(0, EXCERPT - 1)}…` : excerpt
  const why = error ? `  (${error.message})` : ''
  return `${shortId(id)}  ${state.replaceAll('_', ' ')}  ${at}  ${what}${why}`
}
