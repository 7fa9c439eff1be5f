import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type Accepted,
  STATES,
  type TaskList,
  type TaskSummary,
  type TaskView,
} from '../../f/hai/core/contract.ts'
import { collect, count, examples, given, JSON_OPTION, lengthOfTime, moment } from '../command.ts'
import { Failure } from '../failure.ts'
import { shortId } from '../ids.ts'
import type { Session } from '../session.ts'
import { type SubmitOptions, submit, taskOptions } from '../submit.ts'
import { taskTable } from '../task-table.ts'
import { taskText } from '../task-text.ts'
import { printResult, type WaitOptions, waitFor } from '../wait.ts'
import { harmless } from '../width.ts'

interface ListOptions {
  state?: string[]
  source?: string
  agent?: string
  requester?: string
  in?: string
  since?: string
  until?: string
  text?: string
  limit?: number
  cursor?: string
  json?: boolean
}

const ID = ['<id>', "the task's id, or its last characters; @ is the last task"] as const
const VERDICTS = ['useful', 'noise', 'acted']

/** `hai task …`: what was put down, and what becomes of it. */
export function addTask(program: Command, session: Session): void {
  const task = program
    .command('task')
    .description('put tasks down, look at them, change their course')
    .helpCommand(false)
  addSubmitting(task, session)
  addReading(task, session)
  addChanging(task, session)
  examples(task, 'hai task ls --state open', 'hai task show @')
}

function addSubmitting(task: Command, session: Session): void {
  const add = taskOptions(task.command('add'))
    .description('put a task down without waiting for it')
    .option('--in <conversation>', 'go on with this conversation')
    .action(
      session.run(async (words: string[], options: SubmitOptions & { in?: string }) => {
        const accepted: Accepted = await submit(session, words, options, options.in)
        if (options.json) session.printJson(accepted)
        else session.print(accepted.task_id)
        session.note(`${accepted.status}; hai task tail ${shortId(accepted.task_id)} follows it`)
        return undefined
      }),
    )
  examples(add, 'hai task add "summarise the backup logs" -f backup.log')

  const ls = task
    .command('ls')
    .description('list tasks, the newest first')
    .addOption(
      new Option('--state <state>', 'only these; open is all that are not final; may be repeated')
        .choices(['open', ...STATES])
        .argParser(states),
    )
    .option('--source <name>', 'only what came from there (cli, voice, …)')
    .option('--agent <name>', 'only what this one did')
    .option('--requester <name>', 'only what this one asked for')
    .option('--in <conversation>', 'only this conversation')
    .option('--since <time>', 'only newer ones (2h, today, 2026-11-27)', moment)
    .option('--until <time>', 'only older ones', moment)
    .option('--text <words>', 'only those that contain this')
    .option('--limit <n>', 'at most so many', count)
    .option('--cursor <cursor>', 'go on where a list ended')
    .option(...JSON_OPTION)
    .action(session.run((options: ListOptions) => list(session, options)))
  examples(ls, 'hai task ls', 'hai task ls --state open --since 2d', 'hai task ls --state dead --json')
}

function addReading(task: Command, session: Session): void {
  const show = task
    .command('show')
    .description('show everything about a task')
    .argument(...ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, options: { json?: boolean }) => {
        const view = await session.call<TaskView>('task/show', { id: await session.taskId(id) })
        await session.touch(view)
        if (options.json) session.printJson(view)
        else session.print(...taskText(view, session))
        return undefined
      }),
    )
  examples(show, 'hai task show @', 'hai task show 7f3k2m')

  const result = task
    .command('result')
    .description("print a task's answer")
    .argument(...ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (text: string, options: { json?: boolean }) => {
        const id = await session.taskId(text)
        return printResult(session, id, options.json ?? false)
      }),
    )
  examples(result, 'hai task result @ > answer.md')

  const tail = task
    .command('tail')
    .description("follow a task's steps and print its answer")
    .argument(...ID)
    .option('-q, --quiet', "don't show the steps")
    .option('--timeout <time>', 'give up waiting after so long (30, 5m); the task goes on', lengthOfTime)
    .option(...JSON_OPTION)
    .action(
      session.run(async (text: string, options: WaitOptions) => {
        const view = await session.call<TaskView>('task/show', { id: await session.taskId(text) })
        await session.touch(view)
        return waitFor(session, view.id, options)
      }),
    )
  examples(tail, 'hai task tail @')

  const logs = task
    .command('logs')
    .description('print the log of the job that works, or worked, on a task')
    .argument(...ID)
    .action(session.run((id: string) => logsOf(session, id)))
  examples(logs, 'hai task logs @')
}

function addChanging(task: Command, session: Session): void {
  const cancel = task
    .command('cancel')
    .description('cancel a task')
    .argument(...ID)
    .option('--reason <text>', 'why')
    .option(...JSON_OPTION)
    .action(
      session.run((id: string, { reason, json }: { reason?: string; json?: boolean }) =>
        change(session, 'task/cancel', id, given({ reason }), json),
      ),
    )
  examples(cancel, 'hai task cancel @ --reason "found it myself"')

  const retry = task
    .command('retry')
    .description('try a task again that did not get done')
    .argument(...ID)
    .option(...JSON_OPTION)
    .action(
      session.run((id: string, { json }: { json?: boolean }) => change(session, 'task/retry', id, {}, json)),
    )
  examples(retry, 'hai task retry @')

  const rate = task
    .command('rate')
    .description('say what an answer was worth')
    .argument(...ID)
    .addArgument(task.createArgument('<verdict>', 'what it was').choices(VERDICTS))
    .option('--note <text>', 'a word on it')
    .option(...JSON_OPTION)
    .action(
      session.run((id: string, verdict: string, { note, json }: { note?: string; json?: boolean }) =>
        change(session, 'task/feedback', id, given({ verdict, note }), json),
      ),
    )
  examples(rate, 'hai task rate @ useful', 'hai task rate 7f3k2m noise --note "knew that already"')
}

async function list(session: Session, options: ListOptions): Promise<undefined> {
  const { state, in: conversation_id, json, ...filters } = options
  const found = await session.call<TaskList>(
    'task/list',
    given({ ...filters, conversation_id, state: state?.join(',') }),
  )
  if (json) {
    session.printJson(found)
    return
  }
  session.print(...(await taskTable(found.tasks, session)))
  if (found.tasks.length === 0) session.note('no task is like that; hai task ls shows all')
  if (found.next_cursor) session.note(`there are more: add --cursor ${found.next_cursor}`)
}

/** Commander replaces the check of choices by a parser, so this one checks too. */
function states(text: string, all?: string[]): string[] {
  return text.split(',').reduce((sum, name) => {
    if (name === 'open' || STATES.some((state) => state === name)) return collect(name, sum)
    throw new InvalidArgumentError(`Allowed choices are open, ${STATES.join(', ')}.`)
  }, all ?? [])
}

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

async function logsOf(session: Session, text: string): Promise<undefined> {
  const task = await session.call<TaskView>('task/show', { id: await session.taskId(text) })
  await session.touch(task)
  if (!task.job_id) {
    const next = `hai task show ${shortId(task.id)} says what it waits for`
    throw new Failure('notFound', `task ${shortId(task.id)} has no log: no worker has taken it yet`, { next })
  }
  const log = await (await session.webhook()).logs(task.job_id)
  const lines = log.replace(/\n$/, '')
  if (lines) session.print(session.io.stdout.isTTY ? harmless(lines) : lines)
}
