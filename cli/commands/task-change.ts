import type { Command } from 'commander'
import type { TaskSummary } from '../../f/hai/core/base/contract.ts'
import { examples, given, JSON_OPTION, TASK_ID } from '../command.ts'
import type { Session } from '../session.ts'
import { shortId } from '../show/ids.ts'

const VERDICTS = ['useful', 'noise', 'acted']

/** `hai task cancel|retry|rate`: what a person decides about a task. */
export function addTaskChanges(task: Command, session: Session): void {
  const cancel = task
    .command('cancel')
    .description('cancel a task')
    .argument(...TASK_ID)
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
    .argument(...TASK_ID)
    .option(...JSON_OPTION)
    .action(
      session.run((id: string, { json }: { json?: boolean }) => change(session, 'task/retry', id, {}, json)),
    )
  examples(retry, 'hai task retry @')

  const rate = task
    .command('rate')
    .description('say what an answer was worth')
    .argument(...TASK_ID)
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
