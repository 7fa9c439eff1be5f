import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { TaskList } from '../base/contract.ts'
import { dayBounds } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { listTasks, States } from '../task/list.ts'
import { Cursor, count, noText } from './request.ts'

export const TaskQuery = z.strictObject({
  state: States.optional(),
  limit: count,
  cursor: Cursor.optional(),
  text: noText('f/hai/task/list'),
})

/** Today's tasks, newest first; when a state is named, those of any day that are in it. */
export async function tasksOfToday(sql: Sql, query: unknown, caller: Caller): Promise<TaskList> {
  const { text: _, ...by } = parse(TaskQuery, query)
  // what has been open since yesterday is what one looks for under a state
  const since = by.state ? undefined : dayBounds('today', { zone: caller.zone, now: new Date() }).from
  return listTasks(sql, { ...by, since }, caller)
}
