import type { AlertShown, TaskShown } from '../../f/hai/core/alert/shape.ts'
import { count, span } from '../../f/hai/core/base/words.ts'
import type { State, TaskError, TaskEvent, TaskView, WaitingOn } from '../../f/hai/core/task/shape.ts'
import type { Session } from '../session.ts'
import { rendered } from './markdown.ts'
import { harmless, oneLine, pad } from './width.ts'
import { dueText, duration, relative, shortId, timeOfDay } from './words.ts'

const LABEL = 14
const INDENT = '  '

/** One task for people to read: what, from whom, how far, why it waits or failed, its steps and its answer; of many alerts the first ten or `all`. */
export function taskText(task: TaskShown, session: Session, { all = false } = {}): string[] {
  const { bold, dim } = session.paint
  const state = statePaint(session, task.state)(task.state.replaceAll('_', ' '))
  return [
    `${bold(shortId(task.id))}  ${state}  ${dim(task.id)}`,
    ...facts(task).map(([label, text]) => `${dim(pad(label, LABEL))}${oneLine(text)}`),
    ...section('Task', harmless(task.content), session),
    ...section(alertsTitle(task), alertLines(task, all).join('\n'), session),
    ...section(`Events since ${timeOfDay(task.created_at)}`, eventsOf(task).join('\n'), session),
    ...section('Answer', answerOf(task, session), session),
    ...section('What had come (not whole)', rendered(session, task.partial ?? '', INDENT.length), session),
  ]
}

const alertsTitle = ({ alerts }: TaskShown): string =>
  alerts ? `${count(alerts.total, 'alert')}, ${firing(alerts)}` : ''

/** Of many that are one task. */
const ALERTS = 10

/** The most pressing first, and where the others are. */
function alertLines({ id, alerts }: TaskShown, all: boolean): string[] {
  if (!alerts) return []
  const shown = alerts.shown.slice(0, all ? undefined : ALERTS)
  const rest = alerts.total - shown.length
  const more = all ? 'which are not listed' : `hai task show ${shortId(id)} --all`
  return [...shown.map(alertLine), ...(rest > 0 ? [`… ${rest} more: ${more}`] : [])]
}

function firing({ total, firing }: { total: number; firing: number }): string {
  if (firing === 0) return total === 1 ? 'resolved' : 'all resolved'
  if (firing === total) return total === 1 ? 'firing' : 'all firing'
  return `${firing} of them firing`
}

function alertLine({ name, of, severity, state, starts_at, ends_at }: AlertShown): string {
  const lasted = span(((ends_at ? Date.parse(ends_at) : Date.now()) - Date.parse(starts_at)) / 1000)
  return `${pad(state, 8)}  ${pad(severity, 8)}  ${oneLine(`${name}${of ? ` of ${of}` : ''}`)}, ${state === 'firing' ? 'for' : 'lasted'} ${lasted}`
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

/** One line on why a task waits, and what can be done about it. */
export function waitingText(waiting: WaitingOn): string {
  return waiting.next_step ? `${waiting.text} → ${waiting.next_step}` : waiting.text
}

function facts(task: TaskView): [string, string][] {
  const facts: [string, string | null | undefined][] = [
    ['from', `${task.requester} by ${task.source}${task.on_behalf_of ? ` for ${task.on_behalf_of}` : ''}`],
    ['put down', relative(task.created_at)],
    ['started', task.started_at && relative(task.started_at)],
    ['finished', task.finished_at && finished(task.finished_at, task.started_at)],
    ['expires', task.finished_at === null && task.expires_at ? dueText(task.expires_at) : null],
    ['by', task.agent ?? task.target_agent],
    ['model', task.model],
    ['attempt', task.attempt > 1 ? `${task.attempt} of ${task.max_attempts}` : null],
    ['priority', task.priority === 'normal' ? null : task.priority],
    ['waits for', task.waiting_on && waitingText(task.waiting_on)],
    // what it waits for says it already
    [task.state === 'dead' ? 'failed' : 'error', told(task) ? null : task.error && errorText(task.error)],
    ['attached', task.context.map(({ name, bytes }) => `${name} (${size(bytes)})`).join(', ')],
    ['todo', task.todo_id && shortId(task.todo_id)],
    ['verdict', task.verdict],
    ['cost', task.cost_usd === null ? null : usdText(task.cost_usd)],
    ['conversation', task.conversation_id],
    ['errand', task.errand ? 'a chat client’s own; hai task ls --errands lists them' : null],
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

function answerOf(task: TaskView, session: Session): string {
  if (task.output) return rendered(session, task.output, INDENT.length)
  return task.result === null || task.result === undefined
    ? ''
    : harmless(JSON.stringify(task.result, null, 2))
}

function section(title: string, text: string, session: Session): string[] {
  const body = text.trimEnd()
  return body === ''
    ? []
    : ['', session.paint.dim(title), ...body.split('\n').map((line) => `${INDENT}${line}`.trimEnd())]
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
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

/** How a step's tokens are called, in the order in which they are told. */
const TOKENS = {
  input: 'in',
  output: 'out',
  cache_read: 'from cache',
  cache_write: 'to cache',
  reasoning: 'reasoning',
} as const

/**
 * What happened, a line each: the time since `start` (RFC 3339), then what it was, and of a step that is done what it
 * took. The answer's text, which is told piece by piece, is no line.
 */
export function timeline(events: TaskEvent[], start: string): string[] {
  const told = events.filter(({ type }) => type !== 'delta')
  const times = told.map(({ at }) => `+${duration(Math.max(0, Date.parse(at) - Date.parse(start)))}`)
  const columns = Math.max(0, ...times.map((time) => time.length))
  return told.map((event, i) => `${times[i]?.padStart(columns)}  ${oneLine(eventText(event))}`)
}

/** An event in one line: of a step that is done, its tokens (`940+ out` where there may have been more), time and cost. */
export function eventText({ type, text, data }: TaskEvent): string {
  if (type !== 'step_done' || typeof data.ms !== 'number') return text || type
  return `${text.replace(/ \(\d+ ms\)$/, '')}: ${stepFacts(data).join(' · ')}`
}

/** What a step that is done took: tokens, time, and money where it cost some. */
export function stepFacts(data: TaskEvent['data']): string[] {
  const took = typeof data.ms === 'number' ? duration(data.ms) : ''
  return [tokensText(data), took, costText(data)].filter(Boolean)
}

function tokensText({ tokens, at_least }: Record<string, unknown>): string {
  if (typeof tokens !== 'object' || tokens === null) return ''
  const counts = new Map(Object.entries(tokens))
  return Object.entries(TOKENS)
    .filter(([kind]) => Number(counts.get(kind)) > 0)
    .map(([kind, name]) => `${counts.get(kind)}${at_least && kind === 'output' ? '+' : ''} ${name}`)
    .join(', ')
}

/** Unknown is said; what costs nothing by itself, one's own machine or a subscription, says nothing. */
function costText({ billing, usd, at_least }: Record<string, unknown>): string {
  if (billing === 'local' || billing === 'subscription') return ''
  if (typeof usd === 'number') return at_least && usd > 0 ? `at least ${usdText(usd)}` : usdText(usd)
  return usd === null ? 'cost unknown' : ''
}

/** An amount in USD, to a hundredth of a cent; less than that is told as less, and nothing as nothing. */
export function usdText(usd: number): string {
  if (usd === 0) return ''
  return usd < 0.0001 ? '< $0.0001' : `$${usd.toFixed(4)}`
}
