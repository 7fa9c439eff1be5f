import * as z from 'zod'
import { Duration, Labels, Name, object } from './object.ts'

export const FluxKustomization = object('Kustomization', {
  spec: z.strictObject({
    path: z.string().startsWith('./'),
    targetNamespace: Name,
    components: z.array(z.string().startsWith('.')).min(1).optional(),
    commonMetadata: z.strictObject({ labels: Labels }).optional(),
    interval: Duration,
    retryInterval: Duration,
    timeout: Duration,
    prune: z.literal(true),
    wait: z.literal(false),
    sourceRef: z.strictObject({
      kind: z.enum(['GitRepository', 'OCIRepository']),
      name: Name,
      namespace: Name,
    }),
    dependsOn: z.array(z.strictObject({ name: Name, namespace: Name })).optional(),
    healthChecks: z
      .array(z.strictObject({ apiVersion: z.string(), kind: z.string(), name: Name, namespace: Name }))
      .min(1)
      .optional(),
    healthCheckExprs: z
      .array(z.strictObject({ apiVersion: z.string(), kind: z.string(), current: z.string().min(1) }))
      .min(1)
      .optional(),
    postBuild: z
      .strictObject({
        substituteFrom: z
          .array(z.strictObject({ kind: z.enum(['Secret', 'ConfigMap']), name: Name, optional: z.boolean() }))
          .min(1),
      })
      .optional(),
  }),
})

/** The list of files that kustomize builds; it has no metadata. */
export const KustomizeList = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  namespace: Name.optional(),
  resources: z.array(z.string().regex(/^\.\/[\w.-]+\.yaml$/)).min(1),
  patches: z
    .array(
      z.strictObject({ target: z.strictObject({ kind: z.string(), name: z.string() }), patch: z.string() }),
    )
    .min(1)
    .optional(),
})
