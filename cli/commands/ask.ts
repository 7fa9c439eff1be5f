import type { Command } from 'commander'
import type { TaskView } from '../../f/hai/core/contract.ts'
import { examples, lengthOfTime } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { printAccepted, type SubmitOptions, submit, taskOptions } from '../submit.ts'
import { type WaitOptions, waitFor } from '../wait.ts'

type AskOptions = SubmitOptions & WaitOptions & { in?: string; wait: boolean }

/** `hai ask` and `hai reply`: put a task down and wait for its answer. */
export function addAsk(program: Command, session: Session): void {
  const ask = taskOptions(program.command('ask'))
    .description('ask, or hand over a task, and wait for the answer')
    .option('--in <conversation>', 'go on with this conversation')
    .action(
      session.run((words: string[], options: AskOptions) => askAndWait(session, words, options, options.in)),
    )
  examples(
    waitOptions(ask),
    'hai ask "what is open?"',
    'journalctl -u k3s | hai ask "what broke?" -f notes.md',
  )

  const reply = taskOptions(program.command('reply'))
    .description('go on with the conversation of the last task')
    .action(
      session.run(async (words: string[], options: AskOptions) =>
        askAndWait(session, words, options, await lastConversation(session)),
      ),
    )
  examples(waitOptions(reply), 'hai reply "and the one before?"')
}

/** Adds the options of everything that waits for a task. */
export function waitOptions(command: Command): Command {
  return command
    .option('-q, --quiet', "don't show the steps")
    .option('--timeout <time>', 'give up waiting after so long (30, 5m); the task goes on', lengthOfTime)
    .option('--no-wait', "print the task's id and don't wait")
}

async function askAndWait(
  session: Session,
  words: string[],
  options: AskOptions,
  conversation: string | undefined,
): Promise<undefined> {
  const accepted = await submit(session, words, options, conversation)
  return options.wait
    ? waitFor(session, accepted.task_id, options)
    : printAccepted(session, accepted, options)
}

async function lastConversation(session: Session): Promise<string> {
  const last = await session.recent('@')
  if (!last) throw new Failure('usage', 'there is nothing to reply to yet', { next: 'hai ask "…"' })
  if (last.conversation_id) return last.conversation_id
  return (await session.call<TaskView>('task/show', { id: last.id })).conversation_id
}
