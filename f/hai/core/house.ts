import type { z } from 'zod'
import { Members } from './base/caller.ts'
import type { Sql } from './base/db.ts'
import type { Room } from './base/room.ts'
import { cost } from './cost/room.ts'
import { model } from './model/room.ts'
import { outbox } from './outbox/room.ts'
import { task } from './task/room.ts'
import { todo } from './todo/room.ts'

/** Whoever lives here. */
const base: Room = { settings: { members: Members } }

/** The one list of all rooms, in the order in which they are asked what is wrong, tended, and shown. */
export const ROOMS = { base, task, todo, cost, model, outbox } satisfies Record<string, Room>

export const ALL_ROOMS: readonly Room[] = Object.values(ROOMS)

/** Everything that an operator may configure, by name; see `f/hai/<name>.resource.yaml` for the defaults. */
export const SETTINGS: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  ALL_ROOMS.flatMap(({ settings = {} }) => Object.entries(settings)).sort(([a], [b]) => (a < b ? -1 : 1)),
)

/** What every room has done for it once a minute. One that fails keeps no other from its turn; the first error is thrown. */
export async function tend(sql: Sql): Promise<void> {
  const errors: unknown[] = []
  for (const room of ALL_ROOMS) {
    try {
      await room.tend?.(sql)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors, String(errors[0]))
}
