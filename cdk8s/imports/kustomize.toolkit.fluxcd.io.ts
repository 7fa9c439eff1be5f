import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes it, with the fields that are used. */
export class Kustomization extends ApiObject {
  static readonly GVK: GroupVersionKind = {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
  }

  constructor(scope: Construct, id: string, props: KustomizationProps) {
    super(scope, id, { ...Kustomization.GVK, ...props })
  }
}

export interface KustomizationProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: KustomizationSpec
}

export interface KustomizationSpec {
  readonly path: string
  readonly targetNamespace: string
  readonly components?: readonly string[]
  readonly commonMetadata?: { readonly labels: Readonly<Record<string, string>> }
  readonly interval: string
  readonly retryInterval: string
  readonly timeout: string
  readonly prune: boolean
  readonly wait: boolean
  readonly sourceRef: {
    readonly kind: 'GitRepository' | 'OCIRepository'
    readonly name: string
    readonly namespace: string
  }
  readonly dependsOn?: readonly { readonly name: string; readonly namespace: string }[]
  readonly healthChecks?: readonly HealthCheck[]
  readonly healthCheckExprs?: readonly HealthCheckExpr[]
  readonly postBuild?: { readonly substituteFrom: readonly SubstituteFrom[] }
}

export interface HealthCheck {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
}

export interface HealthCheckExpr {
  readonly apiVersion: string
  readonly kind: string
  readonly current: string
}

export interface SubstituteFrom {
  readonly kind: 'Secret' | 'ConfigMap'
  readonly name: string
  readonly optional: boolean
}
