import { ALERTS } from './alert/schema.ts'
import { SETTINGS_GONE } from './base/config.ts'
import { DRIFT_TABLE } from './base/drift.ts'
import { ABOVE_HOLDS, CAPS, ENDED, ERRAND_CALLS, USAGE } from './cost/schema.ts'
import { DASHBOARD_VIEWS } from './dashboard_views.ts'
import { MODEL_FACTS } from './model/schema.ts'
import { OUTBOX_RINGS } from './outbox/schema.ts'
import {
  ACKNOWLEDGED,
  BACKENDS,
  BUILT_IN_LANE,
  CHATS,
  GIVEN_BACK,
  LEASE_TOKENS,
  LOOKS,
  NAMED_MODEL,
  QUEUE,
  TIME_ZONES,
  TURNS,
  WAITING,
} from './task/schema.ts'
import { TODO_CHANGERS, TODO_JOURNAL, TODO_WRITERS, TODOS } from './todo/schema.ts'

export interface Migration {
  name: string
  /** Plain SQL, several statements. Never edited once released: the checksum is recorded. */
  sql: string
  /** Runs outside a transaction, for `create index concurrently`. */
  concurrent?: boolean
}

/** Forward only, in order. Expand first; what the previous release needs goes one release later. */
export const MIGRATIONS: readonly Migration[] = [
  { name: 'queue', sql: QUEUE },
  { name: 'todos', sql: TODOS },
  { name: 'usage', sql: USAGE },
  { name: 'backends', sql: BACKENDS },
  { name: 'money', sql: CAPS },
  { name: 'waiting', sql: WAITING },
  { name: 'endings', sql: ENDED },
  { name: 'model facts', sql: MODEL_FACTS },
  { name: 'looks', sql: LOOKS },
  { name: 'todo writers', sql: TODO_WRITERS },
  { name: 'lease tokens', sql: LEASE_TOKENS },
  { name: 'above holds', sql: ABOVE_HOLDS },
  { name: 'lane of built-in answers', sql: BUILT_IN_LANE },
  { name: 'todo changers', sql: TODO_CHANGERS },
  { name: 'outbox rings', sql: OUTBOX_RINGS },
  { name: 'turns', sql: TURNS },
  { name: 'given back', sql: GIVEN_BACK },
  { name: 'dashboard views', sql: DASHBOARD_VIEWS },
  { name: 'drift reports', sql: DRIFT_TABLE },
  { name: 'settings gone', sql: SETTINGS_GONE },
  { name: 'chats', sql: CHATS + ERRAND_CALLS },
  { name: 'alerts', sql: ALERTS },
  { name: 'todo journal', sql: TODO_JOURNAL },
  { name: 'acknowledged', sql: ACKNOWLEDGED },
  { name: 'named model', sql: NAMED_MODEL },
  { name: 'time zones', sql: TIME_ZONES },
]
