import type { Sql } from '../base/db.ts'
import type { State } from './shape.ts'

/** States of a task that ended without the whole of its answer. */
const BROKEN_OFF: readonly State[] = ['dead', 'cancelled', 'expired', 'rejected']

interface Task {
  id: string
  state: State
  output: string | null
}

/**
 * What had come of the answer of a task that ended without one, from the pieces that its history kept: those of the last
 * attempt that wrote anything. Undefined when nothing had come, and of any other task.
 */
export async function partialOf(sql: Sql, { id, state, output }: Task): Promise<string | undefined> {
  if (!BROKEN_OFF.includes(state) || output !== null) return undefined
  const pieces = await sql<{ text: string; at: number | null }[]>`
    select text, (data ->> 'at')::float8 as at from hai.task_event
    where task_id = ${id} and type = 'delta' and seq >= (
      select max(seq) from hai.task_event where task_id = ${id} and type = 'delta' and data ->> 'at' = '0')
    order by seq`
  let come = ''
  for (const { text, at } of pieces) if (at === come.length) come += text
  return come || undefined
}
