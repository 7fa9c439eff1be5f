import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelRow } from '../../f/hai/core/model/shape.ts'
import type { Accepted, Conversation, TaskSummary } from '../../f/hai/core/task/shape.ts'
import type { Todo } from '../../f/hai/core/todo/shape.ts'
import { Failure } from '../failure.ts'
import { readText, stateDirOf, writePrivate } from '../files.ts'
import { oneLine } from '../show/width.ts'
import { shortId } from '../show/words.ts'

type Env = Record<string, string | undefined>

/** What a shell completes from a file. `closed` are todos that are done or dropped. */
const KINDS = ['todos', 'closed', 'tags', 'tasks', 'conversations', 'models', 'backends'] as const

export type Suggested = (typeof KINDS)[number]

/** A value, and what a person knows it by. */
type Suggestion = [value: string, text: string]

type News = Partial<Record<Suggested, Suggestion[]>>

/** As many as one looks through. */
const KEPT = 200
const TEXT_LENGTH = 60
/** A profile of config.yaml; the address of a server in HAI_ENDPOINT is none. */
const PROFILE = /^[a-z0-9][a-z0-9_-]*$/
/** What a shell can offer as one word. */
const VALUE = /^[^\s\p{Cc}]{1,200}$/u

/**
 * Keeps what a door's answer shows of todos, tasks and so on for the shell's completion, which reads it without starting
 * hai: per profile a file a kind, a line `value<TAB>text` each, the last seen first. That this fails is nobody's trouble.
 */
export function keepSuggestions(
  env: Env,
  profile: string,
  { path, args, result }: { path: string; args: object; result: unknown },
): void {
  if (!PROFILE.test(profile)) return
  try {
    const news = newsIn(path, args, result)
    for (const kind of KINDS) if (news[kind]) keep(env, profile, kind, news)
  } catch (error) {
    // a folder that can't be written is told of where something is lost by it, a row of another release is none to offer
    if (!(error instanceof Failure || error instanceof TypeError)) throw error
  }
}

/** Keeps the names of the profiles, and which is used where none is named. */
export function keepProfiles(env: Env, names: string[], used: string): void {
  try {
    // the one that is always there is known without a file
    if (names.length === 1 && readText(fileOf(env, 'profiles')) === '') return
    write(
      env,
      'profiles',
      names.map((name): Suggestion => [name, '']),
    )
    write(env, 'profile', [[used, '']])
  } catch (error) {
    if (!(error instanceof Failure)) throw error
  }
}

/** What was seen on a profile that is no more is nobody's to read. */
export function forgetSuggestions(env: Env, profile: string): void {
  try {
    rmSync(fileOf(env, profile), { recursive: true, force: true })
  } catch (error) {
    // what can't be looked into was not written from here
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}

function newsIn(path: string, args: object, result: unknown): News {
  const of = <T>(key: string) => (result as { [key: string]: T[] | undefined })[key] ?? []
  switch (path) {
    case 'todo/list':
      return ofTodos(of<Todo>('todos'))
    case 'todo/add':
    case 'todo/update':
    case 'todo/show':
      return ofTodos([result as Todo])
    case 'task/list':
      return ofTasks(of<TaskSummary>('tasks'))
    case 'task/show':
      return ofTasks([result as TaskSummary])
    case 'inbox':
      return ofTasks([accepted(args as { body?: { content?: string } }, result as Accepted)])
    case 'conversation/list':
      return { conversations: of<Conversation>('conversations').map(ofConversation) }
    case 'model/list':
      return ofModels(of<ModelRow>('models'), of<{ backend: string }>('offers'))
    default:
      return {}
  }
}

function accepted({ body }: { body?: { content?: string } }, { task_id, conversation_id }: Accepted) {
  return { id: task_id, conversation_id, excerpt: body?.content ?? '' }
}

function ofTodos(todos: Todo[]): News {
  const named = (open: boolean) =>
    todos
      .filter(({ status }) => (status === 'open') === open)
      .map(({ id, body }): Suggestion => [shortId(id), body])
  const tags = todos.flatMap(({ tags }) => tags.map((tag): Suggestion => [tag, '']))
  return { todos: named(true), closed: named(false), ...(tags.length > 0 ? { tags } : {}) }
}

function ofTasks(tasks: Pick<TaskSummary, 'id' | 'excerpt' | 'conversation_id'>[]): News {
  const named = tasks.filter(({ conversation_id }) => conversation_id.startsWith('#'))
  return {
    tasks: tasks.map(({ id, excerpt }): Suggestion => [shortId(id), excerpt]),
    ...(named.length > 0
      ? { conversations: named.map(({ conversation_id, excerpt }): Suggestion => [conversation_id, excerpt]) }
      : {}),
  }
}

const ofConversation = ({ conversation_id, name, began_with }: Conversation): Suggestion => [
  name ?? shortId(conversation_id),
  began_with,
]

function ofModels(models: ModelRow[], offers: { backend: string }[]): News {
  const backends = [...models, ...offers].map(({ backend }): Suggestion => [backend, ''])
  return { models: models.map(({ backend, model }): Suggestion => [`${backend}/${model}`, '']), backends }
}

/** What there is of a kind that is listed whole, and the newest of the others before what was known of them. */
function keep(env: Env, profile: string, kind: Suggested, news: News): void {
  const whole = kind === 'models' || kind === 'backends'
  const fresh = news[kind] ?? []
  const moved = kind === 'todos' ? news.closed : kind === 'closed' ? news.todos : undefined
  const gone = new Set(moved?.map(([value]) => value))
  const known = whole ? [] : read(env, join(profile, kind)).filter(([value]) => !gone.has(value))
  write(env, join(profile, kind), [...fresh, ...known])
}

const fileOf = (env: Env, name: string) => join(stateDirOf(env), 'completion', name)

function read(env: Env, name: string): Suggestion[] {
  const lines = readText(fileOf(env, name)).split('\n').filter(Boolean)
  return lines.map((line): Suggestion => {
    const [value = '', text = ''] = line.split('\t')
    return [value, text]
  })
}

function write(env: Env, name: string, suggestions: Suggestion[]): void {
  const lines = new Map<string, string>()
  for (const [value, text] of suggestions) {
    if (lines.size === KEPT) break
    if (!VALUE.test(value) || lines.has(value)) continue
    lines.set(value, `${value}\t${oneLine(text).slice(0, TEXT_LENGTH).trimEnd()}\n`)
  }
  const text = [...lines.values()].join('')
  // most lists are the same as the last time
  if (text !== readText(fileOf(env, name))) writePrivate(fileOf(env, name), text)
}
