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

export const ServiceMonitor = object('ServiceMonitor', {
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: Labels }),
    endpoints: z
      .array(z.strictObject({ port: Name, path: z.literal('/metrics'), interval: Duration }))
      .length(1),
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
