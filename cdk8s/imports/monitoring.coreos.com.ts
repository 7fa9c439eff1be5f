import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes these, with the fields that are used. */
export class PrometheusRule extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' }

  constructor(scope: Construct, id: string, props: PrometheusRuleProps) {
    super(scope, id, { ...PrometheusRule.GVK, ...props })
  }
}

export interface PrometheusRuleProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: PrometheusRuleSpec
}

export interface PrometheusRuleSpec {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[]
}

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export class PodMonitor extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor' }

  constructor(scope: Construct, id: string, props: PodMonitorProps) {
    super(scope, id, { ...PodMonitor.GVK, ...props })
  }
}

export interface PodMonitorProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: PodMonitorSpec
}

export interface PodMonitorSpec {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
  readonly podMetricsEndpoints: readonly { readonly port: string; readonly interval: string }[]
}

/** A look from the outside, by a blackbox exporter that is there. */
export class Probe extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'Probe' }

  constructor(scope: Construct, id: string, props: ProbeProps) {
    super(scope, id, { ...Probe.GVK, ...props })
  }
}

export interface ProbeProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: ProbeSpec
}

export interface ProbeSpec {
  readonly jobName: string
  readonly interval: string
  readonly module: string
  readonly prober: { readonly url: string }
  readonly targets: { readonly staticConfig: { readonly static: readonly string[] } }
}
