import type { TaskError, TaskView } from '../f/hai/core/contract.ts'
import { waitingText } from './follow.ts'
import { shortId } from './ids.ts'
import type { Session } from './session.ts'
import { statePaint } from './task-table.ts'
import { dueText, relative, timeOfDay } from './time.ts'
import { harmless, oneLine, pad } from './width.ts'

const LABEL = 14

/** One task for people to read: what, from whom, how far, why it waits or failed, its steps and its answer. */
export function taskText(task: TaskView, session: Session): string[] {
  const { bold, dim } = session.paint
  const state = statePaint(session, task.state)(task.state.replaceAll('_', ' '))
  return [
    `${bold(shortId(task.id))}  ${state}  ${dim(task.id)}`,
    ...facts(task).map(([label, text]) => `${dim(pad(label, LABEL))}${oneLine(text)}`),
    ...section('Task', harmless(task.content), session),
    ...section(
      'Events',
      task.events.map((event) => `${timeOfDay(event.at)}  ${oneLine(event.text || event.type)}`).join('\n'),
      session,
    ),
    ...section('Answer', harmless(answerOf(task)), session),
  ]
}

function facts(task: TaskView): [string, string][] {
  const facts: [string, string | null | undefined][] = [
    ['from', `${task.requester} by ${task.source}${task.on_behalf_of ? ` for ${task.on_behalf_of}` : ''}`],
    ['put down', relative(task.created_at)],
    ['started', task.started_at && relative(task.started_at)],
    ['finished', task.finished_at && relative(task.finished_at)],
    ['expires', task.finished_at === null && task.expires_at ? dueText(task.expires_at) : null],
    ['by', task.agent ?? task.target_agent],
    ['attempt', task.attempt > 1 ? `${task.attempt} of ${task.max_attempts}` : null],
    ['priority', task.priority === 'normal' ? null : task.priority],
    ['waits for', task.waiting_on && waitingText(task.waiting_on)],
    [task.state === 'dead' ? 'failed' : 'error', task.error && errorText(task.error)],
    ['attached', task.context.map(({ name, bytes }) => `${name} (${size(bytes)})`).join(', ')],
    ['todo', task.todo_id && shortId(task.todo_id)],
    ['verdict', task.verdict],
    ['cost', task.cost_usd === null ? null : `$${task.cost_usd.toFixed(4)}`],
    ['conversation', task.conversation_id],
  ]
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]))
}

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
