import type { Caller } from '../base/caller.ts'
import { inTransaction, json, lockNames, type Sql } from '../base/db.ts'
import { count } from '../base/words.ts'
import { enqueueOne } from '../task/enqueue.ts'
import { REPORT } from '../task/envelope.ts'
import type { Priority } from '../task/shape.ts'
import { hasten, replaceAttached, tellTask } from '../task/unasked.ts'
import { closeIfOver } from './over.ts'
import { FACTS, toldOf } from './rows.ts'
import type { Severity } from './shape.ts'
import { stormTask } from './storm.ts'
import { factsOf, questionOf, rankOf, severityOf, type Told, WRITTEN, worst } from './text.ts'

/** One alert as it is told; its texts are anybody's. */
export interface Heard {
  fingerprint: string
  /** RFC 3339. */
  starts_at: string
  /** Null while it fires. */
  ends_at: string | null
  labels: Record<string, string>
  annotations: Record<string, string>
  url: string | null
}

/** Alerts that are told together, by a name that stays the same as long as they are. */
export interface Delivery {
  source: string
  group_key: string
  alerts: Heard[]
  /** So many more fire, of which nothing was told. */
  left_off?: number
}

export interface Delivered {
  /** `accepted` a new task, `joined` one that was there, `resolved` nothing fires any more, `duplicate` nothing new. */
  status: 'accepted' | 'joined' | 'resolved' | 'duplicate'
  /** None where what has ended was never told while it fired. */
  task_id?: string
}

/** Seconds. One that fires again so soon after it ended is what was on its way before that was told. */
const LATE = 60

const PRIORITY: Record<Severity, Priority> = {
  critical: 'urgent',
  error: 'high',
  warning: 'normal',
  info: 'low',
}

/** An alert with what is known of it. */
interface Known extends Heard {
  /** When it began, as it is stored. */
  key: string
  /** Null where it is new. */
  task_id: string | null
  ended: string | null
  late: boolean
  /** Its task has ended. */
  told: boolean
}

/**
 * Makes one task of alerts that are told together, for as long as one of them fires: who tells them again joins it, and
 * the last that ends closes it. In a storm they join another's. All in one transaction, one delivery of a sender after
 * the other, so that two that tell the same at once make one task.
 */
export async function deliver(sql: Sql, delivery: Delivery, caller: Caller): Promise<Delivered> {
  return inTransaction(sql, async (tx) => {
    await lockNames(tx, 'hai.alert', [caller.name])
    const known = await lookUp(tx, delivery.alerts, caller.name)
    const firing = known.filter(({ ends_at }) => ends_at === null)
    const back = firing.filter(({ ended, late }) => ended !== null && !late)
    // whoever reads of an alert that it is over looks there no more
    const fresh = firing.filter((one) => one.task_id === null || (one.told && back.includes(one)))
    const again = back.filter((one) => !fresh.includes(one))
    const over = known.filter(({ task_id, ended, ends_at }) => task_id && !ended && ends_at)
    await hearAgain(
      tx,
      firing.filter((one) => !fresh.includes(one)),
      caller.name,
    )
    await end(tx, over, caller.name)
    const before = await endBefore(tx, fresh, caller.name)
    const begun = fresh.length > 0 ? await takeIn(tx, delivery, fresh, caller) : undefined
    for (const id of tasksOf(again)) {
      const back = again.filter(({ task_id }) => task_id === id).length
      await tellTask(tx, id, 'joined', `${count(back, 'alert')} of these fired again`)
    }
    // what fires is told with other words each time: how full the disk is by now
    for (const id of tasksOf(firing)) await attach(tx, id)
    let closed = false
    for (const id of new Set([...tasksOf([...again, ...over]), ...before]))
      closed = (await closeIfOver(tx, id)) || closed
    if (begun) return begun
    const task_id = known.find((one) => one.task_id)?.task_id
    const status = closed ? 'resolved' : again.length > 0 ? 'joined' : 'duplicate'
    return { status, ...(task_id ? { task_id } : {}) }
  })
}

/** What is known of each; it is told twice where the same is there twice. */
async function lookUp(tx: Sql, alerts: Heard[], requester: string): Promise<Known[]> {
  const named = alerts.map(({ fingerprint, starts_at, ends_at }, n) => ({
    ...{ n, fingerprint, starts_at, over: ends_at !== null },
  }))
  const rows = await tx<
    { n: number; key: string; task_id: string; ended: string | null; late: boolean; told: boolean }[]
  >`
    select n, a.starts_at::text as key, task_id, ended, t.finished_at is not null as told,
      coalesce(ended = 'resolved' and ended_at > now() - make_interval(secs => ${LATE}), false) as late
    from jsonb_to_recordset(${json(tx, named)}) as given (n int, fingerprint text, starts_at timestamptz, over boolean)
    cross join lateral (
      select * from hai.alert
      where requester = ${requester} and fingerprint = given.fingerprint
        -- of two that watch the same each has its own begin, and the earlier one is told in the end
        and (starts_at = given.starts_at or ended is null and (given.over or given.starts_at <= heard_at))
      order by starts_at = given.starts_at desc, starts_at desc limit 1) a
    join hai.task_queue t on t.id = a.task_id`
  const found = new Map(rows.map(({ n, ...row }) => [n, row]))
  return alerts.map((alert, n) => ({
    ...alert,
    ...(found.get(n) ?? { key: alert.starts_at, task_id: null, ended: null, late: false, told: false }),
  }))
}

/** That they still fire, or fire again, and what is said of them now. */
async function hearAgain(tx: Sql, firing: Known[], requester: string): Promise<void> {
  const heard = firing.filter(({ task_id, late }) => task_id && !late)
  if (heard.length === 0) return
  const said = heard.map(({ fingerprint, starts_at, annotations }) => ({
    fingerprint,
    starts_at,
    annotations,
  }))
  await tx`
    update hai.alert a
    set heard_at = now(), annotations = said.annotations, ended = null, ended_at = null, ends_at = null
    from jsonb_to_recordset(${json(tx, said)}) as said (fingerprint text, starts_at timestamptz, annotations jsonb)
    where a.requester = ${requester} and a.fingerprint = said.fingerprint and a.starts_at = said.starts_at`
}

async function end(tx: Sql, over: Known[], requester: string): Promise<void> {
  if (over.length === 0) return
  const said = over.map(({ fingerprint, key, ends_at }) => ({ fingerprint, starts_at: key, ends_at }))
  await tx`
    update hai.alert a set ended = 'resolved', ended_at = now(), ends_at = said.ends_at, heard_at = now()
    from jsonb_to_recordset(${json(tx, said)}) as said (fingerprint text, starts_at timestamptz, ends_at timestamptz)
    where a.requester = ${requester} and a.fingerprint = said.fingerprint and a.starts_at = said.starts_at`
}

/** What fires anew was over in between, though nobody told. Gives the tasks of what has ended so. */
async function endBefore(tx: Sql, fresh: Known[], requester: string): Promise<string[]> {
  if (fresh.length === 0) return []
  const said = fresh.map(({ fingerprint, starts_at }) => ({ fingerprint, starts_at }))
  const ended = await tx<{ task_id: string }[]>`
    update hai.alert a set ended = 'resolved', ended_at = now(), ends_at = a.heard_at
    from jsonb_to_recordset(${json(tx, said)}) as said (fingerprint text, starts_at timestamptz)
    where a.requester = ${requester} and a.fingerprint = said.fingerprint and a.starts_at < said.starts_at
      and a.ended is null
    returning task_id`
  return ended.map(({ task_id }) => task_id)
}

/** Puts new ones to the task of their group, to that of a storm, or to one of their own. */
async function takeIn(tx: Sql, delivery: Delivery, fresh: Known[], caller: Caller): Promise<Delivered> {
  const alerts = fresh.map((alert) => ({ ...alert, severity: severityOf(alert.labels) }))
  const severity = worst(alerts.map((alert) => alert.severity))
  const group = await taskOfGroup(tx, delivery.group_key, caller.name)
  const storm = group ? undefined : await stormTask(tx, { requester: caller.name, severity })
  const joined = group ?? storm
  const id = joined ?? (await begin(tx, delivery, alerts.map(asTold), caller))
  await store(tx, alerts, { task_id: id, group_key: delivery.group_key, requester: caller.name })
  if (!joined) return { status: 'accepted', task_id: id }
  await join(tx, id, { severity, storm: storm !== undefined })
  return { status: 'joined', task_id: id }
}

async function taskOfGroup(tx: Sql, group: string, requester: string): Promise<string | undefined> {
  const [task] = await tx<{ task_id: string }[]>`
    select task_id from hai.alert
    where requester = ${requester} and group_key = ${group} and ended is null
    order by first_at, task_id limit 1`
  return task?.task_id
}

type Ranked = Known & { severity: Severity }

const asTold = ({ labels, annotations, severity, starts_at, url }: Ranked): Told => ({
  ...{ labels, annotations, severity, starts_at, url },
  ends_at: null,
  state: 'firing',
})

async function begin(
  tx: Sql,
  { source, left_off = 0 }: Delivery,
  alerts: Told[],
  caller: Caller,
): Promise<string> {
  const ranked = alerts.toSorted((one, other) => rankOf(one.severity) - rankOf(other.severity))
  const envelope = {
    source,
    content: questionOf(ranked),
    context: [{ name: FACTS, content: factsOf(ranked, alerts.length + left_off) }],
    priority: PRIORITY[ranked[0]!.severity],
    intent: REPORT,
  }
  const { told } = await enqueueOne(tx, envelope, {
    requester: caller.name,
    sees: caller.sees,
    zone: caller.zone,
  })
  return told.task_id
}

interface Place {
  task_id: string
  group_key: string
  requester: string
}

async function store(tx: Sql, alerts: Ranked[], { task_id, group_key, requester }: Place): Promise<void> {
  const rows = alerts.map(({ fingerprint, starts_at, labels, annotations, url, severity }) => ({
    ...{ fingerprint, starts_at, labels, annotations, url, severity },
  }))
  await tx`
    insert into hai.alert (requester, task_id, group_key, fingerprint, starts_at, labels, annotations, url, severity)
    select distinct on (fingerprint, starts_at)
      ${requester}, ${task_id}, ${group_key}, fingerprint, starts_at, labels, annotations, url, severity
    from jsonb_to_recordset(${json(tx, rows)}) as given (
      fingerprint text, starts_at timestamptz, labels jsonb, annotations jsonb, url text, severity text)
    -- it was over, and so was its task
    on conflict (requester, fingerprint, starts_at) do update set
      task_id = excluded.task_id, group_key = excluded.group_key, annotations = excluded.annotations,
      first_at = now(), heard_at = now(), ended = null, ended_at = null, ends_at = null`
}

const tasksOf = (alerts: Known[]): Set<string> => new Set(alerts.flatMap(({ task_id }) => task_id ?? []))

/** What is attached to the task, as its alerts are now. */
async function attach(tx: Sql, id: string): Promise<void> {
  const { alerts, total } = await toldOf(tx, id)
  await replaceAttached(tx, id, { name: FACTS, content: factsOf(alerts, total) })
}

/** What joining changes about a task. In a storm hundreds join: a line in its history is at most one a minute. */
async function join(
  tx: Sql,
  id: string,
  { severity, storm }: { severity: Severity; storm: boolean },
): Promise<void> {
  const [now] = await tx<{ pending: boolean; total: number; groups: number; told: boolean }[]>`
    select t.state = 'pending' as pending, total, groups, exists (
      select from hai.task_event e where e.task_id = t.id and e.type = 'joined' and e.at > now() - interval '1 minute') as told
    from hai.task_queue t, lateral (
      select count(*)::int as total, count(distinct group_key)::int as groups from hai.alert where task_id = t.id) alerts
    where t.id = ${id}`
  const { pending, total, groups, told } = now!
  if (pending) await hasten(tx, id, PRIORITY[severity])
  // of more it says how many, and that is told now and then
  if (pending && (total <= WRITTEN || total % WRITTEN === 0)) await attach(tx, id)
  if (told) return
  const why = storm ? ', as too many came at once for a task each' : ''
  const of = groups > 1 ? ` of ${groups} groups` : ''
  await tellTask(tx, id, 'joined', `more joined${why}: now ${count(total, 'alert')}${of}`)
}
