import * as z from 'zod'
import { BackupSchedule } from '../config/database.ts'
import { Endpoint, ImageRef, Quantity } from '../config/values.ts'
import { Name, object } from './object.ts'
import { Resources } from './pod.ts'

const Role = z.strictObject({
  name: z.string().regex(/^[a-z_]+$/),
  ensure: z.literal('present'),
  login: z.literal(true),
  passwordSecret: z.strictObject({ name: Name }),
})

const Secret = z.strictObject({ name: Name })
const BARMAN = z.literal('barman-cloud.cloudnative-pg.io')
const Archive = z.strictObject({ barmanObjectName: Name, serverName: Name.optional() })

const InitDb = z.strictObject({
  initdb: z.strictObject({ database: Name, owner: Name, secret: Secret }),
})

/** What an old cluster archived, up to a moment or to its end. */
const Recovery = z.strictObject({
  recovery: z.strictObject({
    source: Name,
    database: Name,
    owner: Name,
    secret: Secret,
    recoveryTarget: z.strictObject({ targetTime: z.string() }).optional(),
  }),
})

export const Cluster = object('Cluster', {
  spec: z.strictObject({
    instances: z.int().min(1),
    imageName: ImageRef,
    primaryUpdateStrategy: z.literal('unsupervised'),
    resources: Resources,
    storage: z.strictObject({ size: Quantity, storageClass: Name.optional() }),
    bootstrap: z.union([InitDb, Recovery]),
    externalClusters: z
      .array(z.strictObject({ name: Name, plugin: z.strictObject({ name: BARMAN, parameters: Archive }) }))
      .length(1)
      .optional(),
    managed: z.strictObject({ roles: z.array(Role).min(1) }),
    monitoring: z.strictObject({
      customQueriesConfigMap: z.array(z.strictObject({ name: Name, key: z.string().min(1) })).length(1),
    }),
    plugins: z
      .array(z.strictObject({ name: BARMAN, isWALArchiver: z.literal(true), parameters: Archive }))
      .optional(),
    postgresql: z
      .strictObject({
        synchronous: z.strictObject({
          method: z.literal('any'),
          number: z.literal(1),
          dataDurability: z.enum(['required', 'preferred']),
        }),
      })
      .optional(),
    replicationSlots: z.strictObject({ highAvailability: z.strictObject({ enabled: z.literal(true) }) }),
  }),
})

const SecretKey = z.strictObject({ name: Name, key: z.string().min(1) })

export const ObjectStore = object('ObjectStore', {
  spec: z.strictObject({
    retentionPolicy: z.string().regex(/^[1-9][0-9]*[dwm]$/),
    configuration: z.strictObject({
      destinationPath: z.string().startsWith('s3://'),
      endpointURL: Endpoint,
      s3Credentials: z.strictObject({ accessKeyId: SecretKey, secretAccessKey: SecretKey }),
      wal: z.strictObject({ compression: z.literal('gzip') }),
      data: z.strictObject({ compression: z.literal('gzip') }),
    }),
  }),
})

export const ScheduledBackup = object('ScheduledBackup', {
  spec: z.strictObject({
    schedule: BackupSchedule,
    immediate: z.literal(true),
    cluster: z.strictObject({ name: Name }),
    method: z.literal('plugin'),
    pluginConfiguration: z.strictObject({ name: BARMAN }),
    backupOwnerReference: z.literal('self'),
  }),
})

export const Database = object('Database', {
  spec: z.strictObject({
    cluster: z.strictObject({ name: Name }),
    name: Name,
    owner: Name,
    ensure: z.literal('present'),
    databaseReclaimPolicy: z.literal('retain'),
  }),
})
