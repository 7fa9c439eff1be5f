import { k8s } from 'cdk8s-plus-28'
import { stringify } from 'yaml'
import { backupEndpoint, type Config } from '../config/config.ts'
import type { Backup, OwnCluster } from '../config/database.ts'
import { ObjectStore } from '../imports/barmancloud.cnpg.io.ts'
import { PodMonitor } from '../imports/monitoring.coreos.com.ts'
import {
  Cluster,
  type ClusterSpec,
  Database,
  type ManagedRole,
  ScheduledBackup,
} from '../imports/postgresql.cnpg.io.ts'
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
import { because, type Folder, ManifestFile } from './manifest-file.ts'

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
    new Database(this, 'database', {
      metadata: { name: DATABASE },
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
    const made = new Cluster(this, 'cluster', {
      metadata: { name: cluster },
      spec: {
        instances,
        imageName: image,
        primaryUpdateStrategy: 'unsupervised',
        resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1024Mi' } },
        storage: { size, storageClass: storage_class },
        ...beginning(database),
        managed: { roles: [readerRole()] },
        monitoring: { customQueriesConfigMap: [{ name: METRICS, key: METRICS_KEY }] },
        plugins: backup === 'none' ? undefined : [archiver(database, backup)],
        postgresql: instances > 1 ? { synchronous: synchronous(instances) } : undefined,
        replicationSlots: { highAvailability: { enabled: true } },
      },
    })
    if (instances > 1) {
      because(made, {
        'spec.postgresql.synchronous':
          instances > 2
            ? 'an acknowledged task is on two machines; of three one may be away'
            : 'an acknowledged task is on two machines; either goes on alone when the other is away',
      })
    }
    if (backup !== 'none') this.#backup(cluster, backup, config)
  }

  #backup(cluster: string, { schedule, own }: Backup, config: Config): void {
    if (own) {
      const key = (name: string) => ({ name: BACKUP_SECRET, key: name })
      new ObjectStore(this, 'store', {
        metadata: { name: BACKUP_STORE },
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
    const backups = new ScheduledBackup(this, 'backups', {
      metadata: { name: cluster },
      spec: {
        schedule,
        immediate: true,
        cluster: { name: cluster },
        method: 'plugin',
        pluginConfiguration: { name: BARMAN },
        backupOwnerReference: 'self',
      },
    })
    because(backups, { 'spec.immediate': "what was never written can't be restored" })
  }
}

const synchronous = (instances: number) =>
  ({ method: 'any', number: 1, dataDurability: instances > 2 ? 'required' : 'preferred' }) as const

function archiver({ cluster }: OwnCluster, { object_store, server_name }: Backup) {
  return {
    name: BARMAN,
    isWALArchiver: true,
    parameters: {
      barmanObjectName: object_store ?? BACKUP_STORE,
      serverName: server_name === cluster ? undefined : server_name,
    },
  } as const
}

/** An empty database, or what a lost one has archived. */
function beginning({ restore_from }: OwnCluster): Pick<ClusterSpec, 'bootstrap' | 'externalClusters'> {
  const ours = { database: DATABASE, owner: DATABASE, secret: { name: DATABASE_SECRET } }
  if (!restore_from) return { bootstrap: { initdb: ours } }
  const { object_store = BACKUP_STORE, server_name, target_time } = restore_from
  const recoveryTarget = target_time ? { targetTime: target_time } : undefined
  const parameters = { barmanObjectName: object_store, serverName: server_name }
  return {
    bootstrap: { recovery: { source: ORIGIN, ...ours, recoveryTarget } },
    externalClusters: [{ name: ORIGIN, plugin: { name: BARMAN, parameters } }],
  }
}

/** Grafana's role. What it may read, each migration grants it: the dashboard's views and nothing else. */
export const readerRole = (): ManagedRole => ({
  name: READER,
  ensure: 'present',
  login: true,
  passwordSecret: { name: READER_SECRET },
})

/** The role that owns the database, for a cluster that somebody else declares. */
export const ownerRole = (): ManagedRole => ({
  name: DATABASE,
  ensure: 'present',
  login: true,
  passwordSecret: { name: DATABASE_SECRET },
})

/** What PostgreSQL's exporter tells of hai, and who asks it. */
export class DatabaseMonitor extends ManifestFile {
  constructor(folder: Folder, { database, monitoring }: Config) {
    super(folder, 'monitor')
    const labels = { 'cnpg.io/reload': 'true' }
    new k8s.KubeConfigMap(this, 'queries', {
      metadata: { name: METRICS, labels },
      data: { [METRICS_KEY]: stringify(QUERIES, { lineWidth: 0 }) },
    })
    // one that is there already has a monitor of its own, or will be given one by whom it belongs to
    if (database.kind === 'existing') return
    new PodMonitor(this, 'monitor', {
      metadata: { name: database.cluster, labels: monitoring.object_labels },
      spec: {
        selector: { matchLabels: { 'cnpg.io/cluster': database.cluster } },
        podMetricsEndpoints: [{ port: 'metrics', interval: '1m' }],
      },
    })
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
