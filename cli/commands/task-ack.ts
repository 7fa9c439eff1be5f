import type { Command } from 'commander'
import type { Acknowledged } from '../../f/hai/core/task/shape.ts'
import { examples, JSON_OPTION } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { shortId } from '../show/words.ts'

/** `hai task ack`: failures that one knows of are told no more. */
export function addAcknowledge(task: Command, session: Session): void {
  const ack = task
    .command('ack')
    .description('say that failures are known: hai shows them no more, hai task ls does')
    .argument('[ids...]', "the tasks' ids, or their last characters; @ is the last task")
    .option('--all', 'all that have failed')
    .option(...JSON_OPTION)
    .action(
      session.run((ids: string[], options: { all?: boolean; json?: boolean }) =>
        acknowledge(session, ids, options),
      ),
    )
  examples(ack, 'hai task ack 7f3k2m', 'hai task ack --all')
}

async function acknowledge(
  session: Session,
  texts: string[],
  { all = false, json }: { all?: boolean; json?: boolean },
): Promise<undefined> {
  if (texts.length > 0 === all) {
    throw new Failure('usage', all ? 'give ids or --all, not both' : 'which ones? give their ids, or --all', {
      next: 'hai task ls --state dead,expired shows what has failed',
    })
  }
  const ids = await Promise.all(texts.map((text) => session.taskId(text)))
  const done = await session.call<Acknowledged>('task/acknowledge', all ? { all } : { ids })
  if (json) {
    session.printJson(done)
    return
  }
  for (const { id, excerpt } of done.acknowledged) session.print(`${shortId(id)} acknowledged: ${excerpt}`)
  if (done.acknowledged.length === 0) session.note(all ? 'nothing has failed' : 'known already')
  if (all && done.left > 0) session.note(`${done.left} more: hai task ack --all`)
}
