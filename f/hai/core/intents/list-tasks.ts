import type { State, TaskSummary } from '../contract.ts'
import { type Clock, formatDue } from '../dates.ts'
import type { Sql } from '../db.ts'
import { shortId } from '../ids.ts'
import { listTasks, summaryColumns } from '../tasks.ts'
import type { Asker, Intent } from './intent.ts'
import { type Period, pastPeriod } from './period.ts'
import { plain, whole } from './utterance.ts'

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

const COUNTED = 500
const SHOWN = 20
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
    const tasks = period
      ? await ended(sql, STATES[kind], period, asker)
      : await current(sql, STATES[kind], asker)
    const when = period ? ` ${period.label}` : ''
    if (tasks.length === 0) return { text: `${NOTHING[kind]}${when}`, data: [] }
    return { text: taskLines(`${counted(tasks)} ${verb(kind, tasks)}${when}`, tasks, asker), data: tasks }
  },
}

async function current(sql: Sql, states: State[], { caller, task_id }: Asker): Promise<TaskSummary[]> {
  const { tasks } = await listTasks(sql, { state: states.join(), limit: COUNTED }, caller)
  return tasks.filter(({ id }) => id !== task_id)
}

async function ended(
  sql: Sql,
  states: State[],
  { from, to }: Period,
  { caller }: Asker,
): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where finished_at >= ${from ?? '-infinity'} and finished_at < ${to} and state = any(${states})
      and ${caller.sees(sql)}
    order by finished_at desc, id desc
    limit ${COUNTED}`
  return [...rows]
}

function counted(tasks: TaskSummary[]): string {
  const count = tasks.length < COUNTED ? tasks.length : `${COUNTED} or more`
  return `${count} ${tasks.length === 1 ? 'task' : 'tasks'}`
}

function verb(kind: Kind, tasks: TaskSummary[]): string {
  if (kind === 'ran' || kind === 'failed') return kind
  return `${tasks.length === 1 ? 'is' : 'are'} ${kind}`
}

function taskLines(heading: string, tasks: TaskSummary[], clock: Clock): string {
  const lines = tasks.slice(0, SHOWN).map((task) => line(task, clock))
  const left = tasks.length - lines.length
  return [`${heading}:`, ...lines, ...(left > 0 ? [`… and ${left} more: hai task ls`] : [])].join('\n')
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
