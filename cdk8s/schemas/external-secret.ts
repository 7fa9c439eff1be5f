import * as z from 'zod'
import { Duration, Labels, Name, object } from './object.ts'

const KEY = z.string().regex(/^[\w.-]+$/)

/** Every field is asked for by name: one that is missing in the store fails the whole secret, and aloud. */
export const ExternalSecret = object('ExternalSecret', {
  spec: z.strictObject({
    refreshInterval: Duration,
    secretStoreRef: z.strictObject({ kind: z.enum(['ClusterSecretStore', 'SecretStore']), name: Name }),
    target: z.strictObject({
      name: Name,
      creationPolicy: z.literal('Owner'),
      deletionPolicy: z.literal('Retain'),
      template: z
        .strictObject({
          engineVersion: z.literal('v2'),
          type: z.literal('kubernetes.io/basic-auth').optional(),
          metadata: z.strictObject({ labels: Labels }).optional(),
          data: z.record(KEY, z.string()),
        })
        .optional(),
    }),
    data: z
      .array(
        z.strictObject({
          secretKey: KEY,
          remoteRef: z.strictObject({ key: z.string().min(1), property: z.string().min(1).optional() }),
        }),
      )
      .min(1),
  }),
})
