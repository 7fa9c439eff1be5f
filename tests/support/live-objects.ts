import type { KubeObject } from '../../cli/gitops/judge.ts'

const NOW = '2026-11-22T10:00:00Z'
const ready = (message: string) => [
  { type: 'Ready', status: 'True', reason: 'Succeeded', message, lastTransitionTime: NOW },
]
const condition = (type: string, message: string) => ({
  ...{ type, status: 'True', reason: type, message, lastTransitionTime: NOW },
})
const accepted = [
  condition('Accepted', 'Route is accepted'),
  condition('ResolvedRefs', 'All references are resolved'),
]
const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller'
const policyAccepted = {
  ancestors: [{ ancestorRef: { name: 'internal' }, controllerName, conditions: accepted.slice(0, 1) }],
}

/** What controllers write, kind by kind, as they were seen to. */
const STATUSES: Record<string, (object: KubeObject) => object> = {
  Kustomization: () => ({
    conditions: ready('Applied revision: main@sha1:4f2d'),
    lastAppliedRevision: 'main@sha1:4f2d',
    lastAttemptedRevision: 'main@sha1:4f2d',
    inventory: { entries: [] },
  }),
  ExternalSecret: () => ({ conditions: ready('secret synced'), refreshTime: NOW }),
  Cluster: () => ({
    conditions: ready('Cluster is Ready'),
    phase: 'Cluster in healthy state',
    readyInstances: 3,
  }),
  HTTPRoute: () => ({
    parents: [
      {
        controllerName,
        parentRef: {
          group: 'gateway.networking.k8s.io',
          kind: 'Gateway',
          name: 'internal',
          namespace: 'network',
        },
        conditions: accepted,
      },
    ],
  }),
  SecurityPolicy: () => policyAccepted,
  BackendTrafficPolicy: () => policyAccepted,
  Database: () => ({ applied: true }),
  CiliumNetworkPolicy: () => ({
    conditions: [condition('Valid', 'Policy validation succeeded')],
  }),
  Deployment: () => ({ replicas: 1, readyReplicas: 1, availableReplicas: 1, observedGeneration: 1 }),
  CronJob: () => ({ lastScheduleTime: NOW, lastSuccessfulTime: '2026-11-22T10:00:07Z' }),
}

/** What the controller of an object would write into its status; nothing where none writes one. */
export const statusOf = (object: KubeObject): object | undefined => STATUSES[object.kind]?.(object)

/** A generated object as an API server gives it back: filled in, with defaults, bookkeeping and a status. */
export function liveOf(generated: KubeObject): KubeObject {
  const text = JSON.stringify(generated)
    .replaceAll(/\$\{[A-Z_]+\}/g, 'example.com')
    // a controller that writes an object back spells durations in Go's way
    .replaceAll(/"(interval|retryInterval|timeout)":"(\d+)m"/g, '"$1":"$2m0s"')
  const object = JSON.parse(text) as KubeObject
  const { metadata } = object
  const labels = { ...metadata.labels, 'kustomize.toolkit.fluxcd.io/name': 'hai' }
  const status = statusOf(generated)
  return {
    ...withDefaults(object),
    metadata: {
      ...metadata,
      labels,
      ...{ uid: '7d3c', resourceVersion: '4711', generation: 1, creationTimestamp: NOW },
    },
    ...(status ? { status } : {}),
  }
}

function withDefaults(object: KubeObject): KubeObject {
  if (object.kind === 'HTTPRoute') {
    const spec = object.spec as { parentRefs: object[] }
    const parentRefs = spec.parentRefs.map((ref) => ({
      group: 'gateway.networking.k8s.io',
      kind: 'Gateway',
      ...ref,
    }))
    return { ...object, spec: { ...spec, parentRefs } }
  }
  if (object.kind !== 'Service') return object
  const spec = object.spec as { ports: object[] }
  const ports = spec.ports.map((port) => ({ protocol: 'TCP', ...port }))
  return { ...object, spec: { ...spec, ports, clusterIP: '10.43.0.7', sessionAffinity: 'None' } }
}
