import * as z from 'zod'
import { ImageRef, Labels, Name, Port, Quantity } from './config-values.ts'

const Backup = z.strictObject({
  /** The ObjectStore of the Barman Cloud plugin; it lies in the database's namespace. */
  object_store: Name,
  /** Six fields, seconds first. */
  schedule: z
    .string()
    .regex(/^(\S+ ){5}\S+$/, 'expected six fields, seconds first, like 0 0 3 * * *')
    .default('0 0 3 * * *'),
  /** A store in the cluster; the internet on port 443 when not given. */
  pods: z.strictObject({ namespace: Name, labels: Labels, port: Port }).optional(),
})

/** A CloudNativePG cluster for hai alone. */
const OwnCluster = z.strictObject({
  kind: z.literal('cluster'),
  namespace: Name.default('databases'),
  cluster: Name.default('hai'),
  instances: z.int().min(1).max(9).default(3),
  size: Quantity.default('5Gi'),
  storage_class: Name.optional(),
  /** PostgreSQL's image; the operator's default when not given. */
  image: ImageRef.optional(),
  operator_namespace: Name.default('databases'),
  operator_pods: Labels.default({ 'app.kubernetes.io/name': 'cloudnative-pg' }),
  backup: Backup.optional(),
})

/** A database and a role in a CloudNativePG cluster that is there. */
const ExistingCluster = z.strictObject({
  kind: z.literal('existing'),
  namespace: Name.default('databases'),
  cluster: Name,
})

export const Database = z.discriminatedUnion('kind', [OwnCluster, ExistingCluster])
export type Database = z.output<typeof Database>
export type OwnCluster = z.output<typeof OwnCluster>
export type ExistingCluster = z.output<typeof ExistingCluster>

/** How Grafana gets the dashboard, and the uid of its PostgreSQL data source. */
export const Dashboard = z
  .strictObject({
    delivery: z.enum(['configmap', 'grafana-operator', 'url']),
    datasource: z
      .string()
      .regex(/^[\w-]{1,40}$/, 'expected the uid of a Grafana data source')
      .default('hai'),
    folder: z.string().min(1).default('hai'),
    namespace: Name.default('observability'),
    grafana_pods: Labels.default({ 'app.kubernetes.io/name': 'grafana' }),
    /** Which GrafanaDashboards the operator's Grafana takes. */
    instance_labels: Labels.default({ dashboards: 'grafana' }),
    /** Where Grafana fetches `dist/grafana/hai.json` from; only for `url`. */
    url: z.url({ protocol: /^https$/ }).optional(),
    /** Sources that are machines; every other one is people. */
    machine_sources: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/))
      .min(1)
      .default(['alertmanager', 'claude-code', 'holmesgpt', 'scheduled', 'test']),
  })
  .refine(({ delivery, url }) => (delivery === 'url') === (url !== undefined), {
    path: ['url'],
    error: 'expected an https address with delivery: url, and none with another one',
  })
