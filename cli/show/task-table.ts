import type { State, TaskSummary } from '../../f/hai/core/base/contract.ts'
import type { Session } from '../session.ts'
import { shortIds } from './ids.ts'
import { table } from './table.ts'
import { relative } from './time.ts'

/** Tasks as aligned lines that fit the terminal. */
export async function taskTable(tasks: TaskSummary[], session: Session): Promise<string[]> {
  if (tasks.length === 0) return []
  const ids = shortIds(tasks.map((task) => task.id))
  const rows = tasks.map((task, i) => [
    { text: ids[i] ?? '', paint: session.paint.bold },
    {
      text: task.state === 'awaiting_approval' ? 'approval' : task.state,
      paint: statePaint(session, task.state),
    },
    { text: relative(task.created_at), paint: session.paint.dim },
    task.source,
    { text: task.agent ?? '', paint: session.paint.dim },
    task.excerpt,
  ])
  return table(
    [
      { title: 'ID' },
      { title: 'STATE' },
      { title: 'PUT DOWN', spare: 1 },
      { title: 'FROM', min: 4, spare: 2 },
      { title: 'BY', min: 4, spare: 3 },
      { title: 'TASK' },
    ],
    rows,
    { columns: session.columns, title: session.paint.dim },
  )
}

/** The colour of a state: red needs a look, yellow waits for somebody, green is done. */
export function statePaint(session: Session, state: State): (text: string) => string {
  const { red, yellow, green, cyan, dim } = session.paint
  const paints: Partial<Record<State, (text: string) => string>> = {
    dead: red,
    awaiting_approval: yellow,
    done: green,
    running: cyan,
    pending: cyan,
  }
  return paints[state] ?? dim
}
