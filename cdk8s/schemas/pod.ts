import * as z from 'zod'
import { ImageRef } from '../config/values.ts'
import { Labels, Name, Port } from './object.ts'

const SecurityContext = z.strictObject({
  allowPrivilegeEscalation: z.literal(false),
  readOnlyRootFilesystem: z.literal(true),
  capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
})

const PodSecurityContext = z.strictObject({
  runAsNonRoot: z.literal(true),
  runAsUser: z.int().min(1),
  runAsGroup: z.int().min(1),
  seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
})

const Env = z.union([
  z.strictObject({ name: z.string().regex(/^[A-Z][A-Z0-9_]*$/), value: z.string() }),
  z.strictObject({
    name: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
    valueFrom: z.strictObject({ secretKeyRef: z.strictObject({ name: Name, key: z.string().min(1) }) }),
  }),
])

const Probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: Name }),
  periodSeconds: z.int().min(1),
  timeoutSeconds: z.int().min(1),
  failureThreshold: z.int().min(1),
})

const Amounts = z.strictObject({
  cpu: z
    .string()
    .regex(/^\d+m$/)
    .optional(),
  memory: z.string().regex(/^\d+Mi$/),
})

export const Resources = z.strictObject({ requests: Amounts, limits: Amounts })

const Container = z.strictObject({
  name: Name,
  image: ImageRef,
  command: z.array(z.string()).min(1).optional(),
  env: z.array(Env).optional(),
  ports: z.array(z.strictObject({ name: Name, containerPort: Port })).optional(),
  livenessProbe: Probe.optional(),
  readinessProbe: Probe.optional(),
  resources: Resources,
  securityContext: SecurityContext,
  volumeMounts: z
    .array(
      z.strictObject({
        name: Name,
        mountPath: z.string().startsWith('/'),
        readOnly: z.literal(true).optional(),
      }),
    )
    .optional(),
})

const Volume = z.union([
  z.strictObject({
    name: Name,
    secret: z.strictObject({
      secretName: Name,
      defaultMode: z.int(),
      items: z.array(z.strictObject({ key: z.string(), path: z.string() })).min(1),
    }),
  }),
  z.strictObject({ name: Name, configMap: z.strictObject({ name: Name }) }),
  z.strictObject({ name: Name, emptyDir: z.strictObject({ sizeLimit: z.string() }) }),
])

/** A pod as the restricted security standard wants it, without a token for the API server. */
export const PodTemplate = z.strictObject({
  metadata: z.strictObject({ labels: Labels }),
  spec: z.strictObject({
    automountServiceAccountToken: z.literal(false),
    enableServiceLinks: z.literal(false),
    restartPolicy: z.literal('Never').optional(),
    terminationGracePeriodSeconds: z.int().optional(),
    securityContext: PodSecurityContext,
    containers: z.array(Container).length(1),
    volumes: z.array(Volume).optional(),
  }),
})
export type PodTemplate = z.input<typeof PodTemplate>
