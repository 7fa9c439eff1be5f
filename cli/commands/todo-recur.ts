import type { Command } from 'commander'
import type { Todo } from '../../f/hai/core/todo/shape.ts'
import { newKey } from '../call/webhook.ts'
import { examples, JSON_OPTION, TODO_ID } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { noteOwner, todoLine } from '../show/todo.ts'
import { shortId } from '../show/words.ts'

/** How often, where it is given beside the text. */
export const EVERY_OPTION = [
  '--every <how>',
  'it recurs: monday, "2 weeks", "month on the 1st at 9:00", "3 days after" (it is done)',
] as const

/** `hai todo skip|stop ID`: what recurs passes over its present date, or recurs no more. */
export function addRecurring(todo: Command, session: Session): void {
  addSkip(todo, session)
  addStop(todo, session)
}

function addSkip(todo: Command, session: Session): void {
  const skip = todo
    .command('skip')
    .description('pass over the present date of a todo that recurs: it is due at its next one')
    .argument(...TODO_ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (given: string, { json }: { json?: boolean }) => {
        const id = await session.todoId(given)
        const skipped = await session.call<Todo>('todo/skip', { id, batch: newKey() })
        return changed(session, 'skipped', skipped, json)
      }),
    )
  examples(skip, 'hai todo skip 7f3k2m')
}

function addStop(todo: Command, session: Session): void {
  const stop = todo
    .command('stop')
    .description('let a todo recur no more; it stays, once')
    .argument(...TODO_ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (given: string, { json }: { json?: boolean }) => {
        const id = await session.todoId(given)
        const { recur, id: whole } = await session.call<Todo>('todo/show', { id })
        if (!recur) throw new Failure('usage', `todo ${shortId(whole)} does not recur; nothing was changed`)
        const stopped = await session.call<Todo>('todo/update', { id, recur: null })
        return changed(session, 'recurs no more:', stopped, json)
      }),
    )
  examples(stop, 'hai todo stop 7f3k2m')
}

async function changed(session: Session, what: string, todo: Todo, json = false): Promise<undefined> {
  await session.touchTodos([todo])
  if (json) session.printJson(todo)
  else session.print(`${what} ${todoLine(todo)}`)
  noteOwner(session, [todo])
}
