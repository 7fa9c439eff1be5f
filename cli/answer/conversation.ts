import type { TaskView } from '../../f/hai/core/task/shape.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'

/** One word: a name of the operator's own, such as #rack-move, or the id it was given where it began. */
const NAME = /^(?!#$)\S{1,200}$/

/** The conversation meant on the command line: `#name` or an id is as typed, `@` is that of the last task. */
export async function conversationOf(session: Session, text: string): Promise<string> {
  const task = await session.recent('task', text)
  if (task) return task.conversation_id ?? (await shownConversation(session, task.id))
  if (NAME.test(text)) return text
  throw new Failure(
    'usage',
    `${JSON.stringify(text)} is no conversation; expected a name such as '#rack-move', an id or @`,
  )
}

/** The conversation of the last task touched from here. */
export async function lastConversation(session: Session): Promise<string> {
  const last = await session.recent('task', '@')
  if (!last) throw new Failure('usage', 'there is nothing to reply to yet', { next: 'hai ask "…"' })
  return last.conversation_id ?? shownConversation(session, last.id)
}

async function shownConversation(session: Session, id: string): Promise<string> {
  return (await session.call<TaskView>('task/show', { id })).conversation_id
}
