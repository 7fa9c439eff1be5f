import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes it, with the fields that are used. A field that is missing in the store fails the whole secret, and aloud. */
export class ExternalSecret extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret' }

  constructor(scope: Construct, id: string, props: ExternalSecretProps) {
    super(scope, id, { ...ExternalSecret.GVK, ...props })
  }
}

export interface ExternalSecretProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: ExternalSecretSpec
}

export interface ExternalSecretSpec {
  readonly refreshInterval: string
  readonly secretStoreRef: { readonly kind: 'ClusterSecretStore' | 'SecretStore'; readonly name: string }
  readonly target: {
    readonly name: string
    readonly creationPolicy: 'Owner'
    readonly deletionPolicy: 'Retain'
    readonly template?: ExternalSecretTemplate
  }
  readonly data: readonly ExternalSecretData[]
}

export interface ExternalSecretTemplate {
  readonly engineVersion: 'v2'
  readonly type?: 'kubernetes.io/basic-auth'
  readonly metadata?: { readonly labels: Readonly<Record<string, string>> }
  readonly data: Readonly<Record<string, string>>
}

export interface ExternalSecretData {
  readonly secretKey: string
  readonly remoteRef: { readonly key: string; readonly property?: string }
}
