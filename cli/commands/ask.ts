import type { Command } from 'commander'
import { conversationOf, lastConversation } from '../answer/conversation.ts'
import { printAccepted, type SubmitOptions, submit, taskOptions } from '../answer/submit.ts'
import { type WaitOptions, waitFor } from '../answer/wait.ts'
import { examples, IN_OPTION, lengthOfTime, loudnessOptions } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { shortId } from '../show/words.ts'

type AskOptions = SubmitOptions & WaitOptions & { in?: string; wait: boolean }

/** `hai ask` and `hai reply`: put a task down and wait for its answer. */
export function addAsk(program: Command, session: Session): void {
  const ask = taskOptions(program.command('ask'))
    .description('ask, or hand over a task, and wait for the answer')
    .option(...IN_OPTION)
    .action(
      session.run(async (words: string[], options: AskOptions) =>
        askAndWait(session, words, options, options.in && (await conversationOf(session, options.in))),
      ),
    )
  examples(
    waitOptions(ask),
    'hai ask "what is open?"',
    `hai ask --in '#rack-move' "which cables go first?"`,
    'hai ask --model llama3.1:8b "what is open?"',
    'hai ask --no-builtin "what is open?"',
    'journalctl -u k3s | hai ask "what broke?" -f notes.md',
    'while read -r line; do hai ask -n "$line"; done < questions.txt',
  )

  const reply = taskOptions(program.command('reply'))
    .description('go on with the conversation of the last task')
    .action(
      session.run(async (words: string[], options: AskOptions) =>
        askAndWait(session, words, options, await lastConversation(session)),
      ),
    )
  examples(
    waitOptions(reply),
    'hai reply "and the one before?"',
    'hai reply --if-busy interrupt "no, the one in rack 2"',
  )
}

/** Adds the options of everything that waits for a task. */
export function waitOptions(command: Command): Command {
  return loudnessOptions(command)
    .option('--timeout <time>', 'give up waiting after so long (30, 5m); the task goes on', lengthOfTime)
    .option('--no-wait', "print the task's id and don't wait")
}

async function askAndWait(
  session: Session,
  words: string[],
  options: AskOptions,
  conversation: string | undefined,
): Promise<number | undefined> {
  session.quiet = options.quiet ?? false
  const accepted = await submit(session, words, options, conversation)
  if (!options.wait) return printAccepted(session, accepted, options)
  return waitFor(session, accepted.task_id, { ...options, accepted }).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'forbidden') throw error
    const message = `task ${shortId(accepted.task_id)} is accepted and goes on; its answer is not for this token to read: ${error.message}`
    throw new Failure('denied', message, {
      cause: error,
      code: 'forbidden',
      next: 'with such a token: hai ask --no-wait TEXT, which is done once the task is accepted',
    })
  })
}
