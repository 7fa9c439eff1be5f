import type { Total } from '../base/contract.ts'

/** The `data_tier` of what may not leave the house: only `billing: local` answers it, whatever a file or a worker says. */
export const RESTRICTED = 'restricted'

/** What a task may bring: the text of what is asked, and all that is attached to it, or was said before it. */
export const CONTENT_BYTES = 256 * 1024
export const CONTEXT_BYTES = 4 * 1024 * 1024

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
  /** In `task/list` of a chat's newest question: for so many of the same chat it stands, itself included. */
  questions?: number
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
    | 'left'
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
  /** Who is to answer, by the name that was given; null where hai chooses. */
  model?: string | null
  data_tier: 'public' | 'internal' | 'restricted'
  trace_id: string | null
  metadata: Record<string, unknown>
  lease_no: number
  job_id: string | null
  /** A chat client's own call, which no list shows. */
  errand: boolean
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
  /** What the operator should mend in the settings, a sentence each; nobody else is told. */
  problems?: string[]
  /** Guards that are off. */
  guards?: string[]
}

/** A task as `task/list` tells it; servers before this release tell no more than a `TaskSummary`. */
export interface TaskListed extends TaskSummary {
  /** For whom it was asked, where its source says. */
  on_behalf_of?: string | null
  /** Null where it is not known; 0 where nothing was paid. Of a chat's line that of the newest question. */
  cost_usd?: number | null
  /** Of the first fifty of a list that are open; null of all others. */
  waiting_on?: WaitingOn | null
  /** It failed, and somebody said that that is known. */
  acknowledged?: true
}

export interface TaskList extends Total {
  tasks: TaskListed[]
  next_cursor?: string
}

/** Failures of which it was taken down just now that they are known, and how many others there are, counted to 1,000. */
export interface Acknowledged {
  acknowledged: TaskSummary[]
  left: number
}

/** What one asked and was answered in a row. */
export interface Conversation {
  conversation_id: string
  /** Where it was given one, with its `#`. */
  name: string | null
  turns: number
  began_at: string
  last_at: string
  /** Its last task, and how that stands. */
  last_id: string
  last_state: State
  /** First lines, at most 200 characters: of its first question, and of its last one. */
  began_with: string
  question: string
  /** The last line of the last answer, at most 200 characters; null where there is none. */
  answer: string | null
}

export interface ConversationList extends Total {
  conversations: Conversation[]
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
  /** Of a task that has ended: what its model calls used, 0 where none was made; left out where not all of it is known. */
  usage?: TokensUsed
  /** Why its answer ended, by OpenAI's names. */
  ending?: AnswerEnding
  /** What is to be said of its answer: what was left out, who answered instead, where it stops. */
  notices?: string[]
  /** Where the answer tells why nothing was changed, though something was to be. */
  refused?: Refused
}

/** As a door would refuse the same: there is no such thing, or several, or not in this state. */
export type Refused = 'not_found' | 'conflict'

/** In tokens: `cached` are part of `input`, `reasoning` of `output`. */
export interface TokensUsed {
  input: number
  output: number
  cached: number
  reasoning: number
}

export type AnswerEnding = 'stop' | 'length' | 'content_filter'

export interface TaskEvents {
  events: TaskEvent[]
  state: State
  last_seq: number
  job_id?: string
  /** Where it was asked for, of a task that has ended or waits for approval, with the last of its events. Not `result`, whose `error` would be the call's. */
  outcome?: TaskResult
  /** Where it was asked for, of a task that has not ended: why it isn't moving, null when it is. */
  waiting_on?: WaitingOn | null
}

/** One message of a chat, as it was sent. */
export interface Said {
  role: 'user' | 'assistant'
  content: string
}

/** What came with a chat's question: all that a model reads beside it. See `Chat` in `chat.ts`. */
export interface SentChat {
  instructions: string
  turns: Said[]
  begun?: string
  answer: AnswerForm
}

/** How an answer is to be made, by OpenAI's names. */
export interface AnswerForm {
  max_tokens?: number | undefined
  stop?: string[] | undefined
  temperature?: number | undefined
  top_p?: number | undefined
  response_format?:
    | { type: 'json_object' }
    | { type: 'json_schema'; json_schema: { name: string } }
    | undefined
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
  /** Who is to answer, by the name that was given; null where hai chooses. */
  model?: string | null
  data_tier: string
  todo_id: string | null
  metadata: Record<string, unknown>
  /** IANA zone in which times in it are meant; null where its caller named none. */
  time_zone: string | null
  context: { name: string; media_type: string; text: string }[]
  /** Of a chat: what was said before, which is then read in place of the conversation. */
  chat: SentChat | null
  /** A chat client's own call, which nobody waits for. */
  errand: boolean
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

/** How far one looks back for what has ended, instants, and what of it is no news: tasks whose answers were read. */
export interface Past {
  since: string
  failed_since: string
  read: readonly string[]
}

/** What of the tasks matters now: the newest of each, and in `totals` how many there are. */
export interface TasksNow {
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
  /** What could begin and does not, or was put off: the oldest five, with why. */
  waiting?: TaskListed[]
  /** Since `since`; without what a chat client was given, what the caller has read, and alerts that fire. */
  finished: TaskSummary[]
  /** Since `failed_since`, and not acknowledged. */
  failed: TaskSummary[]
  failed_since?: string
}

/** When a schedule ran last; `late` where it should have run again since. */
export interface Pulse {
  name: string
  last_at: string | null
  every_seconds: number
  late: boolean
}
