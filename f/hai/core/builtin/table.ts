import type { Clock } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { addTodoIntent } from './add_todo.ts'
import { closeTodoIntent } from './close_todo.ts'
import { dueTodosIntent } from './due_todos.ts'
import { helpIntent } from './help.ts'
import type { Asker, Intent, Reply } from './intent.ts'
import { listTasksIntent } from './list_tasks.ts'
import { listTodosIntent } from './list_todos.ts'
import { nextTodoIntent } from './next_todo.ts'
import { utterance } from './utterance.ts'

const SPOKEN: readonly Intent<object>[] = [
  addTodoIntent,
  listTodosIntent,
  dueTodosIntent,
  nextTodoIntent,
  closeTodoIntent,
  listTasksIntent,
]

/** Everything hai answers without a model. No utterance fits two of them. */
export const INTENTS: readonly Intent<object>[] = [...SPOKEN, helpIntent(SPOKEN)]

/** An utterance that one intent understands wholly, and what it understood. */
export interface Recognised {
  intent: Intent<object>
  slots: object
}

/** The intent that understands all of `content`, or undefined: what is half understood is not for the built-in worker. */
export function recognise(content: string, clock: Clock): Recognised | undefined {
  const said = utterance(content)
  if (!said) return undefined
  for (const intent of INTENTS) {
    const slots = intent.match(said, clock)
    if (slots) return { intent, slots }
  }
  return undefined
}

/**
 * Does what was recognised. In one transaction with the task's completion it happens once, whatever crashes between.
 * A `HaiError` is the asker's to act on.
 */
export async function answer(sql: Sql, { intent, slots }: Recognised, asker: Asker): Promise<Reply> {
  return intent.run(sql, slots, asker)
}
