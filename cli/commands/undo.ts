import type { Command } from 'commander'
import type { TodosUndone } from '../../f/hai/core/todo/shape.ts'
import { newKey } from '../call/webhook.ts'
import { examples, given, JSON_OPTION } from '../command.ts'
import type { Session } from '../session.ts'
import { noteOwner, todoLine } from '../show/todo.ts'
import { relative, shortId } from '../show/words.ts'

/** `hai undo`: takes back the caller's own last change of the list of todos; once more, the one before. */
export function addUndo(program: Command, session: Session): void {
  const undo = program
    .command('undo')
    .description('take back your last change of a todo; once more, the one before')
    .argument('[todo]', 'your last change of this one: its id, @, or its number in the last list')
    .option(...JSON_OPTION)
    .action(
      session.run(async (todo: string | undefined, { json }: { json?: boolean }) => {
        const id = todo === undefined ? undefined : await session.todoId(todo)
        const args = given({ id, idempotency_key: newKey() })
        const back = await session.call<TodosUndone>('todo/undo', args)
        const todos = back.undone.map((one) => one.todo)
        await session.touchTodos(todos)
        if (json) session.printJson(back)
        else session.print(...back.undone.map((one) => undoneLine(one, back.made_at)))
        noteOwner(session, todos)
        return undefined
      }),
    )
  examples(undo, 'hai undo', 'hai undo 7f3k2m', 'hai undo @')
}

/** `taken back (done 3 min ago): 7F3K2M replace the UPS battery is open` */
function undoneLine({ deed, fields, todo }: TodosUndone['undone'][number], at: string): string {
  const what = fields.length > 0 ? fields.map((field) => field.replaceAll('_', ' ')).join(', ') : ''
  const done = `${what ? `${what} ` : ''}${deed === 'edited' ? 'changed' : deed} ${relative(at)}`
  const now = todo.status === 'open' ? todoLine(todo) : `${shortId(todo.id)} ${todo.body} is ${todo.status}`
  return `taken back (${done}): ${now}`
}
