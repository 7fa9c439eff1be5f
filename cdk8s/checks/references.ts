import { dirname } from 'node:path'
import type { k8s } from 'cdk8s-plus-28'
import type { KubeObject } from '../charts/manifest-file.ts'
import { externals } from '../operator/externals.ts'
import type { Entry, Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

/** Whatever one object says of another is there: in the tree with the key that is meant, or listed as the cluster's. */
export function references(tree: Tree): Problem[] {
  const theirs = new Set(
    externals(tree.config).map(({ kind, namespace, name }) => keyOf({ kind, namespace, name })),
  )
  const ours = new Map(
    tree.entries.map(({ object }) => [keyOf({ ...object.metadata, kind: object.kind }), object]),
  )
  return tree.entries.flatMap(({ object }) =>
    referencesOf(object).flatMap((reference) => {
      const target = targetOf(reference, ours)
      if (target) return missing(reference, target).map((what) => ({ where: shown(object), what }))
      if (theirs.has(keyOf(reference))) return crossing(reference, object, ours)
      return [{ where: shown(object), what: `names ${shownReference(reference)}, which is nowhere` }]
    }),
  )
}

const keyOf = ({ kind, namespace, name }: Reference): string => `${kind} ${namespace}/${name}`
const shownReference = ({ kind, namespace, name }: Reference) => `${kind} ${namespace}/${name}`

/** A Secret is there when an ExternalSecret makes it. */
function targetOf(reference: Reference, ours: Map<string, KubeObject>): KubeObject | undefined {
  if (reference.kind !== 'Secret') return ours.get(keyOf(reference))
  return ours.get(keyOf({ ...reference, kind: 'ExternalSecret' })) ?? ours.get(keyOf(reference))
}

function missing({ kind, name, keys, port }: Reference, target: KubeObject): string[] {
  const there =
    kind === 'Secret' ? secretKeys(target) : Object.keys((target.data as object | undefined) ?? {})
  const lacking = (keys ?? []).filter((key) => !there.includes(key))
  const ports = kind === 'Service' ? portsOf(target) : []
  return [
    ...lacking.map((key) => `names the key ${key} of ${kind} ${name}, which has only ${there.join(', ')}`),
    ...(port !== undefined && !ports.includes(port)
      ? [`names the port ${port} of ${name}, which has none such`]
      : []),
  ]
}

interface SecretSpec {
  target: { template?: { data: Record<string, string> } }
  data: { secretKey: string }[]
}

function secretKeys({ spec }: KubeObject): string[] {
  const { target, data } = spec as SecretSpec
  return target.template ? Object.keys(target.template.data) : data.map(({ secretKey }) => secretKey)
}

const portsOf = ({ spec }: KubeObject): number[] =>
  (spec as { ports: { port: number }[] }).ports.map(({ port }) => port)

/** Gateway API lets nobody reach into another namespace that has not said yes. */
function crossing(reference: Reference, from: KubeObject, ours: Map<string, KubeObject>): Problem[] {
  const asks = from.kind === 'HTTPRoute' || from.kind === 'SecurityPolicy'
  const { kind, namespace, name } = reference
  if (!asks || kind !== 'Service' || namespace === from.metadata.namespace) return []
  const granted = [...ours.values()].some(
    (object) =>
      object.kind === 'ReferenceGrant' &&
      object.metadata.namespace === namespace &&
      grants(object, from, name),
  )
  return granted ? [] : [{ where: shown(from), what: `needs a ReferenceGrant in ${namespace} for ${name}` }]
}

function grants({ spec }: KubeObject, from: KubeObject, name: string): boolean {
  const grant = spec as { from: { kind: string; namespace: string }[]; to: { name: string }[] }
  const asked = grant.from.some(
    ({ kind, namespace }) => kind === from.kind && namespace === from.metadata.namespace,
  )
  return asked && grant.to.some((to) => to.name === name)
}

/** The files of a folder and the list that kustomize reads name the same; Flux is sent to folders that are there. */
export function folders({ lists, files, entries, home }: Tree): Problem[] {
  const listed = lists.flatMap(({ folder, object: { resources } }) => {
    const there = [...files.keys()].filter(
      (file) => dirname(file) === folder && !file.endsWith('/kustomization.yaml'),
    )
    const named = resources.map((resource) => `${folder}/${resource.slice(2)}`)
    return [
      ...named
        .filter((file) => !files.has(file))
        .map((file) => ({ where: folder, what: `lists ${file}, which is not there` })),
      ...there
        .filter((file) => !named.includes(file))
        .map((file) => ({ where: folder, what: `does not list ${file}` })),
    ]
  })
  const known = lists.filter(({ folder }) => folder !== home).map(({ folder }) => `./${folder}`)
  const sent = entries.filter(isFlux).flatMap(({ object }) => {
    const { path } = object.spec as { path: string }
    return known.includes(path) ? [] : [{ where: shown(object), what: `builds ${path}, which is not there` }]
  })
  return [...listed, ...sent]
}

const isFlux = ({ object }: Entry) => object.apiVersion.startsWith('kustomize.toolkit.fluxcd.io/')

/** What an object names of another. */
interface Reference {
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
function referencesOf(object: KubeObject): Reference[] {
  const find = FINDERS[object.kind]
  if (!find) throw new Error(`no one has said what a ${object.kind} names; add it to checks/references.ts`)
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
