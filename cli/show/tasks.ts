import { stripVTControlCharacters } from 'node:util'
import type { State, TaskListed } from '../../f/hai/core/task/shape.ts'
import type { Session } from '../session.ts'
import { numbered } from './numbered.ts'
import { type Cell, table } from './table.ts'
import { statePaint, usdText, waitingText } from './task.ts'
import { fit, oneLine, pad, prepareWidths, width } from './width.ts'
import { ageText, duration, shortIds } from './words.ts'

/** What the text of a task keeps on a terminal before others give way, in columns. */
const ROOM = 30

/** Of these one wants to know why; of what a person ended one knows. */
const FAILED: readonly State[] = ['dead', 'expired']

/**
 * Tasks as aligned lines that fit the terminal: how each stands, how old it is, how long it took, what it cost and who
 * asked, where that tells them apart. Below one that waits or failed stands why; in a pipe that is in its line.
 */
export async function taskTable(tasks: TaskListed[], session: Session, now = new Date()): Promise<string[]> {
  if (tasks.length === 0) return []
  const { bold, dim } = session.paint
  const ids = shortIds(tasks.map((task) => task.id))
  const facts = tasks.map((task) => ({
    took: tookText(task, now),
    cost: costText(task),
    who: personOf(task),
  }))
  const shown = {
    took: facts.some(({ took }) => took),
    cost: facts.some(({ cost }) => cost),
    who: new Set(facts.map(({ who }) => who)).size > 1,
  }
  const header = [
    { title: 'ID' },
    { title: 'STATE' },
    { title: 'AGE', right: true, spare: 1 },
    ...(shown.took ? [{ title: 'TOOK', right: true, spare: 2 }] : []),
    ...(shown.cost ? [{ title: 'COST', right: true, spare: 3 }] : []),
    ...(shown.who ? [{ title: 'WHO', min: 5, spare: 6 }] : []),
    { title: 'FROM', min: 4, spare: 7 },
    { title: 'BY', min: 8, spare: 8 },
    { title: 'TASK' },
  ]
  const rows = tasks.map((task, i): Cell[] => {
    const { took = '', cost = '', who = '' } = facts[i] ?? {}
    const why = session.columns === undefined && whyOf(task)
    // of a chat the newest question stands for all
    const questions = (task.questions ?? 1) > 1 ? `(${task.questions} questions)` : ''
    return [
      { text: ids[i] ?? '', paint: bold },
      { text: stateText(task), paint: task.acknowledged ? dim : statePaint(session, task.state) },
      { text: ageText(task.created_at, now), paint: dim },
      ...(shown.took ? [{ text: took, paint: dim }] : []),
      ...(shown.cost ? [cost] : []),
      ...(shown.who ? [who] : []),
      { text: task.source, paint: dim },
      { text: task.agent ?? '', paint: dim },
      { text: task.excerpt, tail: [questions, why && `(${why})`].filter(Boolean).join(' ') },
    ]
  })
  const look = { columns: session.columns, title: dim, room: ROOM }
  const lines = await table(...numbered(session, header, rows), look)
  if (session.columns === undefined) return lines
  await prepareWidths(tasks.map((task) => whyOf(task) ?? ''))
  return withReasons(lines, tasks, session)
}

/** Below each task that waits or failed, under its state, why, in two lines at most. */
function withReasons(lines: string[], tasks: TaskListed[], session: Session): string[] {
  const [titles = '', ...rows] = lines
  const columns = session.columns ?? 80
  const indent = Math.max(0, stripVTControlCharacters(titles).indexOf('STATE'))
  return [
    titles,
    ...rows.flatMap((row, i) => {
      const task = tasks[i]
      const why = task && whyOf(task)
      const reasons = why ? inTwo(why, columns - indent) : []
      return [row, ...reasons.map((line) => pad('', indent) + session.paint.dim(line))]
    }),
  ]
}

/** A sentence in at most two lines, broken between words. */
function inTwo(text: string, columns: number): string[] {
  if (width(text) <= columns) return [text]
  const end = fit(text, columns + 1).lastIndexOf(' ')
  if (end < columns / 2) return [fit(text, columns)]
  return [text.slice(0, end), fit(text.slice(end + 1), columns)]
}

/** Why a task isn't done; undefined where that is plain, or known to whoever acknowledged it. */
function whyOf({ state, waiting_on, error, acknowledged }: TaskListed): string | undefined {
  if (waiting_on) return oneLine(waitingText(waiting_on))
  if (!error || acknowledged || !FAILED.includes(state)) return undefined
  return oneLine(error.next_step ? `${error.message} → ${error.next_step}` : error.message)
}

const stateText = ({ state }: TaskListed): string => (state === 'awaiting_approval' ? 'approval' : state)

const personOf = ({ on_behalf_of, requester }: TaskListed): string => on_behalf_of ?? requester

function tookText({ started_at, finished_at }: TaskListed, now: Date): string {
  if (started_at === null) return ''
  const end = finished_at === null ? now.getTime() : Date.parse(finished_at)
  const took = end - Date.parse(started_at)
  return took >= 0 ? duration(took) : ''
}

/** Unknown is said; what costs nothing by itself says nothing. */
function costText({ cost_usd }: TaskListed): string {
  if (cost_usd === undefined) return ''
  return cost_usd === null ? 'unknown' : usdText(cost_usd)
}
