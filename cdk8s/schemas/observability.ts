import * as z from 'zod'
import { Duration, Labels, Name, object } from './object.ts'

const Alert = z.strictObject({
  alert: z.string().regex(/^Hai[A-Z][A-Za-z]+$/),
  expr: z.string().min(1),
  for: Duration,
  labels: z.looseObject({ severity: z.enum(['warning', 'critical']) }).and(Labels),
  annotations: z.strictObject({ summary: z.string().min(1), description: z.string().min(1) }),
})

export const PrometheusRule = object('PrometheusRule', {
  spec: z.strictObject({
    groups: z.array(z.strictObject({ name: Name, rules: z.array(Alert).min(1) })).min(1),
  }),
})

export const PodMonitor = object('PodMonitor', {
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: Labels }),
    podMetricsEndpoints: z.array(z.strictObject({ port: Name, interval: Duration })).length(1),
  }),
})

/** A look from the outside, by a blackbox exporter that is there. */
export const Probe = object('Probe', {
  spec: z.strictObject({
    jobName: Name,
    interval: Duration,
    module: z.string().min(1),
    prober: z.strictObject({ url: z.string().min(1) }),
    targets: z.strictObject({
      staticConfig: z.strictObject({ static: z.array(z.string().startsWith('https://')).length(1) }),
    }),
  }),
})

export const GrafanaDashboard = object('GrafanaDashboard', {
  spec: z.strictObject({
    allowCrossNamespaceImport: z.literal(true),
    folder: z.string().min(1),
    instanceSelector: z.strictObject({ matchLabels: Labels }),
    json: z.string().startsWith('{'),
  }),
})

/** The operator puts the secret in the place of its name; without braces, which Flux would fill in before. */
export const GrafanaDatasource = object('GrafanaDatasource', {
  spec: z.strictObject({
    allowCrossNamespaceImport: z.literal(true),
    instanceSelector: z.strictObject({ matchLabels: Labels }),
    uid: z.string().min(1),
    datasource: z.strictObject({
      name: z.string().min(1),
      type: z.literal('grafana-postgresql-datasource'),
      access: z.literal('proxy'),
      url: z.string().min(1),
      user: z.string().min(1),
      jsonData: z.record(z.string(), z.union([z.string(), z.number()])),
      secureJsonData: z.strictObject({ password: z.string().regex(/^\$[A-Z][A-Z0-9_]*$/) }),
    }),
    valuesFrom: z
      .array(
        z.strictObject({
          targetPath: z.literal('secureJsonData.password'),
          valueFrom: z.strictObject({ secretKeyRef: z.strictObject({ name: Name, key: z.string().min(1) }) }),
        }),
      )
      .length(1),
  }),
})
