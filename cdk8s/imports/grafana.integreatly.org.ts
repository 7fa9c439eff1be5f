import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes these, with the fields that are used. */
export class GrafanaDashboard extends ApiObject {
  static readonly GVK: GroupVersionKind = {
    apiVersion: 'grafana.integreatly.org/v1beta1',
    kind: 'GrafanaDashboard',
  }

  constructor(scope: Construct, id: string, props: GrafanaDashboardProps) {
    super(scope, id, { ...GrafanaDashboard.GVK, ...props })
  }
}

export interface GrafanaDashboardProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: GrafanaDashboardSpec
}

export interface GrafanaDashboardSpec {
  readonly allowCrossNamespaceImport: boolean
  readonly folder: string
  readonly instanceSelector: InstanceSelector
  readonly json: string
}

export interface InstanceSelector {
  readonly matchLabels: Readonly<Record<string, string>>
}

export class GrafanaDatasource extends ApiObject {
  static readonly GVK: GroupVersionKind = {
    apiVersion: 'grafana.integreatly.org/v1beta1',
    kind: 'GrafanaDatasource',
  }

  constructor(scope: Construct, id: string, props: GrafanaDatasourceProps) {
    super(scope, id, { ...GrafanaDatasource.GVK, ...props })
  }
}

export interface GrafanaDatasourceProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: GrafanaDatasourceSpec
}

export interface GrafanaDatasourceSpec {
  readonly allowCrossNamespaceImport: boolean
  readonly instanceSelector: InstanceSelector
  readonly uid: string
  readonly datasource: {
    readonly name: string
    readonly type: string
    readonly access: 'proxy'
    readonly url: string
    readonly user: string
    readonly jsonData: Readonly<Record<string, string | number>>
    /** Names that the operator puts the secrets in the place of; without braces, which Flux would fill in before. */
    readonly secureJsonData: Readonly<Record<string, `$${string}`>>
  }
  readonly valuesFrom: readonly {
    readonly targetPath: string
    readonly valueFrom: { readonly secretKeyRef: { readonly name: string; readonly key: string } }
  }[]
}
