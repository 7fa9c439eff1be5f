/** What the doors of `cost/` return: days as `2026-11-27`, times RFC 3339 in UTC, costs USD. Unknown is null, never 0. */

export const BILLINGS = ['local', 'metered', 'subscription'] as const
export type Billing = (typeof BILLINGS)[number]

/**
 * How a call that is over ended, and what it then counts for:
 * - `answered`: whole, and the backend told its count. It counts at what it cost.
 * - `cancelled`: its task was; `stopped`: its worker had to stop, the task was another's by then, or the answer went on only
 *   to repeat itself. What had come was counted on the way, so it is "at least". If metered, that is spent, and up to what
 *   was held for it is presumed.
 * - `failed`: with a count at what it cost, without one as `uncounted`.
 * - `uncounted`: answered, but the backend told no count. If metered, all that was held for it is presumed.
 * - `lost`: its worker is gone and told nothing. As `uncounted`, until a late word of the worker says better.
 *
 * What is presumed counts against the caps, as what was spent does. A local call costs nothing however it ends. One of a
 * subscription costs no money; its windows take it at the most that it can have used where all of it isn't known.
 */
export const ENDINGS = ['answered', 'cancelled', 'stopped', 'failed', 'uncounted', 'lost'] as const
export type Ending = (typeof ENDINGS)[number]

/** What a report can be broken down by. */
export const BREAKDOWNS = ['agent', 'source', 'requester', 'route', 'backend', 'model', 'billing'] as const
export type Breakdown = (typeof BREAKDOWNS)[number]

export interface TokenSums {
  /** With what was read from and written to a cache. */
  input: number
  output: number
  cache_read: number
  /** With what is kept for an hour. */
  cache_write: number
  cache_write_1h: number
  reasoning: number
}

/** What a number of calls came to. */
export interface Amount {
  calls: number
  /** Of metered calls that are over and local ones (0); null as long as the cost of one of them is unknown. */
  usd: number | null
  /** The sum of those whose cost is known, and of what is the least that another has cost. */
  known_usd: number
  /** Metered calls, over, that nobody could price: no cap holds for them. */
  unknown_calls: number
  /** Calls under way, held at the most they can cost; in no other sum of USD. */
  open_calls: number
  open_usd: number
  /** Metered calls, over, of which not all is known: what they may have cost besides counts against the caps. In no other sum. */
  presumed_calls: number
  presumed_usd: number
  /** By how they ended; see `ENDINGS`. The others were answered or are under way. */
  failed_calls: number
  cancelled_calls: number
  stopped_calls: number
  uncounted_calls: number
  lost_calls: number
  /** Calls, over, whose tokens nobody knows all of: with one of them the sums of tokens are "at least". */
  untold_calls: number
  /** What subscription calls would have cost by list price; null when there were none or a price is unknown. Never added. */
  list_usd: number | null
  tokens: TokenSums
  /** Of all calls together, milliseconds. */
  ms: number
}

/** Tasks that ended, by what answered them; errands of chat clients are none of them. */
export interface TaskCounts {
  total: number
  /** By a built-in, or ended before any model was asked. */
  without_model: number
  /** Local models only. */
  local: number
  /** A metered or subscription model was asked at least once. */
  escalated: number
}

export interface DayAmount extends Amount {
  day: string
  tasks: TaskCounts
  /** Of its calls those for errands of chat clients, and the sum of those whose cost is known, USD. */
  errand_calls: number
  errand_usd: number
}

export interface KeyAmount extends Amount {
  key: string
}

/** How one cap stands now; several for a cap per agent, requester, source or task, the fullest first. */
export interface CapState {
  cap: string
  per: 'all' | 'task' | 'agent' | 'requester' | 'source'
  period: 'day' | 'month' | null
  /** Whose spending it is; empty when everything counts together. */
  key: string
  /** With what it has been raised by. */
  limit: number
  raised: number
  spent: number
  held: number
  presumed: number
  left: number
  /** When it begins anew; null for a task's, which never does. */
  resets_at: string | null
}

/**
 * By how much a cap can be passed, as a call is let through by what hai holds for it, and its backend counts for itself:
 * by what those under way come to above that. None is let through after them.
 */
export interface CapMargin {
  /** So many tasks can be asking a model at once. */
  at_once: number
  /** The most that any call so far came to above what was held for it; 0 when none did. */
  most_usd: number
}

/** How much of a subscription's window has been used, as far as hai knows. */
export interface WindowState {
  window: string
  backend: string
  hours: number
  calls: number
  tokens: number
  /** Null where the budget sets none. */
  limit_calls: number | null
  limit_tokens: number | null
  /** The share kept for a person, 0 to 1. */
  reserve_interactive: number
  list_usd: number | null
  /** When the oldest call leaves the window; null when it is empty. */
  frees_at: string | null
  /** What the tool itself last reported, 0 to 1; null is "not reported". */
  reported_left: number | null
}

/** A model whose calls nobody could price. */
export interface UnknownPrice {
  backend: string
  model: string
  calls: number
}

export interface TopTask {
  id: string
  excerpt: string
  source: string
  agent: string | null
  calls: number
  usd: number | null
}

/** How calls of one backend and route went; those that are over. */
export interface RouteFailures {
  backend: string
  route: string
  minutes: number
  calls: number
  failed: number
  /** When the first of those that failed was made. */
  failing_since?: string | null
  /** The most frequent error and how often. */
  code: string | null
}

/** `cost/report {since?, until?, days?, by?, tz?, top?}`. */
export interface CostReport {
  /** Settings that are not in force, by which caps and prices go: a sentence each, for whoever may mend them. */
  problems?: string[]
  as_of: string
  /** First and last day, both included. */
  since: string
  until: string
  days: number
  zone: string
  total: Amount
  /** What of it was for errands of chat clients, such as titles. */
  errands: Amount
  /** The same number of days before; null when hai has no older row. */
  previous: { since: string; until: string; total: Amount; tasks: TaskCounts } | null
  tasks: TaskCounts
  /** Every day of the range, also those without a call; the oldest first. */
  by_day: DayAmount[]
  /** As asked for with `by` (all of them when not), the dearest first. */
  by: Partial<Record<Breakdown, KeyAmount[]>>
  caps: CapState[]
  /** Null where no cap or no metered backend is, and for a member. */
  margin: CapMargin | null
  windows: WindowState[]
  unknown: UnknownPrice[]
  /** The dearest tasks of the range, as many as asked for with `top` (none when not). */
  top_tasks: TopTask[]
  /** Of the range: how often each cap refused a call. */
  caps_hit: { cap: string; times: number }[]
  failures: RouteFailures[]
  /** Where the prices come from that the operator has not set. */
  list: ListSource
}

/** One call of a task, as the ledger has it. */
export interface CallRow {
  call_id: string
  step: string | null
  lease_no: number | null
  at: string
  settled_at: string | null
  /** `presumed`: it is over, and not all of what it cost is known. */
  state: 'open' | 'settled' | 'presumed'
  /** Null while it is under way. */
  ending: Ending | null
  /** What it used is more, or just this. */
  at_least: boolean
  agent: string
  route: string
  backend: string
  model: string
  billing: Billing
  tokens: { [kind in keyof TokenSums]: number | null }
  usd: number | null
  /** The most it can have cost, held until it is settled. */
  bound: number | null
  list_usd: number | null
  price_version: string | null
  error: string | null
  ms: number
}

/** `cost/task {id}`. */
export interface TaskCost {
  id: string
  /** It is a chat client's own. */
  errand: boolean
  total: Amount
  calls: CallRow[]
}

/** `cost/record {calls}`: of those given, how many are new, how many the ledger had, and how many it had less of. */
export interface Recorded {
  recorded: number
  known: number
  /** Known with a lower or an incomplete count, or without a price that there is now. */
  corrected: number
}

/** `cost/raise {usd, cap?, until?}`: by how much a cap is raised, until when. */
export interface Raised {
  cap: string
  usd: number
  limit: number
  until: string
}

/**
 * One of `cost/record`'s calls, made elsewhere and over. At most 1,000 at once, all or nothing; the same `call_id` is
 * one row for ever, with the fullest count that was told of it. `source` and `agent` default to `import` and `none`,
 * `usd` to our own price.
 */
export interface RecordedCall {
  call_id: string
  /** RFC 3339; when it was made. */
  at: string
  backend: string
  model: string
  billing: Billing
  tokens: { [kind in keyof TokenSums]?: number | null }
  /** Its last count was never told. */
  at_least?: boolean
  ms?: number
  usd?: number | null
  source?: string
  agent?: string
  conversation_id?: string
}

/** A list of prices: whose it is, its version, and the day of it. */
export interface ListSource {
  name: string
  version: string
  date: string
}

/** What of the costs matters now. */
export interface SpentNow {
  /** Today's spend; null while nothing has been metered. */
  spent_usd: number | null
}
