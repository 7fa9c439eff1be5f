import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Total } from '../base/contract.ts'
import type { Part, Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { contains, Id, normal, Slug, Text, termsOf } from '../base/normal.ts'
import { COUNT_LIMIT, cursorOf, cut, readCursor, totalOf } from '../base/page.ts'
import { Instant } from '../base/time.ts'
import { conversationMeant } from './conversation.ts'
import { REPORT } from './envelope.ts'
import { listed } from './listed.ts'
import { STATES, type State, type TaskList, type TaskSummary } from './shape.ts'

const OPEN: State[] = ['pending', 'running', 'awaiting_approval']
const ENDED = STATES.filter((state) => !OPEN.includes(state))
const among = (wanted: State[], half: State[]) => wanted.filter((state) => half.includes(state))

/** So many tasks are searched for a text at once, the newest: each is read as a whole. */
const SEARCHED = 10_000

/** The columns of a `TaskSummary`, in every statement that returns one. Lists are looked at by others: they show nothing restricted. */
export const summaryColumns = (sql: Sql) => sql`
  id, state, source, requester, conversation_id, case data_tier when 'restricted' then '(restricted)'
    else left(split_part(content, ${'\n'}, 1), 200) end as excerpt, priority, lane,
  agent, attempt, max_attempts, error, todo_id, run_at, expires_at, created_at, started_at, finished_at`

/** `open` and names of states, in any number with commas between them. */
const states = (text: string): State[] => [
  ...new Set(
    text
      .split(',')
      .map((word) => normal(word).replaceAll(/[\s-]+/g, '_'))
      .flatMap((word) => (word === 'open' ? OPEN : [word as State])),
  ),
]

/** States by name, as one types them. */
export const States = z
  .string()
  .refine(
    (text) => states(text).every((state) => STATES.includes(state)),
    `expected open or any of ${STATES.join(', ')}`,
  )

const List = z.strictObject({
  state: States.transform(states).optional(),
  source: Slug.optional(),
  agent: Slug.optional(),
  requester: Slug.optional(),
  conversation_id: Id.optional(),
  since: Instant.optional(),
  until: Instant.optional(),
  /** Words that are in its question, its answer, its error or the labels of its alerts. */
  text: Text.optional(),
  /** Only the errands of chat clients, which are in no list otherwise. */
  errands: z.boolean().default(false),
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().optional(),
})
type Filter = z.output<typeof List>

/**
 * Tasks the caller may see, newest first, and how many there are; `next_cursor` when there are more. Of the questions of a
 * chat that are as asked the newest stands for all, and says how many they are, but where a conversation, a state, a
 * text or errands are asked for. With `text` the newest 10,000 that are otherwise as asked are searched; then
 * `next_cursor` leads to older ones, and `total` counts what was found among these.
 */
export async function listTasks(sql: Sql, input: z.input<typeof List>, caller: Caller): Promise<TaskList> {
  const given = parse(List, input)
  const place = given.conversation_id
  const by = place ? { ...given, conversation_id: await conversationMeant(sql, place, caller.sees) } : given
  const list = await pageOf(sql, by, caller)
  return { ...list, tasks: await listed(sql, list.tasks, caller) }
}

/** Without what only lists tell. */
type Page = Total & { tasks: TaskSummary[]; next_cursor?: string }

async function pageOf(sql: Sql, by: Filter, caller: Caller): Promise<Page> {
  if (by.text) return searchTasks(sql, { ...by, text: by.text }, caller)
  const rows = isByChat(by) ? await linesOf(sql, by, caller) : await tasksOf(sql, by, caller)
  const { page: tasks, next_cursor } = cut(rows, by.limit)
  const isWhole = !next_cursor && !by.cursor
  const total = isWhole ? totalOf(tasks.length) : await countTasks(sql, by, caller)
  if (!next_cursor) return { tasks, ...total }
  return { tasks, ...total, next_cursor: isByChat(by) ? asOf(next_cursor, by, tasks[0]!) : next_cursor }
}

async function tasksOf(sql: Sql, by: Filter, caller: Caller): Promise<TaskSummary[]> {
  const page = { columns: summaryColumns(sql), limit: by.limit + 1, after: by.cursor }
  return [...(await sql<TaskSummary[]>`${inOrder(sql, by, caller, page)}`)]
}

/** How many there are as asked, wherever a page begins. */
async function countTasks(sql: Sql, by: Filter, caller: Caller): Promise<Total> {
  // in the order of the list: so the same index will do, and nothing but the index is read
  const matching = (as: Part) => sql`
    select created_at from hai.task_queue where ${caller.sees(sql)} and ${as} ${matches(sql, by)}
    order by created_at desc, id desc limit ${COUNT_LIMIT}`
  const chats = isByChat(by)
    ? sql`+ (select count(*)::int from (${chatsAsAsked(sql, by, caller)}) chats)`
    : sql``
  const alone = isByChat(by) ? matching(sql`not chat`) : matching(sql`true`)
  const [row] = await sql<{ found: number }[]>`
    select count(*)::int ${chats} as found
    from (${by.state ? eachState(sql, by.state, matching) : alone}) counted`
  return totalOf(row!.found)
}

interface Cut {
  columns: Part
  limit: number
  after: string | undefined
  /** A condition of its own. */
  only?: Part
}

/**
 * What is asked for, newest first, from where `after` says. A page per state, merged: `state = any(…)` would walk all of
 * history to find the few that are open.
 */
function inOrder(sql: Sql, by: Filter, caller: Caller, { columns, limit, after, only = sql`` }: Cut) {
  const from = after === undefined ? null : readCursor(after)
  const page = (inState: Part) => sql`
    select ${columns} from hai.task_queue
    where ${caller.sees(sql)} and ${inState} ${matches(sql, by)} ${only}
      ${from ? sql`and (created_at, id) < (${from.created_at}::timestamptz, ${from.id})` : sql``}
    order by created_at desc, id desc
    limit ${limit}`
  if (!by.state) return page(sql`true`)
  return sql`${eachState(sql, by.state, page)} order by created_at desc, id desc limit ${limit}`
}

function eachState(sql: Sql, states: State[], select: (inState: Part) => Part) {
  const half = (wanted: State[], finished: Part) => sql`
    select found.* from unnest(${wanted}::text[]) as wanted (state)
    cross join lateral (${select(sql`state = wanted.state and ${finished}`)}) as found`
  return sql`
    ${half(among(states, OPEN), sql`finished_at is null`)}
    union all ${half(among(states, ENDED), sql`finished_at is not null`)}`
}

function matches(sql: Sql, by: Filter) {
  const conversation = by.conversation_id
  return sql`
    and ${by.errands ? sql`errand` : sql`not errand`}
    ${by.source ? sql`and source = ${by.source}` : sql``}
    ${by.agent ? sql`and agent = ${by.agent}` : sql``}
    ${by.requester ? sql`and requester = ${by.requester}` : sql``}
    ${conversation ? sql`and conversation_id = ${conversation}` : sql``}
    ${by.since ? sql`and created_at >= ${by.since}` : sql``}
    ${by.until ? sql`and created_at < ${by.until}` : sql``}`
}

/** Whether the questions of a chat are one line. */
const isByChat = ({ conversation_id, state, text, errands }: Filter): boolean =>
  !conversation_id && !state && !text && !errands

/** A page of lines: of each chat its newest question, of those that were there when the first page was made. */
async function linesOf(sql: Sql, by: Filter, caller: Caller): Promise<TaskSummary[]> {
  const as_of = by.cursor && readCursor(by.cursor).as_of
  const ofItsChat = (task: Part) => sql`
    select from hai.task_queue other
    where other.chat and other.conversation_id = ${task}.conversation_id and ${caller.sees(sql)} ${matches(sql, by)}
      ${as_of ? sql`and created_at <= ${as_of}` : sql``}`
  const page = {
    columns: sql`${summaryColumns(sql)}, chat`,
    limit: by.limit + 1,
    after: by.cursor,
    only: sql`and not (chat and exists (
      ${ofItsChat(sql`task_queue`)} and (created_at, id) > (task_queue.created_at, task_queue.id)))`,
  }
  const rows = await sql<(TaskSummary & { chat: boolean; questions: number })[]>`
    select line.*, (select count(*)::int from (${ofItsChat(sql`line`)}) asked) as questions
    from (${inOrder(sql, by, caller, page)}) line
    order by created_at desc, id desc`
  return rows.map(({ chat, questions, ...task }) => (chat ? { ...task, questions } : task))
}

/** The chats of which a question is as asked, a row each. */
const chatsAsAsked = (sql: Sql, by: Filter, caller: Caller) => sql`
  select distinct conversation_id from hai.task_queue
  where chat and ${caller.sees(sql)} ${matches(sql, by)} limit ${COUNT_LIMIT}`

/** A question that is asked between two pages takes no line from the second: it was not on the first. */
function asOf(next: string, { cursor }: Filter, first: TaskSummary): string {
  const known = cursor && readCursor(cursor).as_of
  return `${next}.${Date.parse(known || first.created_at)}`
}

interface Searched {
  /** How many were read, and how many of them have the text. */
  read: number
  found: number
  ids: string[]
  /** Where the search ended. */
  last_id: string | null
  last_created_at: string | null
}

async function searchTasks(sql: Sql, by: Filter & { text: string }, caller: Caller): Promise<Page> {
  // a task of alerts is found by what each of them is about: in a storm its own words tell of the first
  const texts = sql`content, output, error ->> 'message', case when intent = ${REPORT} then (
    select string_agg(array_to_string(array(select value from jsonb_each_text(labels)), e'\\n'), e'\\n')
    from hai.alert where alert.task_id = task_queue.id) end`
  const has = contains(sql, texts, termsOf(by.text))
  // nobody finds out word by word what another one asked
  const open = sql`(data_tier <> 'restricted' or requester = ${caller.name})`
  const columns = sql`id, created_at, ${open} ${has} as hit`
  const [searched] = await sql<[Searched]>`
    with searched as materialized (${inOrder(sql, by, caller, { columns, limit: SEARCHED, after: by.cursor })})
    select count(*)::int as read, (count(*) filter (where hit))::int as found,
      array(select id from searched where hit order by created_at desc, id desc limit ${by.limit + 1}) as ids,
      (select id from searched order by created_at, id limit 1) as last_id, min(created_at) as last_created_at
    from searched`
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue where id = any(${searched.ids})
    order by created_at desc, id desc`
  const { page: tasks, next_cursor: next } = cut(rows, by.limit)
  const isAll = searched.read < SEARCHED
  const older = isAll ? undefined : cursorOf({ id: searched.last_id!, created_at: searched.last_created_at! })
  const next_cursor = next ?? older
  return {
    tasks,
    total: searched.found,
    ...(isAll ? {} : { total_capped: true as const }),
    ...(next_cursor ? { next_cursor } : {}),
  }
}
