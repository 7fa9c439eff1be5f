import { beforeAll, describe, expect, it } from 'vitest'
import type { Pool, Sql } from '../../../f/hai/core/base/db.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { health } from '../../../f/hai/core/health.ts'
import { home } from '../../../f/hai/core/home.ts'
import { listConversations } from '../../../f/hai/core/task/conversations.ts'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { giveWay } from '../../../f/hai/core/task/give_way.ts'
import { claim } from '../../../f/hai/core/task/lease.ts'
import { listTasks } from '../../../f/hai/core/task/list.ts'
import { showTask, taskEvents } from '../../../f/hai/core/task/show.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { leave } from '../../../f/hai/core/task/waiter.ts'
import { wake } from '../../../f/hai/core/task/wake.ts'
import { listTodos } from '../../../f/hai/core/todo/list.ts'
import { showTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEnvelope } from '../../support/factories.ts'
import { type Plan, plansOf } from './explain.ts'
import { fillHistory, fillPresent } from './history.ts'

// the same present twice: in a house in its first month, and in one of some years
const young = testDatabase()
const old = testDatabase()
let inYoung: Pool
let inOld: Pool
let task: string
let todo: string

beforeAll(async () => {
  await Promise.all([fillPresent(young.sql), fillPresent(old.sql)])
  await fillHistory(old.sql)
  // prepared statements belong to a session: one each
  inYoung = young.open({ max: 1 })
  inOld = old.open({ max: 1 })
  task = (await old.sql<{ id: string }[]>`select id from hai.task_queue where id like '010000003060%'`)[0]!.id
  todo = (await old.sql<{ id: string }[]>`select id from hai.todo where id like '010000001060%'`)[0]!.id
})

const operator = aCaller()
const guest = aCaller('guest')
const zone = 'UTC'
const seer = { ...aCaller(), zone }

type Work = (sql: Sql) => Promise<unknown>
const list =
  (filter: Parameters<typeof listTasks>[1], caller = operator): Work =>
  (sql) =>
    listTasks(sql, filter, caller)

const buffers = (plans: Plan[]) => plans.reduce((sum, plan) => sum + plan.buffers, 0)
// what is pending is in three small indexes, and to count them each will do
const ways = (plans: Plan[]) =>
  plans.map((plan) =>
    // what is looked up for each row beside others may be in any order
    plan.scans.map((scan) => scan.replace(/task_pending_source|task_turn/, 'task_due')).toSorted(),
  )
const readWhole = (plans: Plan[]) =>
  plans.flatMap((plan) => plan.scans).filter((scan) => /^(?:task_queue|todo) by Seq Scan/.test(scan))

/** As the planner likes it for these parameters, and the one plan that it keeps for all. */
async function bothPlans(sql: Pool, work: Work): Promise<Plan[][]> {
  const custom = await plansOf(sql, work)
  await sql`set plan_cache_mode = force_generic_plan`
  const generic = await plansOf(sql, work)
  await sql`set plan_cache_mode = auto`
  return [custom, generic]
}

/** So many blocks at most, where no other number is given: an index's, and those of a page of rows. */
const FEW = 150
/** The same of a list, for each of whose fifty rows its cost is looked up. */
const LISTED = 400
/** The same, and for each of them why it waits. */
const OPEN = 900
/** The same as of a list, and what it takes to count chats: an index of nothing but their questions, here 40,000. */
const CHATS = 1450

const chatTurns = [
  { role: 'user', content: 'what about disk 8 on node 8?' },
  { role: 'assistant', content: `${'fine. '.repeat(30)}` },
]
const ask = (sql: Sql, content: string, turns: object[]) =>
  enqueue(
    sql,
    { source: 'openwebui', content, chat: { waiter: 'w', turns } },
    { requester: 'operator', firstLane },
  )

const EVERYTHING: [name: string, work: Work, index: string, most?: number][] = [
  [
    'enqueue',
    (sql) => enqueue(sql, anEnvelope({ idempotency_key: 'k' }), { requester: 'operator', firstLane }),
    'task_idempotency',
  ],
  ['enqueue what a chat asks on', (sql) => ask(sql, 'and now?', chatTurns), 'chat_by_question'],
  [
    'enqueue what a chat asks first',
    (sql) => ask(sql, 'what about disk 7 on node 7?', []),
    'chat_by_question',
  ],
  ['join a question that is under way', (sql) => ask(sql, 'and now?', chatTurns), 'task_same'],
  ['leave', (sql) => leave(sql, { id: task, waiter: 'w' }, operator), 'task_queue_pkey'],
  ['give way', (sql) => giveWay(sql), 'task_due'],
  ['claim', (sql) => claim(sql, { worker: 'w-1' }), 'task_due'],
  // whether it is a conversation's next turn
  ['claim by turns', (sql) => claim(sql, { worker: 'w-1' }), 'task_turn'],
  ['wake', (sql) => wake(sql, async () => {}), 'task_'],
  ['sweep', (sql) => sweep(sql, 5), 'task_'],
  ['task/list open', list({ state: 'open' }), 'task_open', OPEN],
  ['task/list newest', list({}), 'task_by_time', CHATS],
  ['task/list errands', list({ errands: true }), 'task_errand', LISTED],
  ['task/list by state', list({ state: 'dead' }), 'task_ended', LISTED],
  ['task/list by source', list({ source: 'voice' }), 'task_by_source', CHATS],
  ['task/list by requester', list({ requester: 'guest' }), 'task_by_requester', CHATS],
  ['task/list of a member', list({}, guest), 'task_by_requester', CHATS],
  [
    'task/list by conversation',
    list({ conversation_id: 'conversation 620' }),
    'task_by_conversation',
    LISTED,
  ],
  ['task/list by agent', list({ agent: 'built-in' }), 'task_by_agent', CHATS],
  // the newest ten thousand are read as a whole
  ['task/list by a rare word', list({ text: 'printer' }), 'task_by_time', 1500],
  [
    'task/list a page in the middle',
    (sql) => listTasks(sql, { cursor: middle() }, operator),
    'task_by_time',
    CHATS,
  ],
  [
    'task/list a page in the middle by state',
    (sql) => listTasks(sql, { state: 'dead', cursor: middle() }, operator),
    'task_ended',
    LISTED,
  ],
  ['task/show by the end of its id', (sql) => showTask(sql, task.slice(-6), operator), 'task_suffix'],
  ['task/events', (sql) => taskEvents(sql, { id: task }, operator), 'task_queue_pkey'],
  ['home', (sql) => home(sql, {}, operator), 'task_unacknowledged', 300],
  ['home of a member', (sql) => home(sql, {}, guest), 'task_open', 300],
  ['task/conversations', (sql) => listConversations(sql, {}, operator), 'task_by_requester', 16_000],
  ['health', health, 'task_failed'],
  ['todo/list', (sql) => listTodos(sql, { zone }), 'todo_'],
  ['todo/list done', (sql) => listTodos(sql, { status: 'done', zone }), 'todo_'],
  // to count them, all are walked through: 50,000, or a house's for decades
  ['todo/list by tag', (sql) => listTodos(sql, { tag: 'tag-39', status: 'all', zone }), 'todo_', 1900],
  ['what is next', (sql) => listTodos(sql, { next: true, zone }), 'todo_'],
  ['todo/show by the end of its id', (sql) => showTodo(sql, todo.slice(-6), seer), 'todo_suffix'],
]

/** Where a page begins that is a year back. */
const middle = () => `${Date.now() - 365 * 86_400_000}.01HZY5T2M3N4P5Q6R7S8T90011`

describe('with 250,000 finished tasks', () => {
  it.each(EVERYTHING.filter(([name]) => ['claim', 'task/list open', 'home'].includes(name)))(
    '%s goes the same way as in the first month, and touches at most a fifth more blocks',
    async (_, work) => {
      const before = await plansOf(inYoung, work)
      const after = await plansOf(inOld, work)
      expect(ways(after)).toEqual(ways(before))
      expect(buffers(after)).toBeLessThanOrEqual(1.2 * buffers(before))
    },
  )

  it.each(EVERYTHING)('%s goes by an index and touches few blocks', async (_, work, index, most = FEW) => {
    for (const plans of await bothPlans(inOld, work)) {
      expect(readWhole(plans)).toEqual([])
      expect(plans.flatMap((plan) => plan.scans).join('\n')).toContain(`by ${index}`)
      expect(buffers(plans), JSON.stringify(plans)).toBeLessThan(most)
    }
  })
})
