import { stringify } from 'yaml'
import { backupEndpoint, type Config } from '../config/config.ts'
import type { Backup, OwnCluster } from '../config/database.ts'
import {
  BACKUP_KEYS,
  BACKUP_SECRET,
  BACKUP_STORE,
  BARMAN,
  DATABASE,
  DATABASE_SECRET,
  METRICS,
  METRICS_KEY,
  READER,
  READER_SECRET,
} from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** What the cluster that is restored from goes by in the new one's definition. */
const ORIGIN = 'origin'

/** A PostgreSQL of hai's own, or its place in one that is there. Clients take the `-rw` service; a pooler would do for jobs. */
export class DatabaseFile extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'database')
    const { database } = config
    if (database.kind === 'cluster') {
      this.#own(database, config)
      return
    }
    this.add('Database', DATABASE, {
      spec: {
        cluster: { name: database.cluster },
        name: DATABASE,
        owner: DATABASE,
        ensure: 'present',
        databaseReclaimPolicy: 'retain',
      },
    })
  }

  #own(database: OwnCluster, config: Config): void {
    const { cluster, instances, size, storage_class, image, backup } = database
    this.add('Cluster', cluster, {
      spec: {
        instances,
        imageName: image,
        primaryUpdateStrategy: 'unsupervised',
        resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1024Mi' } },
        storage: { size, ...(storage_class ? { storageClass: storage_class } : {}) },
        ...beginning(database),
        managed: { roles: [readerRole()] },
        monitoring: { customQueriesConfigMap: [{ name: METRICS, key: METRICS_KEY }] },
        ...(backup === 'none' ? {} : { plugins: [archiver(database, backup)] }),
        ...(instances > 1 ? { postgresql: { synchronous: synchronous(instances) } } : {}),
        replicationSlots: { highAvailability: { enabled: true } },
      },
    })
    if (backup !== 'none') this.#backup(cluster, backup, config)
  }

  #backup(cluster: string, { schedule, own }: Backup, config: Config): void {
    if (own) {
      const key = (name: string) => ({ name: BACKUP_SECRET, key: name })
      this.add('ObjectStore', BACKUP_STORE, {
        spec: {
          retentionPolicy: own.retention,
          configuration: {
            destinationPath: own.destination,
            endpointURL: backupEndpoint(config, own),
            s3Credentials: {
              accessKeyId: key(BACKUP_KEYS.access),
              secretAccessKey: key(BACKUP_KEYS.secret),
            },
            wal: { compression: 'gzip' },
            data: { compression: 'gzip' },
          },
        },
      })
    }
    this.add('ScheduledBackup', cluster, {
      spec: {
        schedule,
        // the first one at once: what was never written can't be restored
        immediate: true,
        cluster: { name: cluster },
        method: 'plugin',
        pluginConfiguration: { name: BARMAN },
        backupOwnerReference: 'self',
      },
    })
  }
}

/** An acknowledged task is on two machines. Two instances go on alone when one is away; of three, one may be. */
const synchronous = (instances: number) => ({
  method: 'any' as const,
  number: 1 as const,
  dataDurability: instances > 2 ? ('required' as const) : ('preferred' as const),
})

function archiver({ cluster }: OwnCluster, { object_store, server_name }: Backup) {
  return {
    name: BARMAN,
    isWALArchiver: true,
    parameters: {
      barmanObjectName: object_store ?? BACKUP_STORE,
      ...(server_name && server_name !== cluster ? { serverName: server_name } : {}),
    },
  } as const
}

/** An empty database, or what a lost one has archived. */
function beginning({ restore_from }: OwnCluster) {
  const ours = { database: DATABASE, owner: DATABASE, secret: { name: DATABASE_SECRET } }
  if (!restore_from) return { bootstrap: { initdb: ours } }
  const { object_store = BACKUP_STORE, server_name, target_time } = restore_from
  const recoveryTarget = target_time ? { recoveryTarget: { targetTime: target_time } } : {}
  const parameters = { barmanObjectName: object_store, serverName: server_name }
  return {
    bootstrap: { recovery: { source: ORIGIN, ...ours, ...recoveryTarget } },
    externalClusters: [{ name: ORIGIN, plugin: { name: BARMAN, parameters } }],
  }
}

/** Grafana's role. What it may read, each migration grants it: the dashboard's views and nothing else. */
export const readerRole = () => ({
  name: READER,
  ensure: 'present' as const,
  login: true as const,
  passwordSecret: { name: READER_SECRET },
})

/** The role that owns the database, for a cluster that somebody else declares. */
export const ownerRole = () => ({
  name: DATABASE,
  ensure: 'present' as const,
  login: true as const,
  passwordSecret: { name: DATABASE_SECRET },
})

/** What PostgreSQL's exporter tells of hai, and who asks it. */
export class DatabaseMonitor extends ManifestFile {
  constructor(folder: Folder, { database, monitoring }: Config) {
    super(folder, 'monitor')
    const labels = { 'cnpg.io/reload': 'true' }
    this.add(
      'ConfigMap',
      METRICS,
      { data: { [METRICS_KEY]: stringify(QUERIES, { lineWidth: 0 }) } },
      { labels },
    )
    // one that is there already has a monitor of its own, or will be given one by whom it belongs to
    if (database.kind === 'existing') return
    this.add(
      'PodMonitor',
      database.cluster,
      {
        spec: {
          selector: { matchLabels: { 'cnpg.io/cluster': database.cluster } },
          podMetricsEndpoints: [{ port: 'metrics', interval: '1m' }],
        },
      },
      { labels: monitoring.object_labels },
    )
  }
}

/** As CloudNativePG reads them; the metrics are cnpg_hai_drift_differences and cnpg_hai_drift_reported. */
const QUERIES = {
  hai_drift: {
    // there is nothing to ask before hai has been deployed
    predicate_query: `select exists (
  select from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = 'hai' and c.relname = 'dashboard_drift'
) as there`,
    query: 'select kind, differences, extract(epoch from reported_at) as reported from hai.dashboard_drift',
    target_databases: [DATABASE],
    metrics: [
      { kind: { usage: 'LABEL', description: 'what was compared with Git: windmill or cluster' } },
      { differences: { usage: 'GAUGE', description: 'how many differences the last report named' } },
      { reported: { usage: 'GAUGE', description: 'when it was reported, in seconds since 1970' } },
    ],
  },
}
