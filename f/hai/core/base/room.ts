import type { z } from 'zod'
import type { Caller } from './caller.ts'
import type { Sql } from './db.ts'

/** What a room brings to what is of the whole house; each part of it is optional. */
export interface Room {
  /** What the operator may set for it, by name. */
  settings?: Record<string, z.ZodType>
  /** What is wrong with it now, a sentence each, with what to do. */
  problems?(sql: Sql): Promise<string[]>
  /** What is done for it once a minute, without anybody's asking. */
  tend?(sql: Sql): Promise<unknown>
  /** What of it matters to the caller now; `since` is an instant. Its `problems` are for the operator. */
  now?(sql: Sql, caller: Caller, since: string): Promise<object>
}
