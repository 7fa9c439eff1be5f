import type * as z from 'zod'
import type { Config } from '../config/config.ts'
import { POD_NAMESPACE } from '../names.ts'
import type { CiliumNetworkPolicy } from '../schemas/cilium.ts'

type Spec = z.input<typeof CiliumNetworkPolicy>['spec']
export type Ingress = NonNullable<Spec['ingress']>[number]
export type Egress = NonNullable<Spec['egress']>[number]

interface Selector {
  matchLabels: Record<string, string>
}

const API_SERVER_PORTS = [443, 6443]

/** Pods by their labels, in a namespace that is always named: without it Cilium means the policy's own. */
export const pods = (namespace: string, labels: Record<string, string>): Selector => ({
  matchLabels: { [POD_NAMESPACE]: namespace, ...labels },
})

const tcp = (ports: readonly number[]) => [
  { ports: ports.map((port) => ({ port: String(port), protocol: 'TCP' as const })) },
]

export const fromPods = (fromEndpoints: Selector[], ...ports: number[]): Ingress => ({
  fromEndpoints,
  toPorts: tcp(ports),
})

/** The kubelet's probes; where all else is denied, those of other nodes too, whose traffic comes by tunnel. */
export const fromNodes = ({ network_policy: { style } }: Config, ...ports: number[]): Ingress => ({
  fromEntities: style === 'default-deny' ? ['host', 'remote-node'] : ['host'],
  toPorts: tcp(ports),
})

export const toPods = (toEndpoints: Selector[], ...ports: number[]): Egress => ({
  toEndpoints,
  toPorts: tcp(ports),
})

/** An entity and never a network: the API server may be a node. */
export const toApiServer = (): Egress => ({
  toEntities: ['kube-apiserver'],
  toPorts: tcp(API_SERVER_PORTS),
})

/** By entity: a rule by name fails in silence for names that are found through a pod's search domains. */
export const toWorld = (port: number): Egress => ({ toEntities: ['world'], toPorts: tcp([port]) })

export const toInternet = (): Egress => toWorld(443)

/** With the rule for names, without which no rule by name of anybody's would work for the pod. */
export function toDns({ network_policy: { dns_namespace, dns_pods } }: Config): Egress {
  const protocols = ['UDP', 'TCP'] as const
  return {
    toEndpoints: [pods(dns_namespace, dns_pods)],
    toPorts: [
      {
        ports: protocols.map((protocol) => ({ port: '53', protocol })),
        rules: { dns: [{ matchPattern: '*' }] },
      },
    ],
  }
}
