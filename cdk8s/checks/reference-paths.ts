import type { k8s } from 'cdk8s-plus-28'
import type { KubeObject } from '../charts/manifest-file.ts'

/** What an object names of another. */
export interface Reference {
  kind: string
  namespace: string
  name: string
  keys?: string[]
  port?: number
}

type Named = { name: string; namespace?: string; port?: number }
type Find = (object: KubeObject) => Reference[]

/** Kinds that name no other object: what they select, they select by labels. */
const NAMES_NOTHING: Find = () => []

/** Where each kind names others. A kind that is missing here is refused, so that none is forgotten. */
const FINDERS: Record<string, Find> = {
  HTTPRoute: (object) => {
    const { parentRefs, rules } = object.spec as { parentRefs: Named[]; rules: RouteRule[] }
    const backends = rules.flatMap(({ backendRefs }) => backendRefs ?? [])
    const filters = rules.flatMap(({ filters }) => filters.flatMap(({ extensionRef }) => extensionRef ?? []))
    return [
      ...parentRefs.map((ref) => to('Gateway', { name: ref.name, namespace: ref.namespace! }, object)),
      ...backends.map((ref) => to('Service', ref, object)),
      ...filters.map((ref) => to(ref.kind, ref, object)),
    ]
  },
  HTTPRouteFilter: NAMES_NOTHING,
  SecurityPolicy: (object) => {
    const { targetRefs, extAuth } = object.spec as {
      targetRefs: Named[]
      extAuth?: { http: { backendRefs: Named[] } }
    }
    return [
      ...targetRefs.map(({ name }) => to('HTTPRoute', { name }, object)),
      ...(extAuth?.http.backendRefs ?? []).map((ref) => to('Service', ref, object)),
    ]
  },
  BackendTrafficPolicy: (object) =>
    (object.spec as { targetRefs: Named[] }).targetRefs.map(({ name }) => to('HTTPRoute', { name }, object)),
  ReferenceGrant: (object) =>
    (object.spec as { to: Named[] }).to.map(({ name }) => to('Service', { name }, object)),
  Deployment: (object) => podReferences((object.spec as { template: k8s.PodTemplateSpec }).template, object),
  CronJob: (object) =>
    podReferences(
      (object.spec as { jobTemplate: { spec: { template: k8s.PodTemplateSpec } } }).jobTemplate.spec.template,
      object,
    ),
  ExternalSecret: (object) => {
    const { secretStoreRef } = object.spec as { secretStoreRef: { kind: string; name: string } }
    const { kind, name } = secretStoreRef
    return [{ kind, name, namespace: kind === 'ClusterSecretStore' ? '' : object.metadata.namespace }]
  },
  Cluster: (object) => clusterReferences(object),
  Database: (object) => [to('Cluster', (object.spec as { cluster: Named }).cluster, object)],
  ScheduledBackup: (object) => [to('Cluster', (object.spec as { cluster: Named }).cluster, object)],
  ObjectStore: (object) => storeReferences(object),
  GrafanaDatasource: (object) => datasourceReferences(object),
  Kustomization: (object) => fluxReferences(object),
  CiliumNetworkPolicy: NAMES_NOTHING,
  ConfigMap: NAMES_NOTHING,
  GrafanaDashboard: NAMES_NOTHING,
  PodMonitor: NAMES_NOTHING,
  Probe: NAMES_NOTHING,
  PrometheusRule: NAMES_NOTHING,
  Service: NAMES_NOTHING,
  ServiceAccount: NAMES_NOTHING,
}

interface RouteRule {
  filters: { extensionRef?: Named & { kind: string } }[]
  backendRefs?: Named[]
}

/** Every object that this one names; what has no namespace is in the same one. */
export function referencesOf(object: KubeObject): Reference[] {
  const find = FINDERS[object.kind]
  if (!find) throw new Error(`no one has said what a ${object.kind} names; add it to reference-paths.ts`)
  return find(object)
}

const to = (kind: string, { name, namespace, port }: Named, from: KubeObject): Reference => ({
  kind,
  name,
  namespace: namespace ?? from.metadata.namespace,
  ...(port === undefined ? {} : { port }),
})

function podReferences({ spec }: k8s.PodTemplateSpec, from: KubeObject): Reference[] {
  const { containers, volumes = [] } = spec!
  const secrets = containers.flatMap(({ env = [] }) =>
    env.flatMap((one) => one.valueFrom?.secretKeyRef ?? []),
  )
  return [
    ...secrets.map(({ name, key }) => ({ ...to('Secret', { name: name! }, from), keys: [key] })),
    ...volumes
      .flatMap(({ secret }) => secret ?? [])
      .map(({ secretName, items = [] }) => ({
        ...to('Secret', { name: secretName! }, from),
        keys: items.map(({ key }) => key),
      })),
    ...volumes
      .flatMap(({ configMap }) => configMap ?? [])
      .map(({ name }) => to('ConfigMap', { name: name! }, from)),
  ]
}

function clusterReferences(object: KubeObject): Reference[] {
  const { bootstrap, managed, monitoring, plugins, externalClusters } = object.spec as {
    bootstrap: { initdb?: { secret: Named }; recovery?: { secret: Named } }
    managed: { roles: { passwordSecret: Named }[] }
    monitoring: { customQueriesConfigMap: { name: string; key: string }[] }
    plugins?: Archiver[]
    externalClusters?: { plugin: Archiver }[]
  }
  const { secret } = (bootstrap.initdb ?? bootstrap.recovery)!
  const logins = [secret, ...managed.roles.map(({ passwordSecret }) => passwordSecret)]
  const archivers = [...(plugins ?? []), ...(externalClusters ?? []).map(({ plugin }) => plugin)]
  return [
    ...logins.map((secret) => ({ ...to('Secret', secret, object), keys: ['username', 'password'] })),
    ...monitoring.customQueriesConfigMap.map(({ name, key }) => ({
      ...to('ConfigMap', { name }, object),
      keys: [key],
    })),
    ...archivers.map(({ parameters }) => to('ObjectStore', { name: parameters.barmanObjectName }, object)),
  ]
}

interface Archiver {
  parameters: { barmanObjectName: string }
}

type Key = { name: string; key: string }

function storeReferences(object: KubeObject): Reference[] {
  const { configuration } = object.spec as { configuration: { s3Credentials: Record<string, Key> } }
  return Object.values(configuration.s3Credentials).map(({ name, key }) => ({
    ...to('Secret', { name }, object),
    keys: [key],
  }))
}

function datasourceReferences(object: KubeObject): Reference[] {
  const { valuesFrom } = object.spec as { valuesFrom: { valueFrom: { secretKeyRef: Key } }[] }
  return valuesFrom.map(({ valueFrom: { secretKeyRef } }) => ({
    ...to('Secret', { name: secretKeyRef.name }, object),
    keys: [secretKeyRef.key],
  }))
}

function fluxReferences(object: KubeObject): Reference[] {
  const { sourceRef, dependsOn, healthChecks, postBuild } = object.spec as {
    sourceRef: Named & { kind: string }
    dependsOn?: Named[]
    healthChecks?: (Named & { kind: string })[]
    postBuild?: { substituteFrom: (Named & { kind: string; optional: boolean })[] }
  }
  return [
    to(sourceRef.kind, sourceRef, object),
    ...(dependsOn ?? []).map((ref) => to('Kustomization', ref, object)),
    ...(healthChecks ?? []).map((ref) => to(ref.kind, ref, object)),
    // what is optional may be nowhere
    ...(postBuild?.substituteFrom ?? [])
      .filter(({ optional }) => !optional)
      .map(({ kind, name }) => to(kind, { name }, object)),
  ]
}
