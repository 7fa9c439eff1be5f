import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Todo, TodoChanged, TodoStatus } from '../../f/hai/core/todo/shape.ts'
import { newKey } from '../call/webhook.ts'
import { collect, examples, given, JSON_OPTION, priorityOption, TODO_ID } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { noteOwner, todoLine } from '../show/todo.ts'
import { oneLine } from '../show/width.ts'
import { shortId } from '../show/words.ts'
import { textOf } from '../stdin.ts'
import { withDay } from './todo-day.ts'
import { pick } from './todo-picker.ts'
import { EVERY_OPTION } from './todo-recur.ts'

interface EditOptions {
  body?: string
  /** False by `--no-due`. */
  due?: string | false
  every?: string
  tag?: string[]
  untag?: string[]
  priority?: string
  json?: boolean
}

/** `hai todo edit ID`: by options, or without any in the operator's editor. */
export function addEdit(todo: Command, session: Session): void {
  const edit = todo
    .command('edit')
    .description('change a todo; without options, its text in your editor')
    .argument(...TODO_ID)
    .option('--body <text>', 'its text; - reads it from stdin')
    .option('--due <when>', 'friday, tomorrow 17:00, 2026-11-27')
    .option('--no-due', 'it is due no more')
    .option(...EVERY_OPTION)
    .option('--tag <tag>', 'add a tag; may be repeated', collect)
    .option('--untag <tag>', 'take a tag away; may be repeated', collect)
    .addOption(priorityOption())
    .option(...JSON_OPTION)
    .action(
      session.run(async (given: string, { json, ...options }: EditOptions) => {
        const id = await session.todoId(given)
        const changes = Object.keys(options).length > 0 ? options : await inEditor(session, id)
        const changed = changes && (await change(session, id, changes, json))
        if (changed) await session.touchTodos([changed])
        if (!changed) session.note('nothing was changed')
        else if (json) session.printJson(changed)
        else {
          session.print(`changed ${todoLine(changed)}`)
          noteOwner(session, [changed])
        }
        return undefined
      }),
    )
  examples(
    edit,
    'hai todo edit 7f3k2m --due "next friday" --tag rack',
    'hai todo edit 7f3k2m --every "2 weeks"',
    'hai todo edit 7f3k2m --no-due',
    'hai todo edit 7f3k2m --body - < plan.md',
    'hai todo edit 7f3k2m',
  )
}

/** With a date that may be two days a person at a terminal says which. */
async function change(session: Session, id: string, changes: EditOptions, json = false): Promise<Todo> {
  const args = await fields(session, id, changes)
  const update = (due?: string) =>
    session.call<Todo>('todo/update', { id, ...args, ...(due === undefined ? {} : { due }) })
  return json ? update() : withDay(session, changes.due || undefined, update)
}

async function fields(session: Session, id: string, changes: EditOptions): Promise<object> {
  const { due, every, tag, untag, priority } = changes
  const body = changes.body === undefined ? undefined : (await textOf(session.io, changes.body)).trimEnd()
  const tags = tag || untag ? await changedTags(session, id, tag ?? [], untag ?? []) : undefined
  return given({ body, due: due === false ? null : due, recur: every, tags, priority })
}

/** The door takes all tags at once, so the present ones are needed. */
async function changedTags(session: Session, id: string, add: string[], remove: string[]): Promise<string[]> {
  const bare = (tag: string) => tag.replace(/^#/, '')
  const gone = remove.map(bare)
  const { tags } = await session.call<Todo>('todo/show', { id })
  const missing = gone.find((tag) => !tags.includes(tag))
  if (missing !== undefined) {
    throw new Failure('usage', `this todo has no tag ${missing}; its tags: ${tags.join(', ') || 'none'}`)
  }
  return [...new Set([...tags.filter((tag) => !gone.includes(tag)), ...add.map(bare)])]
}

/** The text as the editor left it; undefined when it is the same. */
async function inEditor(session: Session, id: string): Promise<EditOptions | undefined> {
  await session.requireTerminal('what should change?', 'hai todo edit --help shows the options')
  const { env } = session.io
  const { body } = await session.call<Todo>('todo/show', { id })
  const editor = env.VISUAL || env.EDITOR || 'vi'
  const folder = mkdtempSync(join(tmpdir(), 'hai-todo-'))
  const file = join(folder, 'todo.md')
  try {
    writeFileSync(file, `${body}\n`, { mode: 0o600 })
    // As git does it, so that an editor with options ("code --wait") works.
    const { status, error } = spawnSync('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit', env })
    if (error || status !== 0) {
      throw new Failure(
        'usage',
        `the editor (${editor}) ended with ${error?.message ?? status}; nothing was changed`,
        {
          next: 'set EDITOR to your editor',
        },
      )
    }
    const text = readFileSync(file, 'utf8').trim()
    if (text === '')
      throw new Failure('usage', 'the text is empty; nothing was changed', {
        next: `hai todo drop ${shortId(id)}`,
      })
    return text === body.trim() ? undefined : { body: text }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

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

/** `hai todo done|drop|reopen [ID…]`; without an id, a person at a terminal picks from a list. */
export function addClosing(todo: Command, session: Session): void {
  for (const closing of CLOSINGS) {
    const command = todo
      .command(closing.verb)
      .description(closing.description)
      .argument('[id...]', 'ids, their last characters, @, or numbers of the last list; without one, pick')
      .option(...JSON_OPTION)
      .action(
        session.run(async (ids: string[], { json }: { json?: boolean }) => {
          const named = await Promise.all(ids.map((id) => session.todoId(id)))
          const chosen = ids.length > 0 ? named : await pick(session, closing)
          return close(session, closing, [...new Set(chosen)], json ?? false)
        }),
      )
    examples(
      command,
      `hai todo ${closing.verb} 7f3k2m`,
      `hai todo ${closing.verb} 1 3`,
      `hai todo ${closing.verb} @`,
    )
  }
}

/** Changes all of them; what is wrong with one does not keep the others back, and its status is the exit's. */
async function close(session: Session, closing: Closing, ids: string[], json: boolean): Promise<number> {
  const changed: TodoChanged[] = []
  let exit = 0
  // so that all of them can be taken back at once
  const batch = ids.length > 1 ? { batch: newKey() } : {}
  for (const id of ids) {
    try {
      const todo = await session.call<TodoChanged>('todo/update', { id, status: closing.status, ...batch })
      changed.push(todo)
      if (json) continue
      session.print(
        `${closing.verb === 'drop' ? 'dropped' : todo.status}: ${shortId(todo.id)} ${oneLine(todo.body)}`,
      )
      if (todo.next) session.print(`next: ${todoLine(todo.next)}`)
      if (closing.verb === 'drop' && todo.recur) noteEnd(session, todo)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      const status = session.report(error)
      exit ||= status
    }
  }
  await session.touchTodos(changed)
  if (json && changed.length > 0) session.printJson(ids.length === 1 ? changed[0] : changed)
  noteOwner(session, changed)
  const undo = closing.verb === 'reopen' ? 'done' : 'reopen'
  if (changed.length > 0 && (await session.onTerminal())) {
    session.note(`to undo: hai todo ${undo} ${changed.map((todo) => shortId(todo.id)).join(' ')}`)
  }
  return exit
}

/** What recurs is rarely meant to end with one date that is passed over. */
function noteEnd(session: Session, { id, recur }: Todo): void {
  const short = shortId(id)
  session.note(
    `it recurred ${recur}, and there is no next one now; to pass over one date only: hai todo reopen ${short}; hai todo skip ${short}`,
  )
}
