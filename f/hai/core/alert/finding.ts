import { createHash } from 'node:crypto'
import type { Caller } from '../base/caller.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { shortId } from '../base/ids.ts'
import { enqueueOne } from '../task/enqueue.ts'
import { REPORT } from '../task/envelope.ts'
import type { State } from '../task/shape.ts'
import { answerPending, tellTask } from '../task/unasked.ts'
import type { Delivered } from './deliver.ts'
import { word } from './text.ts'

/** What somebody found out, perhaps about an alert. Its texts are anybody's. */
export interface Finding {
  source: string
  title: string
  /** In Markdown. */
  analysis: string
  /** What it was asked about, as it was told. */
  about: string
  /** Of the alert. */
  fingerprint?: string | undefined
}

/**
 * Keeps what was found: as the answer of the alert's task where nobody has begun that, else as a task of its own that is
 * done, in that one's conversation. The same finding again is the same task.
 */
export async function takeFinding(sql: Sql, finding: Finding, caller: Caller): Promise<Delivered> {
  return inTransaction(sql, async (tx) => {
    const { source, title, analysis, about } = finding
    const task = await taskOfAlert(tx, finding, caller)
    if (task?.output === analysis) return { status: 'duplicate', task_id: task.id }
    const [answered] = task ? await answerPending(tx, [task.id], { output: analysis, agent: source }) : []
    if (answered) return { status: 'joined', task_id: answered }
    const envelope = {
      source,
      content: `Finding “${word(title) || 'without a title'}”\n\nWhat was found stands in the answer; what is attached was asked.`,
      context: [{ name: 'asked.txt', content: about }],
      intent: REPORT,
      idempotency_key: `finding:${createHash('sha256').update(JSON.stringify(finding)).digest('hex')}`,
      ...(task ? { conversation_id: task.conversation_id } : {}),
    }
    const origin = { requester: caller.name, sees: caller.sees, zone: caller.zone }
    const { told } = await enqueueOne(tx, envelope, origin)
    const { task_id, status } = told
    if (status === 'duplicate') return { status, task_id }
    await answerPending(tx, [task_id], { output: analysis, agent: source })
    if (task) await tellTask(tx, task.id, 'finding', `${source} has looked at it: task ${shortId(task_id)}`)
    return { status, task_id }
  })
}

interface Found {
  id: string
  state: State
  output: string | null
  conversation_id: string
}

/** The newest task about that alert, of those that the caller may see. */
async function taskOfAlert(tx: Sql, { fingerprint }: Finding, caller: Caller): Promise<Found | undefined> {
  if (fingerprint === undefined) return undefined
  const [task] = await tx<Found[]>`
    select id, state, output, conversation_id from hai.task_queue
    where id in (select task_id from hai.alert where fingerprint = ${fingerprint}) and ${caller.sees(tx)}
    order by created_at desc, id desc limit 1`
  return task
}
