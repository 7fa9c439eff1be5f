import type { Caller } from '../base/caller.ts'
import type { Clock } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'

/** For whom an utterance is understood, and when it was said. */
export interface Asker extends Clock {
  caller: Caller
  /** The task that carries the utterance. */
  task_id?: string
}

/** What the operator reads: the answer, and the command that takes it back where something was changed. */
export interface Reply {
  text: string
  undo?: string
  data?: unknown
}

/** One thing hai does without a model. `match` takes the whole utterance or nothing, and never asks the database. */
export interface Intent<Slots extends object> {
  name: string
  examples: string[]
  match(utterance: string, clock: Clock): Slots | undefined
  run(sql: Sql, slots: Slots, asker: Asker): Promise<Reply>
}
