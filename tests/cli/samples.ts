import type { Health, Home } from '../../f/hai/core/shape.ts'
import type { Accepted, State, TaskEvent, TaskSummary, TaskView } from '../../f/hai/core/task/shape.ts'
import type { Todo } from '../../f/hai/core/todo/shape.ts'

export const TASK_ID = '01KAMZ5T3E8QWXYZ0001AB7F3K'
export const TODO_ID = '01KAMZ5T3E8QWXYZ0002CD9XQ4'

/** Ids that differ in their last characters. */
export function ulid(n: number): string {
  return `01KAMZ5T3E8QWXYZ0000${String(n).padStart(6, '0')}`
}

export function aTask(fields: Partial<TaskSummary> = {}): TaskSummary {
  return {
    id: TASK_ID,
    state: 'done',
    source: 'cli',
    requester: 'operator',
    conversation_id: 'conversation-1',
    excerpt: 'what is open?',
    priority: 'normal',
    lane: 'interactive',
    agent: 'built-in',
    attempt: 1,
    max_attempts: 3,
    error: null,
    todo_id: null,
    run_at: '2026-11-22T09:00:00.000Z',
    expires_at: null,
    created_at: '2026-11-22T09:00:00.000Z',
    started_at: '2026-11-22T09:00:00.100Z',
    finished_at: '2026-11-22T09:00:00.200Z',
    ...fields,
  }
}

export function aView(fields: Partial<TaskView> = {}): TaskView {
  return {
    ...aTask(),
    content: 'what is open?',
    output: 'nothing is open',
    result: null,
    task_ref: null,
    on_behalf_of: null,
    target_agent: null,
    data_tier: 'internal',
    trace_id: null,
    metadata: {},
    lease_no: 1,
    job_id: 'job-1',
    errand: false,
    verdict: null,
    context: [],
    waiting_on: null,
    steps: [],
    events: [anEvent(1, 'accepted'), anEvent(2, 'done')],
    totals: { steps: 0, events: 2 },
    cost_usd: null,
    ...fields,
  }
}

export function anEvent(seq: number, text: string): TaskEvent {
  return { seq, at: '2026-11-22T09:00:00.000Z', type: 'step', text, data: {} }
}

export function aTodo(fields: Partial<Todo> = {}): Todo {
  return {
    id: TODO_ID,
    body: 'replace the UPS battery',
    status: 'open',
    tags: ['rack'],
    priority: 'normal',
    due: '2099-11-27',
    overdue: false,
    recur: null,
    follows: null,
    depends_on: [],
    blocked_by: [],
    metadata: {},
    created_by: 'operator',
    task_id: null,
    result: null,
    created_at: '2026-11-22T09:00:00.000Z',
    updated_at: '2026-11-22T09:00:00.000Z',
    closed_at: null,
    closed_by: null,
    changed_by: null,
    changed_at: null,
    ...fields,
  }
}

export function anAccepted(fields: Partial<Accepted> = {}): Accepted {
  return { task_id: TASK_ID, status: 'accepted', conversation_id: 'conversation-1', ...fields }
}

export function aHome(
  fields: Partial<Omit<Home, 'totals' | 'todos'>> & {
    totals?: Partial<Home['totals']>
    todos?: Partial<Home['todos']>
  } = {},
): Home {
  return {
    as_of: '2026-11-22T09:00:00.000Z',
    since: '2026-11-21T09:00:00.000Z',
    waiting_for_you: [],
    running: [],
    pending: 0,
    finished: [],
    failed: [],
    spent_usd: null,
    ...fields,
    totals: { waiting_for_you: 0, running: 0, finished: 0, failed: 0, ...fields.totals },
    todos: {
      open: 0,
      overdue: 0,
      due_today: 0,
      due_later: 0,
      undated: 0,
      next: [],
      ...fields.todos,
    },
  }
}

export function aHealth(fields: Partial<Health> = {}): Health {
  return {
    ok: true,
    contract: 1,
    schema: { version: 3, expected: 3 },
    queue: {
      pending: 0,
      due: 0,
      running: 0,
      awaiting_approval: 0,
      dead_24h: 0,
      oldest_due_seconds: null,
      next_due_at: null,
    },
    lanes: [],
    pulses: [],
    backends: [],
    workers: [],
    problems: [],
    ...fields,
  }
}

/** Doors of a task that was accepted and ends in this state with these events. */
export function doorsOfTask(state: State, result: object, events: TaskEvent[] = []) {
  return {
    inbox: () => ({ result: anAccepted() }),
    'task/events': ({ after }: Record<string, unknown>) => ({
      result: {
        events: events.filter(({ seq }) => seq > Number(after)),
        state,
        last_seq: events.at(-1)?.seq ?? 0,
      },
    }),
    'task/result': () => ({ result: { id: TASK_ID, state, ...result } }),
  }
}
