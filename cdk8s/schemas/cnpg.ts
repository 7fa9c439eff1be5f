import * as z from 'zod'
import { ImageRef, Quantity } from '../config-values.ts'
import { Name, object } from './object.ts'

const Role = z.strictObject({
  name: z.string().regex(/^[a-z_]+$/),
  ensure: z.literal('present'),
  login: z.literal(true),
  passwordSecret: z.strictObject({ name: Name }),
})

export const Cluster = object('Cluster', {
  spec: z.strictObject({
    instances: z.int().min(1),
    imageName: ImageRef.optional(),
    storage: z.strictObject({ size: Quantity, storageClass: Name.optional() }),
    bootstrap: z.strictObject({
      initdb: z.strictObject({ database: Name, owner: Name, secret: z.strictObject({ name: Name }) }),
    }),
    managed: z.strictObject({ roles: z.array(Role).min(1) }),
    plugins: z
      .array(
        z.strictObject({
          name: z.literal('barman-cloud.cloudnative-pg.io'),
          isWALArchiver: z.literal(true),
          parameters: z.strictObject({ barmanObjectName: Name }),
        }),
      )
      .optional(),
  }),
})

export const ScheduledBackup = object('ScheduledBackup', {
  spec: z.strictObject({
    schedule: z.string(),
    cluster: z.strictObject({ name: Name }),
    method: z.literal('plugin'),
    pluginConfiguration: z.strictObject({ name: z.literal('barman-cloud.cloudnative-pg.io') }),
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
