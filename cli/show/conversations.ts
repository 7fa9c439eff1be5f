import type { Conversation } from '../../f/hai/core/task/shape.ts'
import type { Session } from '../session.ts'
import { type Cell, table } from './table.ts'
import { statePaint } from './task.ts'
import { ageText, shortId } from './words.ts'

/** Conversations as aligned lines that fit the terminal: what `hai chat` takes, how long and how old they are, and where they stopped. */
export async function conversationTable(
  conversations: Conversation[],
  session: Session,
  now = new Date(),
): Promise<string[]> {
  if (conversations.length === 0) return []
  const { bold, dim } = session.paint
  const header = [
    { title: 'CHAT', min: 6 },
    { title: 'TURNS', right: true, spare: 2 },
    { title: 'AGE', right: true, spare: 3 },
    { title: 'BEGAN WITH', min: 12, spare: 1 },
    { title: 'LAST' },
  ]
  const rows = conversations.map((one): Cell[] => [
    // of one without a name the id of its last task: a conversation may come from a chat client that names it at length
    { text: one.name ?? shortId(one.last_id), paint: bold },
    String(one.turns),
    { text: ageText(one.last_at, now), paint: dim },
    { text: one.began_with, paint: dim },
    lastOf(one, session),
  ])
  return table(header, rows, { columns: session.columns, title: dim })
}

/** The last line of the answer, or how the question stands that has none. */
function lastOf({ answer, question, turns, last_state }: Conversation, session: Session): Cell {
  if (answer !== null) return answer
  const state = last_state.replaceAll('_', ' ')
  return { text: turns === 1 ? state : `${state}: ${question}`, paint: statePaint(session, last_state) }
}
