/**
 * The shapes that cross a webhook: what doors return and the CLI reads. Field names are the contract's.
 * Times are RFC 3339 strings in UTC, durations seconds, money USD.
 */

/** Raised when a caller of the previous number would be misunderstood. */
export const CONTRACT = 2

/** The `data_tier` of what may not leave the house: only `billing: local` answers it, whatever a file or a worker says. */
export const RESTRICTED = 'restricted'

export const STATES = [
  'pending',
  'running',
  'awaiting_approval',
  'done',
  'dead',
  'cancelled',
  'expired',
  'rejected',
] as const
export type State = (typeof STATES)[number]

export const PRIORITIES = ['low', 'normal', 'high', 'urgent'] as const
export type Priority = (typeof PRIORITIES)[number]

export const TODO_STATUSES = ['open', 'done', 'dropped'] as const
export type TodoStatus = (typeof TODO_STATUSES)[number]

/** Why a task ended badly or waits: a stable code, a sentence, and the exact next command or act. */
export interface TaskError {
  code: string
  message: string
  next_step?: string
  backend?: string
}

/** A task as lists show it; `excerpt` is the first line of its content, at most 200 characters. */
export interface TaskSummary {
  id: string
  state: State
  source: string
  requester: string
  conversation_id: string
  excerpt: string
  priority: Priority
  lane: string
  agent: string | null
  attempt: number
  max_attempts: number
  error: TaskError | null
  todo_id: string | null
  run_at: string
  expires_at: string | null
  created_at: string
  started_at: string | null
  finished_at: string | null
}

export interface WaitingOn {
  code:
    | 'conversation'
    | 'lane_full'
    | 'behind'
    | 'retry'
    | 'backend'
    | 'paused'
    | 'budget'
    | 'loading'
    | 'scheduled'
    | 'worker_silent'
    | 'no_worker'
    | 'worker_absent'
    | 'approval'
    | 'starting'
  since: string
  until?: string
  text: string
  next_step?: string
}

export interface TaskEvent {
  seq: number
  at: string
  type: string
  /** One line a person can read. */
  text: string
  data: Record<string, unknown>
}

export interface TaskStep {
  call_id: string
  name: string
  state: 'started' | 'finished' | 'unknown'
  started_at: string
  finished_at: string | null
}

/** Everything about one task: `task/show`. */
export interface TaskView extends TaskSummary {
  content: string
  output: string | null
  result: unknown
  task_ref: string | null
  on_behalf_of: string | null
  target_agent: string | null
  data_tier: 'public' | 'internal' | 'restricted'
  trace_id: string | null
  metadata: Record<string, unknown>
  lease_no: number
  job_id: string | null
  verdict: 'useful' | 'noise' | 'acted' | null
  context: { name: string; media_type: string; bytes: number }[]
  waiting_on: WaitingOn | null
  /** The newest; the answer's pieces are no events here. */
  steps: TaskStep[]
  events: TaskEvent[]
  totals: { steps: number; events: number }
  /** What had come of an answer that did not become whole, of a task that has ended. */
  partial?: string
  /** Unknown is null, never 0. */
  cost_usd: number | null
}

export interface Accepted {
  task_id: string
  status: 'accepted' | 'duplicate'
  conversation_id: string
  /** The conversation's name is new: nothing was said under it before. */
  begins_conversation?: true
  job_id?: string
  /** Where this very call worked on it, as hai answers it itself: its events, how it stands and its outcome, as `task/events` tells them. */
  seen?: TaskEvents
  /** Of a task made of a todo whose words somebody else wrote: who. */
  written_by?: string
  /** What the operator should mend in his settings, a sentence each; nobody else is told. */
  problems?: string[]
  /** Guards of his that are off. */
  guards?: string[]
}

/** How many there are in all of what a list shows a part of, counted by the database. */
export interface Total {
  total: number
  /** There are more than `total`; nobody counted on. */
  total_capped?: true
}

export interface TaskList extends Total {
  tasks: TaskSummary[]
  next_cursor?: string
}

export interface TaskResult {
  id: string
  state: State
  output?: string
  result?: unknown
  /** What had come of an answer that did not become whole. */
  partial?: string
  error?: TaskError
}

export interface TaskEvents {
  events: TaskEvent[]
  state: State
  last_seq: number
  job_id?: string
  /** Where it was asked for, of a task that has ended or waits for approval, with the last of its events. Not `result`, whose `error` would be the call's. */
  outcome?: TaskResult
}

/** `due` is a day (`2026-11-27`) or, when a time was said, an RFC 3339 instant. */
export interface Todo {
  id: string
  body: string
  status: TodoStatus
  tags: string[]
  priority: Priority
  due: string | null
  overdue: boolean
  depends_on: string[]
  /** Those of `depends_on` that are still open. */
  blocked_by: string[]
  metadata: Record<string, unknown>
  created_by: string
  task_id: string | null
  /** The answer of its task, for those who may see that. */
  result: string | null
  created_at: string
  updated_at: string
  closed_at: string | null
  closed_by: string | null
  /** Who changed or closed it last, and when; null when nobody has since it was put down. */
  changed_by: string | null
  changed_at: string | null
}

/** One todo, and how the task that was to do it stands, where one was started. */
export interface TodoView extends Todo {
  task?: { state: State; error: TaskError | null }
}

export interface TodoList extends Total {
  todos: Todo[]
  next_cursor?: string
  /** That the setting by whose zone days are told is not in force, for whoever may mend it. */
  problems?: string[]
}

/** What matters now, in one call: the newest of each, and in `totals` how many there are. */
export interface Home {
  as_of: string
  since: string
  totals: {
    waiting_for_you: number
    running: number
    finished: number
    failed: number
    /** Those of which there are more; nobody counted on. */
    capped?: ('finished' | 'failed')[]
  }
  waiting_for_you: TaskSummary[]
  running: TaskSummary[]
  pending: number
  finished: TaskSummary[]
  failed: TaskSummary[]
  todos: {
    /** All that is open: the sum of the four counts that follow. */
    open: number
    overdue: number
    due_today: number
    due_later: number
    undated: number
    /** What can be done now, the most pressing first. */
    next: Todo[]
  }
  /** Today's spend; null while nothing has been metered. */
  spent_usd: number | null
  /** Settings and backends in trouble, a sentence each. */
  problems?: string[]
}

/**
 * A leased task, as `worker/claim` hands it out. Every later call names `lease_no`, the fencing token, and proves by
 * `lease_token`, which nobody else is told, that it comes from who claimed.
 */
export interface ClaimedTask {
  id: string
  lease_no: number
  lease_token: string
  attempt: number
  max_attempts: number
  lane: string
  content: string
  source: string
  requester: string
  on_behalf_of: string | null
  conversation_id: string
  target_agent: string | null
  data_tier: string
  todo_id: string | null
  metadata: Record<string, unknown>
  context: { name: string; media_type: string; text: string }[]
  /** When it was put down, or put down again: what "tomorrow" in it is counted from. */
  run_at: string
  /** How often a person had it tried again from the start. */
  round: number
  lease_until: string
}

/** What has been wrong with a backend since its last answer. */
export interface BackendTrouble {
  name: string
  state: string
  since: string
  /** When it is asked again at the earliest. */
  until?: string
  message: string
  next_step?: string
}

/** One of the operator's configurations as it is in force. */
export interface Setting {
  name: string
  value: unknown
  /** Where each value comes from, by its path: `caps.day.usd`. */
  origin: Record<string, string>
  /** Why the newest is not in force, and what is. */
  error?: string
}

/** What whoever compared with Git found last. */
export interface DriftReported {
  kind: 'windmill' | 'cluster'
  target: string
  compared: number
  differences: number
  /** The first of the differences, a line each. */
  examples: string[]
  reported_by: string
  reported_at: string
}

export interface Health {
  /** As in `ModelList`. */
  for?: 'member'
  ok: boolean
  contract: number
  schema: { version: number; expected: number }
  queue: {
    pending: number
    due: number
    running: number
    awaiting_approval: number
    dead_24h: number
    oldest_due_seconds: number | null
    next_due_at: string | null
  }
  lanes: { lane: string; slots: number; busy: number }[]
  pulses: { name: string; last_at: string | null; every_seconds: number; late: boolean }[]
  backends: BackendTrouble[]
  /** Workers that live elsewhere, heard of within a day. */
  workers: { name: string; lanes: string[]; seen_at: string }[]
  problems: string[]
  /** The last report of each kind; none where nobody has reported. */
  drift?: DriftReported[]
  /** What is no fault and may be meant: guards that are off. */
  guards?: string[]
}

/** A list of prices: whose it is, its version, and the day of it. */
export interface ListSource {
  name: string
  version: string
  date: string
}

export type WindowSource = 'settings' | 'server' | 'earlier_call'

/** One model that may be asked, or could be. Prices are USD per million tokens. */
export interface ModelRow {
  backend: string
  model: string
  kind: string
  url: string | null
  billing: 'local' | 'metered' | 'subscription'
  /** Found where it usually is, without being configured. */
  found: boolean
  enabled: boolean
  /** In memory now; null where the backend doesn't say. */
  loaded: boolean | null
  /** What it lacks to answer now; not there when nothing is known to be missing. */
  trouble?: { code: 'missing' | 'no_key' | 'unreachable'; text: string }
  /** The window in force, in tokens: the least of what is known; null is unknown. */
  context: number | null
  /** Who says so: models.yaml, its server's list of models, or what the server refused or cut at an earlier call. */
  context_from?: WindowSource
  price: { input?: number; output?: number; cache_read?: number; cache_write?: number } | null
  /** Whose list the price is of, where the operator has set none. */
  list_price?: ListSource
}

export interface ModelList {
  /** Who looks, as far as he is no operator: what is to be done is not his to do. */
  for?: 'member'
  /** `backend/model` that answers when nothing else is said, and why. */
  default: string | null
  reason?: string
  /** The default can't be used, which is what the reason says then. */
  unusable?: true
  models: ModelRow[]
  /** Backends that are there and are not used before they are enabled. */
  offers: { backend: string; how: string }[]
  /** What is wrong with the operator's file; the last good one is in force. */
  error?: string
  problems?: string[]
}

/** How a real round trip went; times in milliseconds. */
export interface ModelTest {
  backend: string
  model: string
  ok: boolean
  load_ms?: number
  first_text_ms?: number
  total_ms?: number
  output_tokens?: number | null
  /** Between the first token and the last; null where that is not known. */
  tokens_per_second?: number | null
  /** What is to be said of it besides. */
  notices?: string[]
  error?: TaskError
}

export interface ErrorBody {
  error: { code: string; message: string; details?: Record<string, unknown> }
}
