import type { AlertsNow } from './alert/shape.ts'
import type { DriftReported } from './base/contract.ts'
import type { SpentNow } from './cost/shape.ts'
import type { BackendTrouble, Pulse, TasksNow } from './task/shape.ts'
import type { TodosNow } from './todo/shape.ts'

/** What matters now, in one call: the newest of each, and in `totals` how many there are. */
export interface Home extends TasksNow, TodosNow, SpentNow, AlertsNow {
  as_of: string
  since: string
  /** Settings and backends in trouble, a sentence each. */
  problems?: string[]
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
  pulses: Pulse[]
  backends: BackendTrouble[]
  /** Workers that live elsewhere, heard of within a day. */
  workers: { name: string; lanes: string[]; seen_at: string }[]
  problems: string[]
  /** The last report of each kind; none where nobody has reported. */
  drift?: DriftReported[]
  /** What is no fault and may be meant: guards that are off. */
  guards?: string[]
}
