import { stripVTControlCharacters } from 'node:util'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { TaskShown } from '../../f/hai/core/alert/shape.ts'
import {
  STATES,
  type TaskEvent,
  type TaskEvents,
  type TaskListed,
  type TaskSummary,
  type TaskView,
} from '../../f/hai/core/task/shape.ts'
import { conversationOf } from '../answer/conversation.ts'
import { STANDING } from '../answer/follow.ts'
import { AnswerPrinter } from '../answer/printer.ts'
import { printAccepted, type SubmitOptions, submit, taskOptions } from '../answer/submit.ts'
import { printResult, type WaitOptions, waitFor } from '../answer/wait.ts'
import { CURSOR_OPTION, LIMIT_OPTION, listOf, lookedFor, MORE_OPTION, noteRest } from '../call/list.ts'
import { keepEnd, nextPage } from '../call/page-end.ts'
import {
  collect,
  examples,
  given,
  IN_OPTION,
  JSON_OPTION,
  lengthOfTime,
  loudnessOptions,
  moment,
  TASK_ID,
} from '../command.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { prepareMarkdown } from '../show/markdown.ts'
import { leftOut, taskText } from '../show/task.ts'
import { taskTable } from '../show/tasks.ts'
import { harmless } from '../show/width.ts'
import { shortId } from '../show/words.ts'
import { textOf } from '../stdin.ts'
import { addAcknowledge } from './task-ack.ts'

/** As many events as a server gives at once. */
const PAGE = 1000

/** `hai task …`: what was put down, and what becomes of it. */
export function addTask(program: Command, session: Session): void {
  const task = program
    .command('task')
    .description('put tasks down, look at them, change their course')
    .helpCommand(false)
  addSubmitting(task, session)
  addTaskList(task, session)
  addShowing(task, session)
  addFollowing(task, session)
  addTaskChanges(task, session)
  examples(task, 'hai task ls --state open', 'hai task show @')
}

function addSubmitting(task: Command, session: Session): void {
  const add = taskOptions(task.command('add'))
    .description('put a task down without waiting for it')
    .option(...IN_OPTION)
    .action(
      session.run(async (words: string[], options: SubmitOptions & { in?: string }) =>
        printAccepted(
          session,
          await submit(session, words, options, options.in && (await conversationOf(session, options.in))),
          options,
        ),
      ),
    )
  examples(add, 'hai task add "summarise the backup logs" -f backup.log')
}

function addShowing(task: Command, session: Session): void {
  const show = task
    .command('show')
    .description('show everything about a task')
    .argument(...TASK_ID)
    .option('--all', 'show all events and alerts, not only the last 100 and the first 10')
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, { all, json }: { all?: boolean; json?: boolean }) => {
        const view = await viewOf(session, id)
        if (all) view.events = await allEvents(session, view.id)
        if (!json) await prepareMarkdown(session)
        if (json) session.printJson(view)
        else {
          session.print(...taskText(view, session, { all: all ?? false }))
          if (view.state === 'done') await session.answerRead(view.id)
        }
        return undefined
      }),
    )
  examples(show, 'hai task show @', 'hai task show 7f3k2m --all')

  const result = task
    .command('result')
    .description("print a task's answer")
    .argument(...TASK_ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, { json }: { json?: boolean }) =>
        printResult(session, await session.taskId(id), json ? 'json' : new AnswerPrinter(session)),
      ),
    )
  examples(result, 'hai task result @ > answer.md')
}

function addFollowing(task: Command, session: Session): void {
  const tail = loudnessOptions(task.command('tail'))
    .description('follow a task to its end and print its answer')
    .argument(...TASK_ID)
    .option('--timeout <time>', 'give up waiting after so long (30, 5m); the task goes on', lengthOfTime)
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, options: WaitOptions) =>
        tailOf(session, await viewOf(session, id), options),
      ),
    )
  examples(tail, 'hai task tail @')

  const logs = task
    .command('logs')
    .description('print the log of the job that works, or worked, on a task')
    .argument(...TASK_ID)
    .action(session.run((id: string) => printLog(session, id)))
  examples(logs, 'hai task logs @')
}

/** Of a long history that is over only the end is told. */
async function tailOf(session: Session, view: TaskView, options: WaitOptions): Promise<number | undefined> {
  const left = STANDING.includes(view.state) ? leftOut(view) : undefined
  if (left && options.verbose) session.note(left)
  const first = left ? view.events[0] : undefined
  return waitFor(session, view.id, { ...options, ...(first ? { after: first.seq - 1 } : {}) })
}

/** The task meant by an id or by `@`; it becomes `@`. */
async function viewOf(session: Session, id: string): Promise<TaskShown> {
  const view = await session.call<TaskShown>('task/show', { id: await session.taskId(id) })
  await session.touch(view)
  return view
}

/** The task's whole history, without the pieces of its answer. */
async function allEvents(session: Session, id: string): Promise<TaskEvent[]> {
  const all: TaskEvent[] = []
  for (let page = PAGE; page === PAGE; ) {
    const { events } = await session.call<TaskEvents>('task/events', {
      id,
      after: all.at(-1)?.seq ?? 0,
      limit: PAGE,
    })
    all.push(...events)
    page = events.length
  }
  return all.filter(({ type }) => type !== 'delta')
}

async function printLog(session: Session, id: string): Promise<undefined> {
  const task = await viewOf(session, id)
  if (!task.job_id) {
    const next = `hai task show ${shortId(task.id)} says what it waits for`
    throw new Failure('notFound', `task ${shortId(task.id)} has no log: no worker has taken it yet`, { next })
  }
  const log = await (await session.webhook()).logs(task.job_id).catch((error: unknown) => {
    if (!(error instanceof Failure && [EXIT.notFound, EXIT.denied].includes(error.exit))) throw error
    // kept in the local stack until that stops; and a wake-up’s log belongs to whoever rang
    throw new Failure(
      'notFound',
      `the log of task ${shortId(task.id)} is kept no longer, or not yours to read`,
      {
        next: `hai task show ${shortId(task.id)} has what came of it`,
      },
    )
  })
  // a worker has its scripts colour what they print, for whatever shows it
  const lines = stripVTControlCharacters(log).replace(/\n$/, '')
  if (lines) session.print(session.io.stdout.isTTY ? harmless(lines) : lines)
  else
    session.note(`its job ${task.job_id} has written nothing; its steps: hai task show ${shortId(task.id)}`)
}

interface ListOptions {
  state?: string[]
  /** The same, as todos call it. */
  status?: string[]
  source?: string
  agent?: string
  requester?: string
  in?: string
  since?: string
  until?: string
  text?: string
  errands?: boolean
  limit?: number
  all?: boolean
  cursor?: string
  more?: boolean
  json?: boolean
}

/** `hai task ls`: tasks by state, origin, time or words. */
export function addTaskList(task: Command, session: Session): void {
  const ls = task
    .command('ls')
    .description('list tasks, the newest first; a chat is one line but with --in, --state or --text')
    .addOption(
      new Option('--state <state>', 'only these; open is all that are not final; may be repeated')
        .choices(['open', ...STATES])
        .argParser(states),
    )
    .addOption(new Option('--status <state>', 'the same').argParser(states).hideHelp().conflicts('state'))
    .option('--source <name>', 'only what came from there (cli, voice, …)')
    .option('--agent <name>', 'only what this one did')
    .option('--requester <name>', 'only what this one asked for')
    .option('--in <conversation>', "only this conversation: '#name', an id, or @ for that of the last task")
    .option('--since <time>', 'only newer ones (2h, today, 2026-11-27)', moment)
    .option('--until <time>', 'only older ones', moment)
    .option('--text <words>', 'only those that have this in question, answer or error')
    .option('--errands', "only chat clients' own calls, such as titles, which are listed nowhere else")
    .option(...LIMIT_OPTION)
    .option('--all', 'all of them, however many')
    .option(...MORE_OPTION)
    .option(...CURSOR_OPTION)
    .option(...JSON_OPTION)
    .action(
      session.run(({ status, ...options }: ListOptions) =>
        list(session, { ...(status ? { state: status } : {}), ...options }),
      ),
    )
  examples(
    ls,
    'hai task ls',
    'hai task ls --state open --since 2d',
    'hai task ls --in @',
    'hai task ls --errands',
  )
}

async function list(session: Session, options: ListOptions): Promise<undefined> {
  const { state, in: place, json, all, limit, more, ...filters } = options
  const conversation_id = place === undefined ? undefined : await conversationOf(session, place)
  const asked = given({ ...filters, conversation_id, state: state?.join(',') })
  const args = more ? await nextPage(session, 'task/list', asked) : asked
  const most = all ? Number.POSITIVE_INFINITY : limit
  const how = { door: 'task/list', key: 'tasks', limit: most } as const
  const found = await listOf<'tasks', TaskListed>(session, how, args)
  if (json) {
    session.printJson(found)
    return
  }
  session.print(...(await taskTable(found.tasks, session)))
  await session.listed('task', found.tasks)
  await keepEnd(session, 'task/list', args, found.next_cursor)
  if (found.tasks.length === 0) session.note(none(options, conversation_id))
  noteRest(session, found, found.tasks.length, { searched: 'text' in args, all: '--all' })
}

/** Why a list is empty: nothing is there, or nothing is as it was asked for. */
function none(options: ListOptions, conversation: string | undefined): string {
  const { state, source, agent, requester, since, until, text, errands } = options
  const filters = { state: state?.join(','), source, agent, requester, conversation, since, until, text }
  const wanted = lookedFor(filters)
  const what = errands ? 'errand' : 'task'
  if (wanted) return `no ${what} matches ${wanted}; hai task ls${errands ? ' --errands' : ''} shows all`
  if (errands && !options.cursor) return 'no chat client has sent an errand yet'
  return options.cursor ? 'the list has ended' : 'no task was put down yet'
}

/** Commander replaces the check of choices by a parser, so this one checks too. */
function states(text: string, all?: string[]): string[] {
  return text.split(',').reduce((sum, word) => {
    const name = word.trim().toLowerCase().replaceAll('-', '_')
    if (name === 'open' || STATES.some((state) => state === name)) return collect(name, sum)
    throw new InvalidArgumentError(`Allowed choices are open, ${STATES.join(', ')}.`)
  }, all ?? [])
}

const VERDICTS = ['useful', 'noise', 'acted']

/** `hai task cancel|retry|ack|rate`: what a person decides about a task. */
export function addTaskChanges(task: Command, session: Session): void {
  const cancel = task
    .command('cancel')
    .description('cancel a task')
    .argument(...TASK_ID)
    .option('--reason <text>', 'why; - reads it from stdin')
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, { reason, json }: { reason?: string; json?: boolean }) =>
        change(session, 'task/cancel', id, given({ reason: await typed(session, reason) }), json),
      ),
    )
  examples(cancel, 'hai task cancel @ --reason "found it myself"')

  const retry = task
    .command('retry')
    .description('try a task again that did not get done')
    .argument(...TASK_ID)
    .option(...JSON_OPTION)
    .action(
      session.run((id: string, { json }: { json?: boolean }) => change(session, 'task/retry', id, {}, json)),
    )
  examples(retry, 'hai task retry @')

  addAcknowledge(task, session)

  const rate = task
    .command('rate')
    .description('say what an answer was worth')
    .argument(...TASK_ID)
    .addArgument(task.createArgument('<verdict>', 'what it was').choices(VERDICTS))
    .option('--note <text>', 'a word on it; - reads it from stdin')
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, verdict: string, { note, json }: { note?: string; json?: boolean }) =>
        change(session, 'task/feedback', id, given({ verdict, note: await typed(session, note) }), json),
      ),
    )
  examples(rate, 'hai task rate @ useful', 'hai task rate 7f3k2m noise --note "knew that already"')
}

const typed = async (session: Session, text: string | undefined) =>
  text === undefined ? undefined : (await textOf(session.io, text)).trim()

async function change(
  session: Session,
  door: string,
  text: string,
  args: object,
  json = false,
): Promise<undefined> {
  const id = await session.taskId(text)
  const once = door !== 'task/feedback'
  const task = await session.call<TaskSummary>(door, { id, ...args }, { once })
  await session.touch(task)
  if (json) session.printJson(task)
  else session.print(`${shortId(task.id)} ${task.state}: ${task.excerpt}`)
}
