import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes these, with the fields that are used. */
export class Cluster extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster' }

  constructor(scope: Construct, id: string, props: ClusterProps) {
    super(scope, id, { ...Cluster.GVK, ...props })
  }
}

export interface ClusterProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: ClusterSpec
}

export interface ClusterSpec {
  readonly instances: number
  readonly imageName: string
  readonly primaryUpdateStrategy: 'unsupervised'
  readonly resources: {
    readonly requests: Readonly<Record<'cpu' | 'memory', string>>
    readonly limits: Readonly<Record<'memory', string>>
  }
  readonly storage: { readonly size: string; readonly storageClass?: string }
  readonly bootstrap: { readonly initdb: Bootstrap } | { readonly recovery: Recovery }
  readonly externalClusters?: readonly {
    readonly name: string
    readonly plugin: { readonly name: string; readonly parameters: Archive }
  }[]
  readonly managed: { readonly roles: readonly ManagedRole[] }
  readonly monitoring: {
    readonly customQueriesConfigMap: readonly { readonly name: string; readonly key: string }[]
  }
  readonly plugins?: readonly {
    readonly name: string
    readonly isWALArchiver: boolean
    readonly parameters: Archive
  }[]
  readonly postgresql?: {
    readonly synchronous: {
      readonly method: 'any'
      readonly number: number
      readonly dataDurability: 'required' | 'preferred'
    }
  }
  readonly replicationSlots: { readonly highAvailability: { readonly enabled: boolean } }
}

interface Named {
  readonly name: string
}

export interface Bootstrap {
  readonly database: string
  readonly owner: string
  readonly secret: Named
}

/** What an old cluster archived, up to a moment or to its end. */
export interface Recovery extends Bootstrap {
  readonly source: string
  readonly recoveryTarget?: { readonly targetTime: string }
}

/** The parameters of Barman Cloud's plugin. */
export interface Archive {
  readonly barmanObjectName: string
  readonly serverName?: string
}

export interface ManagedRole {
  readonly name: string
  readonly ensure: 'present'
  readonly login: boolean
  readonly passwordSecret: Named
}

export class Database extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Database' }

  constructor(scope: Construct, id: string, props: DatabaseProps) {
    super(scope, id, { ...Database.GVK, ...props })
  }
}

export interface DatabaseProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: DatabaseSpec
}

export interface DatabaseSpec {
  readonly cluster: Named
  readonly name: string
  readonly owner: string
  readonly ensure: 'present'
  readonly databaseReclaimPolicy: 'retain'
}

export class ScheduledBackup extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'postgresql.cnpg.io/v1', kind: 'ScheduledBackup' }

  constructor(scope: Construct, id: string, props: ScheduledBackupProps) {
    super(scope, id, { ...ScheduledBackup.GVK, ...props })
  }
}

export interface ScheduledBackupProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: ScheduledBackupSpec
}

export interface ScheduledBackupSpec {
  readonly schedule: string
  readonly immediate: boolean
  readonly cluster: Named
  readonly method: 'plugin'
  readonly pluginConfiguration: Named
  readonly backupOwnerReference: 'self'
}
