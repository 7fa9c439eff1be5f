import type { TaskError, TaskView } from '../../f/hai/core/base/contract.ts'
import { waitingText } from '../answer/follow.ts'
import { rendered } from '../answer/printer.ts'
import type { Session } from '../session.ts'
import { shortId } from './ids.ts'
import { statePaint } from './task-table.ts'
import { dueText, duration, relative, timeOfDay } from './time.ts'
import { money, timeline } from './timeline.ts'
import { harmless, oneLine, pad } from './width.ts'

const LABEL = 14

/** One task for people to read: what, from whom, how far, why it waits or failed, its steps and its answer. */
export async function taskText(task: TaskView, session: Session): Promise<string[]> {
  const { bold, dim } = session.paint
  const state = statePaint(session, task.state)(task.state.replaceAll('_', ' '))
  return [
    `${bold(shortId(task.id))}  ${state}  ${dim(task.id)}`,
    ...facts(task).map(([label, text]) => `${dim(pad(label, LABEL))}${oneLine(text)}`),
    ...section('Task', harmless(task.content), session),
    ...section(`Events since ${timeOfDay(task.created_at)}`, eventsOf(task).join('\n'), session),
    ...section('Answer', await rendered(session, answerOf(task)), session),
    ...section('What had come (not whole)', await rendered(session, task.partial ?? ''), session),
  ]
}

function eventsOf(task: TaskView): string[] {
  const left = leftOut(task)
  const lines = timeline(task.events, task.created_at)
  return left ? [`… ${left}`, ...lines] : lines
}

/** How to see what came before the events at hand; undefined when nothing did: a task's first event has the number 1. */
export function leftOut({ id, events, totals }: TaskView): string | undefined {
  if ((events[0]?.seq ?? 1) === 1) return undefined
  return `the newest ${events.length} of ${totals.events}; all: hai task show ${shortId(id)} --all`
}

function facts(task: TaskView): [string, string][] {
  const facts: [string, string | null | undefined][] = [
    ['from', `${task.requester} by ${task.source}${task.on_behalf_of ? ` for ${task.on_behalf_of}` : ''}`],
    ['put down', relative(task.created_at)],
    ['started', task.started_at && relative(task.started_at)],
    ['finished', task.finished_at && finished(task.finished_at, task.started_at)],
    ['expires', task.finished_at === null && task.expires_at ? dueText(task.expires_at) : null],
    ['by', task.agent ?? task.target_agent],
    ['attempt', task.attempt > 1 ? `${task.attempt} of ${task.max_attempts}` : null],
    ['priority', task.priority === 'normal' ? null : task.priority],
    ['waits for', task.waiting_on && waitingText(task.waiting_on)],
    // what it waits for says it already
    [task.state === 'dead' ? 'failed' : 'error', told(task) ? null : task.error && errorText(task.error)],
    ['attached', task.context.map(({ name, bytes }) => `${name} (${size(bytes)})`).join(', ')],
    ['todo', task.todo_id && shortId(task.todo_id)],
    ['verdict', task.verdict],
    ['cost', task.cost_usd === null ? null : money(task.cost_usd)],
    ['conversation', task.conversation_id],
  ]
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]))
}

function finished(at: string, startedAt: string | null): string {
  const took = startedAt === null ? Number.NaN : Date.parse(at) - Date.parse(startedAt)
  return took >= 0 ? `${relative(at)}, after ${duration(took)}` : relative(at)
}

const told = ({ waiting_on, error }: TaskView): boolean =>
  Boolean(error && waiting_on?.text.includes(error.message) && (waiting_on.next_step || !error.next_step))

function errorText(error: TaskError): string {
  return error.next_step ? `${error.message} → ${error.next_step}` : error.message
}

function answerOf(task: TaskView): string {
  if (task.output) return task.output
  return task.result === null || task.result === undefined ? '' : JSON.stringify(task.result, null, 2)
}

function section(title: string, text: string, session: Session): string[] {
  const body = text.trimEnd()
  return body === ''
    ? []
    : ['', session.paint.dim(title), ...body.split('\n').map((line) => `  ${line}`.trimEnd())]
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
