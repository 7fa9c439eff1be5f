import type { Kind } from './api-versions.ts'
import { CiliumNetworkPolicy } from './cilium.ts'
import { Cluster, Database, ScheduledBackup } from './cnpg.ts'
import { BackendTrafficPolicy, SecurityPolicy } from './envoy.ts'
import { ExternalSecret } from './external-secret.ts'
import { FluxKustomization } from './flux.ts'
import { HTTPRoute, ReferenceGrant } from './gateway.ts'
import { GrafanaDashboard, PrometheusRule, ServiceMonitor } from './observability.ts'
import { ConfigMap, CronJob, Deployment, Service } from './workload.ts'

/** The schema of every kind. */
export const CATALOG = {
  BackendTrafficPolicy,
  CiliumNetworkPolicy,
  Cluster,
  ConfigMap,
  CronJob,
  Database,
  Deployment,
  ExternalSecret,
  GrafanaDashboard,
  HTTPRoute,
  Kustomization: FluxKustomization,
  PrometheusRule,
  ReferenceGrant,
  ScheduledBackup,
  SecurityPolicy,
  Service,
  ServiceMonitor,
} satisfies Record<Kind, unknown>
