import { type Clock, formatDue } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { shortId } from '../base/ids.ts'
import { COUNT_LIMIT, totalOf } from '../base/page.ts'
import { listTasks, summaryColumns } from '../task/list.ts'
import type { State, TaskList, TaskSummary } from '../task/shape.ts'
import type { Period } from './days.ts'
import { type Asker, asked, type Intent, whole } from './grammar.ts'
import { pastPeriod } from './past_period.ts'
import { counted, moreLines, SHOWN } from './todo_lines.ts'

type Kind = 'ran' | 'finished' | 'failed' | 'waiting' | 'running'

const TASKS = '(?:tasks?|jobs?|runs?|questions?|things)'
const WHAT_IS =
  '(?:what is|which is|is anything|is something|anything|something|is there anything|what else is|what do you have)'
const WHEN = '(?: (?<when>.+))?'
const MUST_WHEN = ' (?<when>.+)'
const ASK = '(?:list |show |see |display )?(?:me )?'
const MINE = '(?:my |the |all |all my |all the |any )?'
const BREAK = '(?:fail|break|crash|die|go wrong|blow up|error out|error|fall over|not work)'
const BROKE =
  '(?:failed|broke|broken|crashed|died|gone wrong|went wrong|blew up|blown up|errored|errored out|dead|not work|not worked)'
const SUBJECT = `(?:what|which ${TASKS}|what ${TASKS}|anything|something|has anything|has something|everything that|all that|what all|what else) (?:has |have |is |are |did |all |just |been )*`
const ON_IT = '(?: on| at| with| in| for me)*'

const of = (kind: Kind, ...patterns: string[]) => ({ kind, patterns: patterns.map(whole) })

const KINDS: { kind: Kind; patterns: RegExp[] }[] = [
  of(
    'ran',
    `(?:what|which ${TASKS}) (?:has |have |all )?(?:ran|run)${WHEN}`,
    `(?:what|which ${TASKS}) did you (?:run|do|work on)${MUST_WHEN}`,
    `what happened(?<when>| today| last night| overnight| while (?:i|we) (?:was|were) .+)`.replace(
      '(?<when>|',
      '(?<when>',
    ),
    `what (?:have you been|were you) (?:doing|up to|working on)${MUST_WHEN}`,
  ),
  of(
    'finished',
    `(?:what|which ${TASKS}|what ${TASKS}|anything|has anything|what all|what else) (?:has |have |got |did |was |were |is |are |been |you )*(?:finish|finished|done|complete|completed|get done|gets done)${WHEN}`,
    `(?:what|which ${TASKS}|what ${TASKS}|what all) (?:have|did) you (?:finish|finished|done|do|complete|completed|get done|gotten done|accomplish|accomplished|managed|manage|get through)(?: for me| so far)*${WHEN}`,
    `${ASK}${MINE}(?:finished|completed|done|successful) ${TASKS}${WHEN}`,
    `${ASK}${MINE}${TASKS} (?:that |which )?(?:have |were |are |got |you |i )*(?:finished|completed|done|ended)${WHEN}`,
    `did (?:anything|any ${TASKS}|something|you) (?:finish anything|complete anything|get anything done|finish something|finish|complete|get done)${WHEN}`,
    `(?:finished|completed|done|got done)${MUST_WHEN}`,
    `${ASK}(?:what|everything|all) (?:that )?(?:you |has |have |was |got )*(?:finished|completed|done|did)${MUST_WHEN}`,
  ),
  of(
    'failed',
    `${SUBJECT}failed${WHEN}`,
    // alone it is asked of whatever somebody has before them
    `${SUBJECT}${BROKE}${MUST_WHEN}`,
    `(?:what|which ${TASKS}) did not (?:work|finish|run|succeed|complete|go well|make it)${WHEN}`,
    `(?:did|does|do) (?:any|some)?(?:thing|one of my tasks| ${TASKS}| of my ${TASKS})? ?${BREAK}${WHEN}`,
    `(?:did|has|have) (?:any|some)(?:thing| of my tasks| ${TASKS}) ${BROKE}${WHEN}`,
    `${ASK}(?:my |the |all |any |have there been |were there |are there |did (?:we|you|i) have |have (?:we|you|i) had )*(?:any )?(?:failed|dead|broken|crashed) ${TASKS}${WHEN}`,
    `${ASK}(?:my |the |all |any |have there been |were there |are there |did (?:we|you|i) have |have (?:we|you|i) had )*(?:any )?(?:failures|errors|task failures|crashes|task errors|failed ones)${WHEN}`,
    `(?:have|has) (?:any|some) ${TASKS} (?:${BROKE})${WHEN}`,
    `(?:anything|something) ${BREAK}${WHEN}`,
    `${ASK}${MINE}${TASKS} (?:that |which )?(?:have |has |are )?${BROKE}${WHEN}`,
    `how many ${TASKS} (?:have |has |are )?${BROKE}${WHEN}`,
    `(?:failed|crashed|broken)${MUST_WHEN}`,
    `(?:is |was )(?:anything|something) (?:broken|wrong|dead|failed|failing)(?<when> (?:last night|overnight|today|yesterday|since .+))?`,
  ),
  of(
    'waiting',
    `${WHAT_IS} (?:still )?(?:waiting|pending|queued|queued up|in the queue|in line|stuck|held up)`,
    `(?:what|which|how many|are any|any) ${TASKS} (?:are |is )?(?:still )?(?:waiting|pending|queued|stuck|in the queue)`,
    `${ASK}${MINE}(?:waiting|pending|queued|stuck) ${TASKS}`,
    `${ASK}(?:the |your |my )?(?:queue|task queue|backlog of tasks)`,
    `(?:what|how much|how many) (?:is|are|do you have) in (?:the|your) queue`,
  ),
  of(
    'running',
    `${WHAT_IS} (?:still )?(?:running|in progress|under way|being worked on|going on|active|ongoing|busy)`,
    `(?:what|which|how many|are any|any) ${TASKS} (?:are |is )?(?:still )?(?:running|in progress|active|under way)`,
    `${ASK}${MINE}(?:running|active|current|ongoing) ${TASKS}`,
    `${ASK}${TASKS} (?:that are )?(?:running|in progress|active)`,
    `what (?:are you|is hai) (?:still |currently |busy )*(?:working|doing|up to|busy|running|chewing|crunching|executing|processing)${ON_IT}`,
    `(?:are you|is hai) (?:still |currently )*(?:busy|working|running|doing|idle|free|occupied)(?: on| with| doing)*(?: anything| something| stuff| a task| any tasks)?`,
    `(?:do you have|have you got) (?:anything|something|any tasks) (?:running|going|in progress|on)`,
    'what is keeping you busy',
  ),
]

const STATES: Record<Kind, State[]> = {
  ran: ['done', 'dead', 'expired'],
  finished: ['done'],
  failed: ['dead', 'expired'],
  waiting: ['pending', 'awaiting_approval'],
  running: ['running'],
}
const NOTHING: Record<Kind, string> = {
  ran: 'nothing ran',
  finished: 'nothing finished',
  failed: 'nothing failed',
  waiting: 'nothing is waiting',
  running: 'nothing else is running',
}

const EXCERPT = 80

export const listTasksIntent: Intent<{ kind: Kind; period?: Period }> = {
  name: 'what ran, failed, waits or runs',
  examples: ['what ran today?', 'what failed this week?', 'what is waiting?', 'what is running?'],

  match(said, clock) {
    for (const { kind, patterns } of KINDS) {
      for (const pattern of patterns) {
        const groups = asked([pattern], said)
        if (!groups) continue
        if (kind === 'waiting' || kind === 'running') return { kind }
        const period = pastPeriod((groups.when ?? '').trim(), clock)
        if (period) return { kind, period }
      }
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
  if (kind === 'ran' || kind === 'failed' || kind === 'finished') return kind
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
