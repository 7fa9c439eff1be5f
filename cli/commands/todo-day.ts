import type { Todo, TodoAdded, TodoChanged } from '../../f/hai/core/todo/shape.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { dueText } from '../show/words.ts'

type Either = [string, string]

/**
 * Asks a person at a terminal which of two days was meant in a text that was just put down, and sets it; undefined where
 * nobody sits there, or nobody says: then the todo stays undated. One undo takes both back.
 */
export async function dated(session: Session, { id, due, read }: TodoAdded): Promise<Todo | undefined> {
  const open = due ? undefined : read?.unread.find(({ either }) => either)
  if (!open?.either) return undefined
  const chosen = await whichDay(session, open.text, open.either)
  if (!chosen) return undefined
  const body = open.without ? { body: open.without } : {}
  return session.call<TodoChanged>('todo/update', { id, due: chosen, ...body, batch: id })
}

/** A call with a due date, and again with the one of two days that a person at a terminal chooses. */
export async function withDay<T>(
  session: Session,
  due: string | undefined,
  call: (due: string | undefined) => Promise<T>,
): Promise<T> {
  try {
    return await call(due)
  } catch (error) {
    const either = error instanceof Failure && due !== undefined && eitherOf(error.details.either)
    const chosen = either && (await whichDay(session, due!, either))
    if (!chosen) throw error
    return call(chosen)
  }
}

function eitherOf(told: unknown): Either | undefined {
  return Array.isArray(told) && told.length === 2 && told.every((one) => typeof one === 'string')
    ? (told as Either)
    : undefined
}

/** Undefined of who chooses neither, as Enter alone does, or can't be asked. */
async function whichDay(session: Session, text: string, either: Either): Promise<string | undefined> {
  if (!(await session.onTerminal())) return undefined
  const { isCancel, select } = await import('@clack/prompts')
  const chosen = await select({
    message: `Which day is ${text}?`,
    options: [
      { value: '', label: 'neither: no date' },
      ...either.map((due) => ({
        value: due,
        label: due.length === 10 ? `${dueText(due)} (${due})` : dueText(due),
      })),
    ],
    input: session.io.stdin,
    output: session.io.stderr,
  })
  return isCancel(chosen) || chosen === '' ? undefined : chosen
}
