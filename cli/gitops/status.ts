import { Failure } from '../failure.ts'
import type { Finding } from '../show/finding.ts'
import { type Cluster, connectCluster, type Found } from './cluster.ts'
import { driftOf } from './drift.ts'
import { hostFindings } from './host.ts'
import { type ClusterStatus, judge, type KubeObject, type ObjectStatus } from './judge.ts'
import { generatedObjects, ownManifests } from './manifests.ts'

/** Where to look: a copy of the manifests (this checkout's when not given), and a context of the kubeconfig. */
export interface Where {
  dir?: string
  context?: string
}

/** What is live, beside the generated manifests of a folder, and the hosts as they look from here. */
export async function clusterStatus({ dir = ownManifests(), context }: Where): Promise<ClusterStatus> {
  const generated = generatedObjects(dir)
  const { hosts, ...status } = await liveStatus(connectCluster(context), generated)
  return { ...status, hosts: (await Promise.all(hosts.map((host) => hostFindings(host)))).flat() }
}

/**
 * How the generated objects live: there or not, ready or not, and which of their fields differ. Fails with `denied` when
 * none of them may be looked at: that would say nothing.
 */
export async function liveStatus(
  cluster: Cluster,
  generated: readonly KubeObject[],
): Promise<Omit<ClusterStatus, 'hosts'> & { hosts: string[] }> {
  const seen = await Promise.all(
    generated.map(async (object) => ({ object, found: await cluster.read(object) })),
  )
  const denied = seen.filter(({ found }) => found.state === 'denied')
  if (denied.length === seen.length) {
    throw new Failure(
      'denied',
      `${cluster.server} lets this kubeconfig look at none of ${seen.length} objects`,
      {
        next: cure(denied[0]!.object),
      },
    )
  }
  const flux = generated.find(({ kind }) => kind === 'Kustomization')?.metadata.namespace ?? 'flux-system'
  const live = seen.flatMap(({ found }) => (found.state === 'there' ? [found.object] : []))
  return {
    server: cluster.server,
    context: cluster.context,
    objects: seen.map(({ object, found }) => described(object, found, flux)),
    leftovers: leftovers(generated, live),
    hosts: [...new Set(live.filter(({ kind }) => kind === 'HTTPRoute').flatMap(hostnames))],
  }
}

/** The same as findings, for `hai doctor`: a cluster that can't be looked at is one as well. */
export async function clusterFindings(where: Where = {}): Promise<Finding[]> {
  try {
    return statusFindings(await clusterStatus(where))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { message, next } = error
    return [{ what: 'cluster', verdict: 'bad', text: message, ...(next ? { fix: next } : {}) }]
  }
}

/** One finding per object, one per field that differs or object that is left over, and those of the hosts. */
export function statusFindings({ server, context, objects, leftovers, hosts }: ClusterStatus): Finding[] {
  return [
    { what: 'cluster', verdict: 'good', text: `${server}, context ${context}` },
    ...objects.flatMap((object) => [
      objectFinding(object),
      ...object.drift.map((drift) => driftFinding(object, drift)),
    ]),
    ...leftovers.map(
      (what): Finding => ({ what, verdict: 'unsure', text: 'is held by Flux and not generated any more' }),
    ),
    ...hosts,
  ]
}

/** What `hai gitops status` ends with: something to mend, or objects that could not be looked at, or neither. */
export function outcomeOf({ objects, hosts }: ClusterStatus): 'findings' | 'denied' | 'done' {
  if ([...objects, ...hosts].some(({ verdict }) => verdict === 'bad')) return 'findings'
  return objects.some(({ state }) => state === 'denied') ? 'denied' : 'done'
}

/** So many differences a report names; the rest is counted. */
const EXAMPLES = 20
const LINE = 300
const TARGET = 200

/**
 * What hai is told of a look: what is gone, lives with other fields or is left over, by name and without a value. What may
 * not be looked at could be anything, and counts as well.
 */
export function driftReport({ server, objects, leftovers }: ClusterStatus) {
  const differences = [
    ...objects.flatMap((object) => {
      if (object.state === 'gone') return [`${nameOf(object)} is not there`]
      if (object.state !== 'there') return [`${nameOf(object)} ${object.text}`]
      return object.drift.map(({ path }) => `${nameOf(object)}: ${path}`)
    }),
    ...leftovers.map((what) => `${what} is left over`),
  ]
  return {
    kind: 'cluster',
    target: server.slice(0, TARGET),
    compared: objects.length,
    differences: differences.length,
    examples: differences.slice(0, EXAMPLES).map((line) => line.slice(0, LINE)),
  }
}

const nameOf = ({ kind, namespace, name }: ObjectStatus) => `${kind} ${namespace}/${name}`

function objectFinding(object: ObjectStatus): Finding {
  const { verdict, text, fix } = object
  return { what: nameOf(object), verdict, text, ...(fix ? { fix } : {}) }
}

function driftFinding(
  object: ObjectStatus,
  { path, generated, live }: ObjectStatus['drift'][number],
): Finding {
  return { what: nameOf(object), verdict: 'unsure', text: `${path} is ${live}, generated ${generated}` }
}

function described(object: KubeObject, found: Found, flux: string): ObjectStatus {
  const { apiVersion, kind, metadata } = object
  const about = { kind, namespace: metadata.namespace, name: metadata.name, state: found.state, drift: [] }
  if (found.state === 'gone') {
    const fix = `flux reconcile kustomization hai -n ${flux} --with-source`
    return { ...about, verdict: 'bad', text: 'is not there', fix }
  }
  if (found.state === 'unknown') {
    const fix = 'is what brings this kind installed, in that version?'
    return { ...about, verdict: 'bad', text: `the cluster knows no ${kind} of ${apiVersion}`, fix }
  }
  if (found.state !== 'there') {
    return { ...about, verdict: 'unsure', text: 'may not be looked at', fix: cure(object) }
  }
  const drift = driftOf(object, found.object)
  const judgement = judge({ ...found.object, kind })
  if (drift.length === 0 || judgement.verdict === 'bad') return { ...about, ...judgement, drift }
  const text = `${judgement.text}; ${drift.length === 1 ? 'a field differs' : `${drift.length} fields differ`}`
  const fix = 'commit what is generated, or take the change back'
  return { ...about, verdict: 'unsure', text, fix, drift }
}

const cure = ({ kind, metadata }: KubeObject): string =>
  `kubectl auth can-i get ${kind.toLowerCase()} ${metadata.name} -n ${metadata.namespace}`

interface Held {
  status?: { inventory?: { entries?: { id: string }[] } }
}

/** Flux remembers what it applied as `<namespace>_<name>_<group>_<kind>`. */
function leftovers(generated: readonly KubeObject[], live: readonly KubeObject[]): string[] {
  const ours = new Set(
    generated.map(({ kind, metadata }) => `${metadata.namespace}/${metadata.name} ${kind}`),
  )
  return live
    .filter(({ kind }) => kind === 'Kustomization')
    .flatMap((object) => (object as Held).status?.inventory?.entries ?? [])
    .flatMap(({ id }) => {
      const [namespace, name, , kind] = id.split('_')
      return ours.has(`${namespace}/${name} ${kind}`) ? [] : [`${kind} ${namespace}/${name}`]
    })
}

const hostnames = ({ spec }: KubeObject): string[] => (spec as { hostnames?: string[] }).hostnames ?? []
