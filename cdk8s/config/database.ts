import { Cron } from 'croner'
import * as z from 'zod'
import { BACKUP_STORE } from '../names.ts'
import { Endpoint, ImageRef, Name, PodLabels, Port, Quantity, Subdomain } from './values.ts'

const MONTHS = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec'
const DAYS = 'sun|mon|tue|wed|thu|fri|sat'

/** A list of values, ranges and steps, and none of the signs (L, W, #) that other crons have beside them. */
const field = (names?: string): RegExp => {
  const value = names ? `(?:\\d{1,2}|${names})` : '\\d{1,2}'
  const entry = `(?:[*?]|${value}(?:-${value})?)(?:/\\d{1,2})?`
  return new RegExp(`^${entry}(?:,${entry})*$`, 'i')
}
const FIELDS = [field(), field(), field(), field(), field(MONTHS), field(DAYS)]

/** Six fields, seconds first, as CloudNativePG's admission reads them; what it refuses after the commit is refused here. */
export const BackupSchedule = z.string().superRefine((schedule, context) => {
  const fault = faultOf(schedule)
  if (fault)
    context.addIssue({
      code: 'custom',
      message: `expected six fields, seconds first, like 0 0 3 * * *: ${fault}`,
    })
})

function faultOf(schedule: string): string | undefined {
  const fields = schedule.split(' ')
  if (fields.length !== FIELDS.length) return `these are ${fields.length}`
  const odd = FIELDS.findIndex((form, index) => !form.test(fields[index]!))
  if (odd !== -1) return `${JSON.stringify(fields[odd])} is no value, range or step`
  if (/(^|[,-])0?7/.test(fields.at(-1)!)) return 'Sunday is 0'
  try {
    return cronOf(schedule).nextRun() ? undefined : 'that day never comes'
  } catch (error) {
    return (error as Error).message.replace('CronPattern: ', '')
  }
}

const cronOf = (schedule: string): Cron =>
  new Cron(schedule.replaceAll('?', '*'), {
    paused: true,
    mode: '6-part',
    sloppyRanges: true,
    utcOffset: 0,
  })

const HOUR = 3_600_000
/** A year, and a leap year after it. */
const FROM = new Date('2027-01-01T00:00:00Z')
const TO = new Date('2029-01-01T00:00:00Z')

/** A gap between two runs that is longer than so many hours: the longest one, in hours that have begun; undefined when none is. */
function gapBeyond(hours: number, schedule: string): number | undefined {
  if (faultOf(schedule)) return undefined
  // within the hours that have a run there is no gap of an hour
  const [, , ...fields] = schedule.split(' ')
  const cron = cronOf(`0 0 ${fields.join(' ')}`)
  let longest = 0
  let last = cron.nextRun(FROM)
  while (last && last < TO) {
    const next = cron.nextRun(last)
    if (next) longest = Math.max(longest, (next.getTime() - last.getTime()) / HOUR)
    last = next
  }
  return longest > hours ? longest : undefined
}

/** A store that hai declares itself. */
const OwnStore = z.strictObject({
  /** The bucket, and the folder in it. */
  destination: z
    .string()
    .regex(
      /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.-]+)*\/?$/,
      'expected a bucket like s3://hai-postgres/',
    ),
  /** For how long one can go back: days, weeks or months. */
  retention: z.string().regex(/^[1-9][0-9]{0,3}[dwm]$/, 'expected days, weeks or months, like 30d'),
  /** Where S3 is spoken; `https://s3.<domain>` when not given, so that no bucket of a stranger's is ever meant. */
  endpoint: Endpoint.optional(),
  /** The item with the fields `backup_access_key` and `backup_secret_key`; that of the passwords when not given. */
  item: z.string().min(1).optional(),
})
export type OwnStore = z.output<typeof OwnStore>
const OWN_STORE = { destination: 's3://hai-postgres/', retention: '30d' }

const DAILY = '0 0 3 * * *'

/** CloudNativePG takes no longer one: its Services are called by it and more. */
const ClusterName = Name.max(50, 'expected a name of at most 50 letters, as CloudNativePG takes them')

const Backup = z
  .strictObject({
    ...OwnStore.partial().shape,
    /** An ObjectStore of yours in the database's namespace, instead of one that hai declares. */
    object_store: Subdomain.optional(),
    schedule: BackupSchedule.default(DAILY),
    /** The name under which this cluster archives in the store; another one after a restore. */
    server_name: Name.optional(),
    /** A store in the cluster; outside of it when not given, on the endpoint's port. */
    pods: z.strictObject({ namespace: Name, labels: PodLabels, port: Port }).optional(),
    /** So many hours after the last backup an alert says so: a day and a late run. */
    alert_hours: z.int().min(1).max(8760).default(30),
  })
  .superRefine(({ schedule, alert_hours }, context) => {
    const gap = gapBeyond(alert_hours, schedule)
    if (!gap) return
    // the one that is said in the file
    const [path, message] =
      schedule === DAILY
        ? ['alert_hours', `expected at least ${gap}, the hours between two runs of database.backup.schedule`]
        : [
            'schedule',
            `${gap} hours lie between two runs: expected no more than database.backup.alert_hours, ${alert_hours}`,
          ]
    context.addIssue({ code: 'custom', path: [path!], message })
  })
  .superRefine((backup, context) => {
    if (!backup.object_store) return
    for (const field of Object.keys(OwnStore.shape)) {
      if (backup[field as keyof typeof backup] === undefined) continue
      const message = 'expected nothing beside object_store, whose own settings say it'
      context.addIssue({ code: 'custom', path: [field], message })
    }
  })
  .transform(({ destination, endpoint, item, retention, ...rest }) => {
    const { destination: bucket, retention: span } = OWN_STORE
    const own = { destination: destination ?? bucket, retention: retention ?? span, endpoint, item }
    return { ...rest, own: rest.object_store ? undefined : own }
  })
export type Backup = z.output<typeof Backup>

/** A cluster that begins as what a backup holds. CloudNativePG reads it once, when the cluster is made. */
const RestoreFrom = z.strictObject({
  /** The ObjectStore that holds the backup; the one that backups go to when not given. */
  object_store: Subdomain.optional(),
  /** The name under which the lost cluster archived there. */
  server_name: Name,
  /** As far as this moment and no further; to the end when not given. */
  target_time: z.iso
    .datetime({ offset: true, error: 'expected a time like 2026-11-29T21:00:00Z' })
    .optional(),
})

/** A CloudNativePG cluster for hai alone. */
const OwnCluster = z
  .strictObject({
    kind: z.literal('cluster'),
    namespace: Name.default('databases'),
    cluster: ClusterName.default('hai'),
    instances: z.int().min(1).max(9).default(3),
    size: Quantity.default('5Gi'),
    storage_class: Subdomain.optional(),
    /** PostgreSQL's image. Pinned: an update of the operator would otherwise move the database to another major version. */
    image: ImageRef.default(
      'ghcr.io/cloudnative-pg/postgresql:18.6-standard-trixie@sha256:771f9eab5225587af259d84680cc69a5b6e374ac32bb24effafde1f3368a1241',
    ),
    operator_namespace: Name.default('databases'),
    operator_pods: PodLabels.default({ 'app.kubernetes.io/name': 'cloudnative-pg' }),
    /** `none` is said aloud: what is lost is lost. */
    backup: z
      .union([z.literal('none'), Backup], {
        error: 'expected none, or where to: {endpoint: https://s3.example.com}',
      })
      .prefault({}),
    restore_from: RestoreFrom.optional(),
  })
  .superRefine(({ cluster, backup, restore_from: from }, context) => {
    if (!from) return
    const issue = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: ['restore_from', field], message })
    if (backup === 'none') {
      if (!from.object_store) issue('object_store', 'expected the ObjectStore that holds the backup')
      return
    }
    const to = { store: backup.object_store ?? BACKUP_STORE, name: backup.server_name ?? cluster }
    // CloudNativePG archives into an empty place only: the new cluster would never begin
    if ((from.object_store ?? to.store) !== to.store || from.server_name !== to.name) return
    issue(
      'server_name',
      `expected another name than that under which the new cluster archives; say backup.server_name: ${to.name}-2`,
    )
  })

/** A database and a role in a CloudNativePG cluster that is there. */
const ExistingCluster = z.strictObject({
  kind: z.literal('existing'),
  namespace: Name.default('databases'),
  cluster: ClusterName,
})

export const Database = z.discriminatedUnion('kind', [OwnCluster, ExistingCluster])
export type Database = z.output<typeof Database>
export type OwnCluster = z.output<typeof OwnCluster>
