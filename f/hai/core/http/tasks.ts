import { z } from 'zod'
import type { Caller } from '../caller.ts'
import type { TaskList } from '../contract.ts'
import { dayBounds } from '../dates.ts'
import type { Sql } from '../db.ts'
import { parse } from '../errors.ts'
import { listTasks } from '../task-list.ts'
import { count } from './request.ts'

const Query = z.strictObject({ state: z.string().optional(), limit: count, cursor: z.string().optional() })

/** Today's tasks, newest first; when a state is named, those of any day that are in it. */
export async function tasksOfToday(sql: Sql, query: unknown, caller: Caller): Promise<TaskList> {
  const by = parse(Query, query)
  // what has been open since yesterday is what one looks for under a state
  const since = by.state ? undefined : dayBounds('today', { zone: caller.zone, now: new Date() }).from
  return listTasks(sql, { ...by, since }, caller)
}
