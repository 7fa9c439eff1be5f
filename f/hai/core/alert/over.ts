import type { Sql } from '../base/db.ts'
import { REPORT } from '../task/envelope.ts'
import { answerPending, tellTask } from '../task/unasked.ts'
import { toldOf } from './rows.ts'
import { factsOf, lasted } from './text.ts'

/** Seconds. Longer than Alertmanager keeps silent about what fires, unless it is told to. */
const SILENT = 2 * 86_400

/**
 * Where nothing that a task is about fires any more: ends it if nobody has begun it, else says so in its history. False
 * while something fires.
 */
export async function closeIfOver(tx: Sql, id: string): Promise<boolean> {
  const { alerts, total } = await toldOf(tx, id)
  if (alerts.length === 0 || alerts[0]!.state === 'firing') return false
  const silent = alerts.some(({ state }) => state === 'silent')
  const how = silent ? 'not heard of for two days, and taken for over' : `resolved after ${lasted(alerts)}`
  const facts = factsOf(alerts, total)
  const [closed] = await answerPending(tx, [id], {
    output: `${capital(how)}, before anybody looked.\n\n${facts}`,
  })
  if (!closed) await tellTask(tx, id, 'resolved', how)
  return true
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/**
 * Once a minute: what nobody has told of for long is taken for over, and a task that went back to wait after the last
 * of its alerts had ended is closed.
 */
export async function tend(sql: Sql): Promise<{ closed: number }> {
  const silent = await sql<{ task_id: string }[]>`
    update hai.alert set ended = 'silent', ended_at = now(), ends_at = heard_at
    where ended is null and heard_at < now() - make_interval(secs => ${SILENT})
    returning task_id`
  const over = await sql<{ id: string }[]>`
    select t.id from hai.task_queue t
    where t.state = 'pending' and t.finished_at is null and t.intent = ${REPORT}
      and exists (select from hai.alert a where a.task_id = t.id)
      and not exists (select from hai.alert a where a.task_id = t.id and a.ended is null)`
  const ids = new Set([...silent.map(({ task_id }) => task_id), ...over.map(({ id }) => id)])
  let closed = 0
  for (const id of ids) closed += Number(await closeIfOver(sql, id))
  return { closed }
}
