/** Every kind that may be written, and the version that clusters of today serve. */
export const API_VERSIONS = {
  BackendTrafficPolicy: 'gateway.envoyproxy.io/v1alpha1',
  CiliumNetworkPolicy: 'cilium.io/v2',
  Cluster: 'postgresql.cnpg.io/v1',
  ConfigMap: 'v1',
  CronJob: 'batch/v1',
  Database: 'postgresql.cnpg.io/v1',
  Deployment: 'apps/v1',
  ExternalSecret: 'external-secrets.io/v1',
  GrafanaDashboard: 'grafana.integreatly.org/v1beta1',
  GrafanaDatasource: 'grafana.integreatly.org/v1beta1',
  HTTPRoute: 'gateway.networking.k8s.io/v1',
  HTTPRouteFilter: 'gateway.envoyproxy.io/v1alpha1',
  Kustomization: 'kustomize.toolkit.fluxcd.io/v1',
  ObjectStore: 'barmancloud.cnpg.io/v1',
  PodMonitor: 'monitoring.coreos.com/v1',
  Probe: 'monitoring.coreos.com/v1',
  PrometheusRule: 'monitoring.coreos.com/v1',
  ReferenceGrant: 'gateway.networking.k8s.io/v1beta1',
  ScheduledBackup: 'postgresql.cnpg.io/v1',
  SecurityPolicy: 'gateway.envoyproxy.io/v1alpha1',
  Service: 'v1',
  ServiceAccount: 'v1',
} as const

export type Kind = keyof typeof API_VERSIONS
