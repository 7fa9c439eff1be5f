import type { Sql } from '../base/db.ts'
import { backendTroubles } from '../task/trouble.ts'

export { tendBackends as tend } from './tend.ts'

/** What is wrong with the backends. */
export async function problems(sql: Sql): Promise<string[]> {
  return (await backendTroubles(sql)).problems
}

export const now = async (sql: Sql): Promise<{ problems: string[] }> => ({ problems: await problems(sql) })
