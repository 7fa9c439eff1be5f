import { z } from 'zod'
import { type Delivered, deliver, type Heard } from '../alert/deliver.ts'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { record } from '../base/own.ts'
import { storable, storableJson } from '../base/text.ts'
import { Instant } from '../base/time.ts'
import { wake } from '../task/wake.ts'
import { accepted, type Shaped } from './request.ts'

const name = z.string().min(1, 'expected some text, got none').max(4096, 'expected at most 4096 characters')
const texts = record(z.string()).default({})

const Alert = z
  .looseObject({
    status: z.enum(['firing', 'resolved']),
    labels: texts,
    annotations: texts,
    startsAt: Instant,
    endsAt: Instant.optional(),
    generatorURL: z.string().optional(),
    fingerprint: z.string().regex(/^[\w-]{1,100}$/, 'expected what Alertmanager calls the alert'),
  })
  .transform(
    ({ status, labels, annotations, startsAt, endsAt, generatorURL, fingerprint }): Heard => ({
      fingerprint,
      starts_at: startsAt,
      ends_at: status === 'resolved' ? (endsAt ?? startsAt) : null,
      labels: storableJson(labels) as Record<string, string>,
      annotations: storableJson(annotations) as Record<string, string>,
      url: generatorURL ? storable(generatorURL) : null,
    }),
  )

/** What Alertmanager's webhook sends, and Grafana's; both may add fields. https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
const Webhook = z.looseObject({
  version: z.enum(['4', '1']),
  groupKey: name.transform(storable),
  truncatedAlerts: z.int().min(0).default(0),
  alerts: z.array(Alert).min(1).max(10_000),
})

/** One group as Alertmanager tells it: 202 once it is committed, also when there is nothing new in it. */
export async function receiveAlerts(sql: Sql, body: unknown, caller: Caller): Promise<Shaped<Delivered>> {
  const { groupKey: group_key, alerts, truncatedAlerts: left_off } = parse(Webhook, body)
  const delivered = await deliver(sql, { source: 'alertmanager', group_key, alerts, left_off }, caller)
  await wake(sql)
  return accepted(delivered)
}
