import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes it, with the fields that are used. Cilium refuses one without a rule. */
export class CiliumNetworkPolicy extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy' }

  constructor(scope: Construct, id: string, props: CiliumNetworkPolicyProps) {
    super(scope, id, { ...CiliumNetworkPolicy.GVK, ...props })
  }
}

export interface CiliumNetworkPolicyProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: CiliumNetworkPolicySpec
}

export interface CiliumNetworkPolicySpec {
  readonly endpointSelector: EndpointSelector
  readonly enableDefaultDeny: { readonly ingress: boolean; readonly egress: boolean }
  readonly ingress?: readonly Ingress[]
  readonly egress?: readonly Egress[]
}

export interface EndpointSelector {
  readonly matchLabels: Readonly<Record<string, string>>
}

/** Always with ports. */
export type Ingress = { readonly toPorts: readonly ToPorts[] } & (
  | { readonly fromEndpoints: readonly EndpointSelector[] }
  | { readonly fromEntities: readonly ('host' | 'remote-node')[] }
)

export type Egress = { readonly toPorts: readonly ToPorts[] } & (
  | { readonly toEndpoints: readonly EndpointSelector[] }
  | { readonly toEntities: readonly ('world' | 'kube-apiserver')[] }
)

export interface ToPorts {
  readonly ports: readonly { readonly port: string; readonly protocol: 'TCP' | 'UDP' }[]
  readonly rules?: { readonly dns: readonly { readonly matchPattern: string }[] }
}
