import type { Config } from '../config.ts'
import type { OwnCluster } from '../config-data.ts'
import { type Folder, ManifestFile } from '../manifest-file.ts'
import { DATABASE, DATABASE_SECRET, READER, READER_SECRET } from '../names.ts'

const BARMAN = 'barman-cloud.cloudnative-pg.io'

/** A PostgreSQL of hai's own, or its place in one that is there. Clients take the `-rw` service; a pooler would do for jobs. */
export class DatabaseFile extends ManifestFile {
  constructor(folder: Folder, { database }: Config) {
    super(folder, 'database')
    if (database.kind === 'cluster') {
      this.#own(database)
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

  #own({ cluster, instances, size, storage_class, image, backup }: OwnCluster): void {
    this.add(
      'Cluster',
      cluster,
      {
        spec: {
          instances,
          ...(image ? { imageName: image } : {}),
          storage: { size, ...(storage_class ? { storageClass: storage_class } : {}) },
          bootstrap: { initdb: { database: DATABASE, owner: DATABASE, secret: { name: DATABASE_SECRET } } },
          managed: { roles: [readerRole()] },
          ...(backup
            ? {
                plugins: [
                  {
                    name: BARMAN,
                    isWALArchiver: true as const,
                    parameters: { barmanObjectName: backup.object_store },
                  },
                ],
              }
            : {}),
        },
      },
      // the tasks outlive an uninstall; docs/gitops.md says how to remove them too
      { annotations: { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' } },
    )
    if (!backup) return
    this.add('ScheduledBackup', cluster, {
      spec: {
        schedule: backup.schedule,
        cluster: { name: cluster },
        method: 'plugin',
        pluginConfiguration: { name: BARMAN },
        backupOwnerReference: 'self',
      },
    })
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
