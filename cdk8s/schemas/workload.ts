import * as z from 'zod'
import { Labels, Name, object, Port } from './object.ts'
import { PodTemplate } from './pod.ts'

export const Deployment = object('Deployment', {
  spec: z.strictObject({
    replicas: z.int().min(1),
    selector: z.strictObject({ matchLabels: Labels }),
    template: PodTemplate,
  }),
})

export const CronJob = object('CronJob', {
  spec: z.strictObject({
    schedule: z.string(),
    concurrencyPolicy: z.literal('Forbid'),
    startingDeadlineSeconds: z.int(),
    successfulJobsHistoryLimit: z.int(),
    failedJobsHistoryLimit: z.int(),
    jobTemplate: z.strictObject({
      spec: z.strictObject({
        activeDeadlineSeconds: z.int(),
        backoffLimit: z.int(),
        ttlSecondsAfterFinished: z.int(),
        template: PodTemplate,
      }),
    }),
  }),
})

export const Service = object('Service', {
  spec: z.strictObject({
    type: z.literal('ClusterIP'),
    selector: Labels,
    ports: z.array(z.strictObject({ name: Name, port: Port, targetPort: Name })).min(1),
  }),
})

export const ConfigMap = object('ConfigMap', { data: z.record(z.string(), z.string()) })

/** An account without rights, whose pods get no token of it. */
export const ServiceAccount = object('ServiceAccount', { automountServiceAccountToken: z.literal(false) })
