import type { z } from 'zod'
import * as alert from './alert/room.ts'
import { Models } from './base/backends.ts'
import { type Caller, Members } from './base/caller.ts'
import type { Sql } from './base/db.ts'
import { TimeSetting } from './base/time.ts'
import { Budget } from './cost/budget.ts'
import * as cost from './cost/room.ts'
import * as model from './model/room.ts'
import { Channels } from './outbox/channels.ts'
import * as outbox from './outbox/room.ts'
import { Webhooks } from './surface/webhooks.ts'
import * as task from './task/room.ts'
import type { Past } from './task/shape.ts'
import * as todo from './todo/room.ts'

// The one file that knows all rooms. Lists of their functions and no list of rooms, so that a door loads what it asks for.

/** Everything that an operator may configure, by name; see `f/hai/<name>.resource.yaml` for the defaults. */
export const SETTINGS: Readonly<Record<string, z.ZodType>> = {
  budget: Budget,
  channels: Channels,
  members: Members,
  models: Models,
  time: TimeSetting,
  webhooks: Webhooks,
}

/** What is wrong with a room now, a sentence each, with what to do. */
export const PROBLEMS: readonly ((sql: Sql) => Promise<string[]>)[] = [
  task.problems,
  model.problems,
  cost.problems,
  outbox.problems,
]

/** What of a room matters to the caller now. Its `problems` are for the operator. */
export const NOW: readonly ((sql: Sql, caller: Caller, past: Past) => Promise<object>)[] = [
  task.now,
  todo.now,
  cost.now,
  model.now,
  alert.now,
]

/** What is done for a room once a minute, without anybody's asking. */
export const UPKEEP: readonly ((sql: Sql) => Promise<unknown>)[] = [
  todo.tend,
  cost.tend,
  model.tend,
  alert.tend,
]
