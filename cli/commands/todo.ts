import { type Command, Option } from 'commander'
import { type Accepted, TODO_STATUSES, type Todo, type TodoList } from '../../f/hai/core/contract.ts'
import { collect, count, examples, given, JSON_OPTION, priorityOption, TODO_ID } from '../command.ts'
import { newKey } from '../idempotency-key.ts'
import type { Session } from '../session.ts'
import { printAccepted } from '../submit.ts'
import { todoLine, todoTable, todoText } from '../todo-text.ts'
import { type WaitOptions, waitFor } from '../wait.ts'
import { waitOptions } from './ask.ts'
import { addClosing } from './todo-close.ts'
import { addEdit } from './todo-edit.ts'

interface AddOptions {
  tag?: string[]
  due?: string
  priority?: string
  after?: string[]
  raw?: boolean
  json?: boolean
}

interface ListOptions {
  all?: boolean
  status?: string
  tag?: string
  text?: string
  limit?: number
  cursor?: string
  json?: boolean
}

/** `hai todo …`: the list that people and coding agents share. */
export function addTodo(program: Command, session: Session): void {
  const todo = program.command('todo').description('keep the list of what is to be done').helpCommand(false)
  addAdding(todo, session)
  addListing(todo, session)
  addNext(todo, session)
  addShow(todo, session)
  addEdit(todo, session)
  addClosing(todo, session)
  addRun(todo, session)
  examples(todo, 'hai todo add "replace the UPS battery #rack due friday"', 'hai todo ls')
}

function addAdding(todo: Command, session: Session): void {
  const add = todo
    .command('add')
    .description('add a todo; "#tag", "due friday" and "!high" in the text are understood')
    .argument('<text...>', 'what is to be done')
    .option('--tag <tag>', 'a tag; may be repeated', collect)
    .option('--due <when>', 'friday, tomorrow 17:00, 2026-11-27')
    .addOption(priorityOption())
    .option('--after <id>', 'comes after this todo; may be repeated', collect)
    .option('--raw', 'take the text as it is')
    .option(...JSON_OPTION)
    .action(
      session.run(async (words: string[], { after, tag, raw, json, ...options }: AddOptions) => {
        const added = await session.call<Todo>(
          'todo/add',
          given({
            ...options,
            body: words.join(' '),
            parse: !raw,
            tags: tag,
            depends_on: after,
            idempotency_key: newKey(),
          }),
        )
        if (json) session.printJson(added)
        else session.print(`added ${todoLine(added)}`)
        return undefined
      }),
    )
  examples(
    add,
    'hai todo add "replace the UPS battery #rack due friday"',
    'hai todo add "order the battery" --tag rack --due "next monday" --priority high',
    'hai todo add --raw "read the post on #hashtags"',
  )
}

function addListing(todo: Command, session: Session): void {
  const ls = todo
    .command('ls')
    .description('list todos')
    .option('-a, --all', 'those that are done or dropped too')
    .addOption(
      new Option('--status <status>', 'only these').choices([...TODO_STATUSES, 'all']).conflicts('all'),
    )
    .option('--tag <tag>', 'only those with this tag')
    .option('--text <words>', 'only those that contain this')
    .option('--limit <n>', 'at most so many', count)
    .option('--cursor <cursor>', 'go on where a list ended')
    .option(...JSON_OPTION)
    .action(
      session.run(({ all, json, ...filters }: ListOptions) => {
        const args = given({ ...filters, status: all ? 'all' : filters.status })
        return list(session, args, json, 'nothing is open')
      }),
    )
  examples(ls, 'hai todo ls', 'hai todo ls --tag rack', 'hai todo ls --status done --json')
}

function addNext(todo: Command, session: Session): void {
  const next = todo
    .command('next')
    .description('what can be done now, the most pressing first')
    .option('--limit <n>', 'at most so many (5)', count)
    .option('--tag <tag>', 'only those with this tag')
    .option(...JSON_OPTION)
    .action(
      session.run(({ json, limit = 5, ...filters }: ListOptions) =>
        list(session, given({ ...filters, limit, next: true }), json, 'nothing is left to do'),
      ),
    )
  examples(next, 'hai todo next', 'hai todo next --limit 1')
}

function addShow(todo: Command, session: Session): void {
  const show = todo
    .command('show')
    .description('show everything about a todo')
    .argument(...TODO_ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, { json }: { json?: boolean }) => {
        const found = await session.call<Todo>('todo/show', { id })
        if (json) session.printJson(found)
        else session.print(...todoText(found, session))
        return undefined
      }),
    )
  examples(show, 'hai todo show 7f3k2m')
}

function addRun(todo: Command, session: Session): void {
  const run = todo
    .command('run')
    .description('hand a todo over as a task; the result comes back onto it')
    .argument(...TODO_ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, options: WaitOptions & { wait: boolean }) => {
        const accepted = await session.call<Accepted>('todo/run', { id, idempotency_key: newKey() })
        const { task_id, conversation_id } = accepted
        await session.touch({ id: task_id, conversation_id })
        return options.wait ? waitFor(session, task_id, options) : printAccepted(session, accepted, options)
      }),
    )
  examples(waitOptions(run), 'hai todo run 7f3k2m')
}

async function list(
  session: Session,
  args: object,
  json: boolean | undefined,
  none: string,
): Promise<undefined> {
  const found = await session.call<TodoList>('todo/list', args)
  if (json) {
    session.printJson(found)
    return
  }
  session.print(...(await todoTable(found.todos, session)))
  if (found.todos.length === 0) session.note(none)
  if (found.next_cursor) session.note(`there are more: add --cursor ${found.next_cursor}`)
}
