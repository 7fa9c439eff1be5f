import type { KubeObject } from '../charts/manifest-file.ts'
import { gatewayPods } from '../config/config.ts'
import { GROUPS, POD_NAMESPACE, WORKER_GROUP } from '../names.ts'
import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

type Labels = Record<string, string>

interface Pods {
  namespace: string
  labels: Labels
}

/** What is selected by labels is there: pods of ours, services of ours, or pods that the configuration names as the cluster's. */
export function selectors(tree: Tree): Problem[] {
  const ours = tree.entries.flatMap(({ object }) => podsOf(object))
  const known = [...ours, ...theirs(tree.config)]
  return tree.entries.flatMap(({ object }) => {
    const { namespace } = object.metadata
    const wanted: Pods[] = [
      ...(object.kind === 'CiliumNetworkPolicy' ? policySelectors(object) : []),
      ...(object.kind === 'Service'
        ? [{ namespace, labels: (object.spec as { selector: Labels }).selector }]
        : []),
      ...(object.kind === 'PodMonitor'
        ? [{ namespace, labels: (object.spec as { selector: { matchLabels: Labels } }).selector.matchLabels }]
        : []),
    ]
    return wanted
      .filter((selector) => !known.some((pods) => matches(selector, pods)))
      .map(({ labels }) => ({
        where: shown(object),
        what: `selects pods that nobody has: ${JSON.stringify(labels)}`,
      }))
  })
}

const matches = (wanted: Pods, pods: Pods): boolean =>
  wanted.namespace === pods.namespace &&
  Object.entries(wanted.labels).every(([key, value]) => pods.labels[key] === value)

interface Templated {
  template?: { metadata: { labels: Labels } }
  jobTemplate?: { spec: { template: { metadata: { labels: Labels } } } }
}

function podsOf({ kind, metadata: { namespace, name }, spec }: KubeObject): Pods[] {
  if (kind === 'Cluster') return [{ namespace, labels: { 'cnpg.io/cluster': name } }]
  if (kind !== 'Deployment' && kind !== 'CronJob') return []
  const { template, jobTemplate } = spec as Templated
  return [{ namespace, labels: (template ?? jobTemplate!.spec.template).metadata.labels }]
}

function theirs(config: Tree['config']): Pods[] {
  const { edge, windmill, monitoring, dashboard, network_policy, database, worker } = config
  return [
    gatewayPods(config),
    { namespace: windmill.namespace, labels: windmill.app_pods },
    ...Object.values(GROUPS).map((group) => ({
      namespace: windmill.namespace,
      labels: { ...windmill.worker_pods, [WORKER_GROUP]: group },
    })),
    { namespace: monitoring.prometheus_namespace, labels: monitoring.prometheus_pods },
    { namespace: dashboard.namespace, labels: dashboard.grafana_pods },
    { namespace: network_policy.dns_namespace, labels: network_policy.dns_pods },
    ...[
      ...(worker?.models ?? []),
      ...windmill.reaches,
      ...windmill.callers,
      ...(edge.kind === 'oauth2-proxy' && typeof edge.issuer === 'object' ? [edge.issuer] : []),
    ].map(({ namespace, pods }) => ({ namespace, labels: pods })),
    ...(database.kind === 'existing'
      ? [{ namespace: database.namespace, labels: { 'cnpg.io/cluster': database.cluster } }]
      : [
          { namespace: database.operator_namespace, labels: database.operator_pods },
          ...(database.backup !== 'none' && database.backup.pods ? [database.backup.pods] : []),
        ]),
  ]
}

interface Policy {
  endpointSelector: { matchLabels: Labels }
  ingress?: { fromEndpoints?: { matchLabels: Labels }[] }[]
  egress?: { toEndpoints?: { matchLabels: Labels }[] }[]
}

function policySelectors({ metadata, spec }: KubeObject): Pods[] {
  const { endpointSelector, ingress, egress } = spec as Policy
  const peers = [
    ...(ingress ?? []).flatMap(({ fromEndpoints }) => fromEndpoints ?? []),
    ...(egress ?? []).flatMap(({ toEndpoints }) => toEndpoints ?? []),
  ]
  return [
    { namespace: metadata.namespace, labels: endpointSelector.matchLabels },
    ...peers.map(({ matchLabels: { [POD_NAMESPACE]: namespace, ...labels } }) => ({
      namespace: namespace ?? metadata.namespace,
      labels,
    })),
  ]
}
