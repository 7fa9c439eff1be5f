import type { Command } from 'commander'
import type { Todo, TodoList, TodoStatus } from '../../f/hai/core/base/contract.ts'
import { examples, JSON_OPTION } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { shortId, shortIds } from '../show/ids.ts'
import { dueText } from '../show/time.ts'
import { noteOwner } from '../show/todo.ts'
import { oneLine } from '../show/width.ts'

interface Closing {
  verb: string
  status: TodoStatus
  description: string
  /** Which todos the picker offers. */
  from: TodoStatus
}

const CLOSINGS: Closing[] = [
  { verb: 'done', status: 'done', description: 'mark todos as done', from: 'open' },
  { verb: 'drop', status: 'dropped', description: 'drop todos: they will not be done', from: 'open' },
  { verb: 'reopen', status: 'open', description: 'open todos again', from: 'done' },
]
const PICKER_LIMIT = 200

/** `hai todo done|drop|reopen [ID…]`; without an id, a person at a terminal picks from a list. */
export function addClosing(todo: Command, session: Session): void {
  for (const closing of CLOSINGS) {
    const command = todo
      .command(closing.verb)
      .description(closing.description)
      .argument('[id...]', 'their ids, or the last characters of them; without one, pick from a list')
      .option(...JSON_OPTION)
      .action(
        session.run(async (ids: string[], { json }: { json?: boolean }) => {
          const chosen = ids.length > 0 ? ids : await pick(session, closing)
          return close(session, closing, [...new Set(chosen)], json ?? false)
        }),
      )
    examples(command, `hai todo ${closing.verb} 7f3k2m`, `hai todo ${closing.verb} 7f3k2m 9xq4ta`)
  }
}

/** Changes all of them; what is wrong with one does not keep the others back, and its status is the exit's. */
async function close(session: Session, closing: Closing, ids: string[], json: boolean): Promise<number> {
  const changed: Todo[] = []
  let exit = 0
  for (const id of ids) {
    try {
      const todo = await session.call<Todo>('todo/update', { id, status: closing.status })
      changed.push(todo)
      if (!json)
        session.print(
          `${closing.verb === 'drop' ? 'dropped' : todo.status}: ${shortId(todo.id)} ${oneLine(todo.body)}`,
        )
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      const status = session.report(error)
      exit ||= status
    }
  }
  if (json && changed.length > 0) session.printJson(ids.length === 1 ? changed[0] : changed)
  noteOwner(session, changed)
  const undo = closing.verb === 'reopen' ? 'done' : 'reopen'
  if (changed.length > 0 && (await session.onTerminal())) {
    session.note(`to undo: hai todo ${undo} ${changed.map((todo) => shortId(todo.id)).join(' ')}`)
  }
  return exit
}

async function pick(session: Session, closing: Closing): Promise<string[]> {
  await session.requireTerminal(
    `which todos? give their ids`,
    `hai todo ls; then: hai todo ${closing.verb} ID`,
  )
  const { todos } = await session.call<TodoList>('todo/list', { status: closing.from, limit: PICKER_LIMIT })
  if (todos.length === 0) throw new Failure('notFound', `no todo is ${closing.from}`)
  const names = shortIds(todos.map((todo) => todo.id))
  const { isCancel, multiselect } = await import('@clack/prompts')
  const chosen = await multiselect({
    message: `Which are ${closing.status}?`,
    options: todos.map((todo, i) => ({
      value: todo.id,
      label: oneLine(todo.body),
      hint: [names[i], todo.due && dueText(todo.due)].filter(Boolean).join(', '),
    })),
    required: false,
    maxItems: 12,
    input: session.io.stdin,
    output: session.io.stderr,
  })
  if (isCancel(chosen)) throw new Failure('interrupted', 'nothing was changed')
  if (chosen.length === 0) throw new Failure('usage', 'none was picked; nothing was changed')
  return chosen
}
