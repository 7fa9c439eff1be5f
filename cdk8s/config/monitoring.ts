import * as z from 'zod'
import { AlertLabels, ImageRef, Labels, Name, ObjectLabels, PodLabels } from './values.ts'

/** A blackbox exporter of the cluster's, to look at the front door with. */
const FrontDoor = z.strictObject({
  /** Its address, `host:port`. */
  prober: z
    .string()
    .regex(/^[a-z0-9.-]+:[1-9]\d{0,4}$/, 'expected host:port, like blackbox-exporter.observability.svc:9115'),
  module: z.string().min(1).default('http_2xx'),
})

export const Monitoring = z.strictObject({
  prometheus_namespace: Name.default('observability'),
  prometheus_pods: PodLabels.default({ 'app.kubernetes.io/name': 'prometheus' }),
  /** On each alert, for the routes of Alertmanager. */
  rule_labels: AlertLabels.default({}),
  /** On each PrometheusRule, PodMonitor and Probe, where Prometheus selects them by labels. */
  object_labels: ObjectLabels.default({}),
  probe: FrontDoor.optional(),
  /** So old may the last report of drift be, once there is one. */
  drift_hours: z.int().min(1).max(8760).default(48),
})

export const Watchdog = z.strictObject({
  image: ImageRef.default(
    'quay.io/curl/curl:8.21.0@sha256:7c12af72ceb38b7432ab85e1a265cff6ae58e06f95539d539b654f2cfa64bb13',
  ),
  every_minutes: z.int().min(1).max(30).default(5),
})

/** How Grafana gets the dashboard, and the uid of its PostgreSQL data source. */
export const Dashboard = z
  .strictObject({
    delivery: z.enum(['configmap', 'grafana-operator', 'url']),
    datasource: z
      .string()
      .regex(/^[\w-]{1,40}$/, 'expected the uid of a Grafana data source')
      .default('hai'),
    folder: z.string().min(1).default('hai'),
    namespace: Name.default('observability'),
    grafana_pods: PodLabels.default({ 'app.kubernetes.io/name': 'grafana' }),
    /** Which GrafanaDashboards the operator's Grafana takes. */
    instance_labels: Labels.default({ dashboards: 'grafana' }),
    /** Where Grafana fetches `operator/hai.json` from; only for `url`. */
    url: z.url({ protocol: /^https$/ }).optional(),
    /** Sources that are machines; every other one is people. */
    machine_sources: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/))
      .min(1)
      .default(['alertmanager', 'claude-code', 'holmesgpt', 'scheduled', 'test']),
  })
  .refine(({ delivery, url }) => (delivery === 'url') === (url !== undefined), {
    path: ['url'],
    error: 'expected an https address with delivery: url, and none with another one',
  })
