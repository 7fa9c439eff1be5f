import { dirname } from 'node:path'
import type { KubeObject } from '../charts/manifest-file.ts'
import { externals } from '../operator/externals.ts'
import type { Entry, Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'
import { type Reference, referencesOf } from './reference-paths.ts'

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
