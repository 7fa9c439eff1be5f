import { z } from 'zod'
import type { Caller } from '../caller.ts'
import { HaiError, parse } from '../errors.ts'
import type { Cluster, Found } from './cluster.ts'
import { driftOf } from './drift.ts'
import { judge } from './judge.ts'
import type { ClusterStatus, KubeObject, ObjectStatus } from './report.ts'

/** What may be looked at. Secrets are not among them. */
const KINDS = [
  'BackendTrafficPolicy',
  'CiliumNetworkPolicy',
  'Cluster',
  'ConfigMap',
  'CronJob',
  'Database',
  'Deployment',
  'ExternalSecret',
  'GrafanaDashboard',
  'HTTPRoute',
  'Kustomization',
  'PrometheusRule',
  'ReferenceGrant',
  'Role',
  'RoleBinding',
  'ScheduledBackup',
  'SecurityPolicy',
  'Service',
  'ServiceMonitor',
] as const

const DnsName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'expected a name of Kubernetes')

const Generated = z.looseObject({
  apiVersion: z.string().regex(/^([a-z0-9.-]+\/)?v\d\w*$/, 'expected a version like apps/v1'),
  kind: z.enum(KINDS),
  metadata: z.looseObject({ name: DnsName, namespace: DnsName }),
})

const Wanted = z.object({ objects: z.array(Generated).min(1).max(200) })

/**
 * How the generated `objects` live in a cluster: there or not, ready or not, and which of their fields differ. Only for
 * the operator; `unavailable` when the cluster does not answer.
 */
export async function clusterStatus(
  cluster: Cluster,
  input: { objects: object[] },
  caller: Caller,
): Promise<ClusterStatus> {
  if (caller.role !== 'operator') {
    throw new HaiError('forbidden', `${caller.name} is not the operator, who alone may look at the cluster`)
  }
  const objects = parse(Wanted, input).objects as KubeObject[]
  const seen = await Promise.all(
    objects.map(async (generated) => ({ generated, found: await cluster.read(generated) })),
  )
  const flux = objects.find(({ kind }) => kind === 'Kustomization')?.metadata.namespace ?? 'flux-system'
  const live = seen.flatMap(({ found }) => (found.state === 'there' ? [found.object] : []))
  return {
    server: cluster.server,
    objects: seen.map(({ generated, found }) => described(generated, found, flux)),
    leftovers: leftovers(objects, live),
    hosts: [...new Set(live.filter(({ kind }) => kind === 'HTTPRoute').flatMap(hostnames))],
  }
}

function described({ metadata, ...generated }: KubeObject, found: Found, flux: string): ObjectStatus {
  const { namespace, name } = metadata
  const about = { kind: generated.kind, namespace, name }
  if (found.state === 'gone') {
    const fix = `flux reconcile kustomization hai -n ${flux} --with-source`
    return { ...about, verdict: 'bad', text: 'is not there', fix, drift: [] }
  }
  if (found.state === 'denied') {
    const fix = `kubectl auth can-i get ${generated.kind.toLowerCase()} ${name} -n ${namespace}`
    return { ...about, verdict: 'unsure', text: 'may not be looked at', fix, drift: [] }
  }
  const drift = driftOf({ ...generated, metadata } as KubeObject, found.object)
  const judgement = judge({ ...found.object, kind: generated.kind })
  if (drift.length === 0 || judgement.verdict === 'bad') return { ...about, ...judgement, drift }
  const text = `${judgement.text}; ${drift.length === 1 ? 'a field differs' : `${drift.length} fields differ`}`
  return {
    ...about,
    verdict: 'unsure',
    text,
    fix: 'npm run synth, copy, commit; or take the change back',
    drift,
  }
}

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
