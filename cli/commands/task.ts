import { stripVTControlCharacters } from 'node:util'
import type { Command } from 'commander'
import type { TaskEvent, TaskEvents, TaskView } from '../../f/hai/core/base/contract.ts'
import { conversationOf } from '../answer/conversation.ts'
import { STANDING } from '../answer/follow.ts'
import { AnswerPrinter } from '../answer/printer.ts'
import { printAccepted, type SubmitOptions, submit, taskOptions } from '../answer/submit.ts'
import { printResult, type WaitOptions, waitFor } from '../answer/wait.ts'
import { examples, IN_OPTION, JSON_OPTION, lengthOfTime, TASK_ID } from '../command.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { shortId } from '../show/ids.ts'
import { leftOut, taskText } from '../show/task.ts'
import { harmless } from '../show/width.ts'
import { addTaskChanges } from './task-change.ts'
import { addTaskList } from './task-list.ts'

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
    .option('--all', 'show all events, not only the last 100')
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, { all, json }: { all?: boolean; json?: boolean }) => {
        const view = await viewOf(session, id)
        if (all) view.events = await allEvents(session, view.id)
        if (json) session.printJson(view)
        else session.print(...(await taskText(view, session)))
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
        printResult(session, await session.taskId(id), json ? 'json' : await AnswerPrinter.create(session)),
      ),
    )
  examples(result, 'hai task result @ > answer.md')
}

function addFollowing(task: Command, session: Session): void {
  const tail = task
    .command('tail')
    .description("follow a task's steps and print its answer")
    .argument(...TASK_ID)
    .option('-q, --quiet', "don't show the steps; notices come anyway")
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
async function tailOf(session: Session, view: TaskView, options: WaitOptions): Promise<undefined> {
  const left = STANDING.includes(view.state) ? leftOut(view) : undefined
  if (left && !options.quiet) session.note(left)
  const first = left ? view.events[0] : undefined
  return waitFor(session, view.id, { ...options, ...(first ? { after: first.seq - 1 } : {}) })
}

/** The task meant by an id or by `@`; it becomes `@`. */
async function viewOf(session: Session, id: string): Promise<TaskView> {
  const view = await session.call<TaskView>('task/show', { id: await session.taskId(id) })
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
    // kept in the local stack until that stops; and a wake-up's log is his who rang
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
