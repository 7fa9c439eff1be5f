import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes these, with the fields that are used. */
export class SecurityPolicy extends ApiObject {
  static readonly GVK: GroupVersionKind = {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'SecurityPolicy',
  }

  constructor(scope: Construct, id: string, props: SecurityPolicyProps) {
    super(scope, id, { ...SecurityPolicy.GVK, ...props })
  }
}

export interface SecurityPolicyProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: SecurityPolicySpec
}

/** One that asks somebody, or one that says aloud that nobody is asked here. */
export type SecurityPolicySpec = Targeting &
  ({ readonly extAuth: ExtAuth } | { readonly authorization: { readonly defaultAction: 'Allow' } })

export interface Targeting {
  readonly targetRefs: readonly { readonly group: string; readonly kind: string; readonly name: string }[]
  /** Without it a policy replaces that of the Gateway, whole. */
  readonly mergeType?: 'StrategicMerge'
}

export interface ExtAuth {
  readonly failOpen: boolean
  readonly headersToExtAuth: readonly string[]
  readonly http: {
    readonly backendRefs: readonly {
      readonly name: string
      readonly namespace: string
      readonly port: number
    }[]
    readonly path: string
  }
}

export class BackendTrafficPolicy extends ApiObject {
  static readonly GVK: GroupVersionKind = {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'BackendTrafficPolicy',
  }

  constructor(scope: Construct, id: string, props: BackendTrafficPolicyProps) {
    super(scope, id, { ...BackendTrafficPolicy.GVK, ...props })
  }
}

export interface BackendTrafficPolicyProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: BackendTrafficPolicySpec
}

export interface BackendTrafficPolicySpec extends Targeting {
  readonly retry: { readonly numRetries: number }
}

/** An answer that no backend gives. Envoy puts in its own for what stands between two `%`. */
export class HttpRouteFilter extends ApiObject {
  static readonly GVK: GroupVersionKind = {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'HTTPRouteFilter',
  }

  constructor(scope: Construct, id: string, props: HttpRouteFilterProps) {
    super(scope, id, { ...HttpRouteFilter.GVK, ...props })
  }
}

export interface HttpRouteFilterProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: HttpRouteFilterSpec
}

export interface HttpRouteFilterSpec {
  readonly directResponse: {
    readonly statusCode: number
    readonly contentType: string
    readonly body: { readonly type: 'Inline'; readonly inline: string }
  }
}
