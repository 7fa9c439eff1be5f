import { type Command, Option } from 'commander'
import type { Accepted } from '../../f/hai/core/task/shape.ts'
import {
  TODO_STATUSES,
  type Todo,
  type TodoAdded,
  type TodoList,
  type TodoView,
} from '../../f/hai/core/todo/shape.ts'
import { printAccepted } from '../answer/submit.ts'
import { type WaitOptions, waitFor } from '../answer/wait.ts'
import { CURSOR_OPTION, LIMIT_OPTION, listOf, lookedFor, MORE_OPTION, noteRest } from '../call/list.ts'
import { keepEnd, nextPage } from '../call/page-end.ts'
import { newKey } from '../call/webhook.ts'
import { collect, examples, given, JSON_OPTION, priorityOption, TODO_ID } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { inPlace } from '../settings/notes.ts'
import { addedLine, todoLine, todoTable, todoText } from '../show/todo.ts'
import { shortId } from '../show/words.ts'
import { STDIN_OPTION, wordsOf } from '../stdin.ts'
import { waitOptions } from './ask.ts'
import { addClosing, addEdit } from './todo-change.ts'
import { dated, withDay } from './todo-day.ts'
import { addRecurring, EVERY_OPTION } from './todo-recur.ts'

interface AddOptions {
  tag?: string[]
  due?: string
  every?: string
  priority?: string
  after?: string[]
  raw?: boolean
  stdin?: boolean
  json?: boolean
}

interface ListOptions {
  all?: boolean
  status?: string
  /** The same, as tasks call it. */
  state?: string
  tag?: string
  text?: string
  limit?: number
  cursor?: string
  more?: boolean
  json?: boolean
}

/** `hai todo …`: the list that people and coding agents share. */
export function addTodo(program: Command, session: Session): void {
  const todo = program
    .command('todo')
    .description(
      'keep the list of what is to be done, shared by the house; words that are no command add one',
    )
    .helpCommand(false)
  addAdding(todo, session)
  addListing(todo, session)
  addNext(todo, session)
  addShow(todo, session)
  addEdit(todo, session)
  addClosing(todo, session)
  addRecurring(todo, session)
  addRun(todo, session)
  examples(
    todo,
    'hai todo buy milk due friday',
    'hai todo add "replace the UPS battery #rack"',
    'hai todo ls',
  )
}

function addAdding(todo: Command, session: Session): void {
  const add = todo
    .command('add')
    .description('add a todo; "#tag", "due friday" and "!high" in the text are understood')
    .argument('<text...>', 'what is to be done; - reads it from stdin')
    .option('--tag <tag>', 'a tag; may be repeated', collect)
    .option('--due <when>', 'friday, tomorrow 17:00, 2026-11-27')
    .option(...EVERY_OPTION)
    .addOption(priorityOption())
    .option('--after <id>', 'comes after this todo; may be repeated', collect)
    .option('--raw', 'take the text as it is')
    .option(...STDIN_OPTION)
    .option(...JSON_OPTION)
    .action(
      session.run(
        async (words: string[], { after, tag, every, due, raw, stdin, json, ...options }: AddOptions) => {
          const body = await wordsOf(session.io, words, stdin)
          if (body.trim() === '') throw new Failure('usage', 'there is no text; say what is to be done')
          const fields = {
            ...options,
            body,
            parse: !raw,
            tags: tag,
            recur: every,
            depends_on: after && (await Promise.all(after.map((id) => session.todoId(id)))),
            idempotency_key: newKey(),
          }
          const add = (day?: string) => session.call<TodoAdded>('todo/add', given({ ...fields, due: day }))
          const added = json ? await add(due) : await withDay(session, due, add)
          await session.touchTodos([added])
          const chosen = json ? undefined : await dated(session, added)
          if (json) session.printJson(added)
          else if (chosen) session.print(`added ${todoLine(chosen)}`)
          else session.print(`added ${added.read ? addedLine(added, added.read.text) : todoLine(added)}`)
          if (chosen) return undefined
          for (const note of added.read?.notes ?? []) session.warn(await inPlace(session, note))
          return undefined
        },
      ),
    )
  examples(
    add,
    'hai todo add "replace the UPS battery #rack due friday"',
    'hai todo add "order the battery" --tag rack --due "next monday" --priority high',
    'hai todo add "take out the bins every monday"',
    'hai todo add --raw "read the post on #hashtags"',
    'wl-paste | hai todo add -',
    'while read -r line; do hai todo add -n "$line"; done < todos.txt',
  )
}

function addListing(todo: Command, session: Session): void {
  const ls = todo
    .command('ls')
    .description('list the todos of the house, whoever put them down')
    .option('-a, --all', 'those that are done or dropped too')
    .addOption(
      new Option('--status <status>', 'only these').choices([...TODO_STATUSES, 'all']).conflicts('all'),
    )
    .addOption(
      new Option('--state <status>', 'the same')
        .choices([...TODO_STATUSES, 'all'])
        .conflicts(['all', 'status'])
        .hideHelp(),
    )
    .option('--tag <tag>', 'only those with this tag')
    .option('--text <words>', 'only those that have this in their text, tags or result')
    .option(...LIMIT_OPTION)
    .option(...MORE_OPTION)
    .option(...CURSOR_OPTION)
    .option(...JSON_OPTION)
    .action(
      session.run(({ all, state, json, ...filters }: ListOptions) => {
        const status = all ? 'all' : state
        return list(session, { ...filters, ...(status ? { status } : {}) }, json)
      }),
    )
  examples(ls, 'hai todo ls', 'hai todo ls --tag rack', 'hai todo ls --status done --json')
}

function addNext(todo: Command, session: Session): void {
  const next = todo
    .command('next')
    .description('what can be done now, the most pressing first')
    .option('--limit <n>', 'at most so many (5), or all of them', LIMIT_OPTION[2])
    .option('--tag <tag>', 'only those with this tag')
    .option(...JSON_OPTION)
    .action(
      session.run(({ json, limit = 5, ...filters }: ListOptions) =>
        list(session, { ...filters, limit, next: true }, json),
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
        const found = await session.call<TodoView>('todo/show', { id: await session.todoId(id) })
        await session.touchTodos([found])
        if (json) session.printJson(found)
        else session.print(...todoText(found, session))
        return undefined
      }),
    )
  examples(show, 'hai todo show 7f3k2m', 'hai todo show 2')
}

function addRun(todo: Command, session: Session): void {
  const run = todo
    .command('run')
    .description('hand a todo over as a task; the result comes back onto it')
    .argument(...TODO_ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (given: string, options: WaitOptions & { wait: boolean }) => {
        const id = await session.todoId(given)
        const accepted = await session.call<Accepted>('todo/run', { id, idempotency_key: newKey() })
        const { task_id, conversation_id, written_by } = accepted
        if (written_by) session.note(`what it says is ${written_by}'s; hai todo show ${shortId(id)} shows it`)
        await session.touch({ id: task_id, conversation_id })
        if (!options.wait) return printAccepted(session, accepted, options)
        return waitFor(session, task_id, { ...options, accepted })
      }),
    )
  examples(waitOptions(run), 'hai todo run 7f3k2m')
}

async function list(
  session: Session,
  { limit, more, ...filters }: Omit<ListOptions, 'all' | 'json'> & { next?: boolean },
  json: boolean | undefined,
): Promise<undefined> {
  const how = { door: 'todo/list', key: 'todos', limit } as const
  const args = more ? await nextPage(session, how.door, given(filters)) : given(filters)
  const found = await listOf<'todos', Todo>(session, how, args)
  if (json) {
    session.printJson(found)
    return
  }
  for (const problem of found.problems ?? []) session.warn(await inPlace(session, problem))
  session.print(...(await todoTable(found.todos, session)))
  await session.listed('todo', found.todos)
  if (!filters.next) await keepEnd(session, how.door, args, found.next_cursor)
  if (found.todos.length === 0) session.note(await none(session, filters))
  noteRest(session, found, found.todos.length)
}

/** Why a list is empty: nothing is there, or nothing is as it was asked for. */
async function none(session: Session, filters: ListOptions & { next?: boolean }): Promise<string> {
  const { status = 'open', tag, text, cursor, next } = filters
  const wanted = lookedFor({ tag, text })
  const kind = status === 'all' ? 'todo' : `${status} todo`
  if (wanted)
    return `no ${kind}${next ? ' that can be done now' : ''} matches ${wanted}; hai todo ls shows what is open`
  if (cursor) return 'the list has ended'
  if (next) {
    const { total } = await session.call<TodoList>('todo/list', { limit: 1 })
    if (total > 0) return `nothing can be done now: each of the ${total} open todos waits for another`
  }
  return status === 'all' ? 'there is no todo yet' : `nothing is ${status}`
}
