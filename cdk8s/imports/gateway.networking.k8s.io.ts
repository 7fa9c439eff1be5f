import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes these, with the fields that are used. */
export class HttpRoute extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' }

  constructor(scope: Construct, id: string, props: HttpRouteProps) {
    super(scope, id, { ...HttpRoute.GVK, ...props })
  }
}

export interface HttpRouteProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: HttpRouteSpec
}

export interface HttpRouteSpec {
  readonly parentRefs: readonly {
    readonly name: string
    readonly namespace: string
    readonly sectionName: string
  }[]
  readonly hostnames: readonly string[]
  readonly rules: readonly HttpRouteRule[]
}

export interface HttpRouteRule {
  readonly matches: readonly HttpRouteMatch[]
  readonly filters: readonly HttpRouteRuleFilter[]
  readonly backendRefs?: readonly BackendRef[]
  readonly timeouts?: { readonly request: string }
}

export interface HttpRouteMatch {
  readonly path: { readonly type: 'PathPrefix' | 'Exact'; readonly value: string }
  readonly method?: 'GET' | 'POST'
  readonly headers?: readonly {
    readonly type: 'RegularExpression'
    readonly name: string
    readonly value: string
  }[]
}

export interface BackendRef {
  readonly name: string
  readonly namespace?: string
  readonly port: number
}

export type HttpRouteRuleFilter =
  | {
      readonly type: 'RequestHeaderModifier'
      readonly requestHeaderModifier: { readonly remove: readonly string[] }
    }
  | {
      readonly type: 'URLRewrite'
      readonly urlRewrite: {
        readonly path:
          | { readonly type: 'ReplacePrefixMatch'; readonly replacePrefixMatch: string }
          | { readonly type: 'ReplaceFullPath'; readonly replaceFullPath: string }
      }
    }
  | {
      readonly type: 'RequestRedirect'
      readonly requestRedirect: {
        readonly path: { readonly type: 'ReplaceFullPath'; readonly replaceFullPath: string }
        readonly statusCode: 301 | 302
      }
    }
  | {
      readonly type: 'ExtensionRef'
      readonly extensionRef: { readonly group: string; readonly kind: string; readonly name: string }
    }

export class ReferenceGrant extends ApiObject {
  static readonly GVK: GroupVersionKind = {
    apiVersion: 'gateway.networking.k8s.io/v1beta1',
    kind: 'ReferenceGrant',
  }

  constructor(scope: Construct, id: string, props: ReferenceGrantProps) {
    super(scope, id, { ...ReferenceGrant.GVK, ...props })
  }
}

export interface ReferenceGrantProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: ReferenceGrantSpec
}

export interface ReferenceGrantSpec {
  readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[]
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name: string }[]
}
