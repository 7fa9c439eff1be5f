import type { Kind } from './api-versions.ts'
import { CiliumNetworkPolicy } from './cilium.ts'
import { Cluster, Database, ObjectStore, ScheduledBackup } from './cnpg.ts'
import { BackendTrafficPolicy, HTTPRouteFilter, SecurityPolicy } from './envoy.ts'
import { ExternalSecret } from './external-secret.ts'
import { FluxKustomization } from './flux.ts'
import { HTTPRoute, ReferenceGrant } from './gateway.ts'
import { GrafanaDashboard, GrafanaDatasource, PodMonitor, Probe, PrometheusRule } from './observability.ts'
import { ConfigMap, CronJob, Deployment, Service, ServiceAccount } from './workload.ts'

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
  GrafanaDatasource,
  HTTPRoute,
  HTTPRouteFilter,
  Kustomization: FluxKustomization,
  ObjectStore,
  PodMonitor,
  Probe,
  PrometheusRule,
  ReferenceGrant,
  ScheduledBackup,
  SecurityPolicy,
  Service,
  ServiceAccount,
} satisfies Record<Kind, unknown>
