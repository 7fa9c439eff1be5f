import type { Clock } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { addTodoIntent } from './add_todo.ts'
import { cancelTaskIntent, retryTaskIntent } from './change_task.ts'
import { closeTodoIntent } from './close_todo.ts'
import { dueTodosIntent } from './due_todos.ts'
import { type Asker, asked, type Intent, type Reply, utterance, whole } from './grammar.ts'
import { countTodosIntent, listTodosIntent, nextTodoIntent } from './list_todos.ts'
import { lastCostIntent, spentIntent } from './money.ts'
import { onceInChat } from './once.ts'
import { listTasksIntent } from './tasks.ts'
import { undoIntent } from './undo.ts'

const SPOKEN: readonly Intent<object>[] = [
  addTodoIntent,
  listTodosIntent,
  countTodosIntent,
  dueTodosIntent,
  nextTodoIntent,
  closeTodoIntent,
  undoIntent,
  listTasksIntent,
  retryTaskIntent,
  cancelTaskIntent,
  spentIntent,
  lastCostIntent,
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
 * A `HaiError` is the asker's to act on. `chat` is the task whose message of a chat it was. Undefined, with nothing changed,
 * when a model is to answer after all.
 */
export async function reply(
  sql: Sql,
  { intent, slots }: Recognised,
  asker: Asker,
  chat?: { id: string; requester: string },
): Promise<Reply | undefined> {
  const act = () => intent.run(sql, slots, asker)
  return chat && intent.changes ? onceInChat(sql, chat, act) : act()
}

const HELP = whole(
  'help(?: me)?|what can you do(?: for me)?|what can i (?:ask|say)(?: you)?|what do you understand|what are you able to do',
)

/** The intent that tells what the others are for, by their own examples. */
function helpIntent(others: readonly Intent<object>[]): Intent<object> {
  return {
    name: 'help',
    examples: ['help', 'what can you do?'],

    match(said) {
      return asked([HELP], said) && {}
    },

    async run() {
      const lines = others.map(({ name, examples }) => `  ${name}: ${examples.join(' · ')}`)
      return { text: ['Without a model I can', ...lines, 'The commands: hai --help'].join('\n') }
    },
  }
}
