import type { Config } from '../config.ts'
import { type Folder, ManifestFile } from '../manifest-file.ts'
import { PROXY, WATCHDOG } from '../names.ts'

/** Three looks without a success. */
const MISSED = 3

/** What Prometheus says aloud. */
class AlertsFile extends ManifestFile {
  constructor(folder: Folder, config: Config, name: string, rules: readonly Rule[]) {
    super(folder, 'prometheusrule')
    const { rule_labels } = config.monitoring
    this.add('PrometheusRule', name, {
      spec: {
        groups: [
          { name, rules: rules.map((rule) => ({ ...rule, labels: { ...rule.labels, ...rule_labels } })) },
        ],
      },
    })
  }
}

/** What stands before hai. */
export class Alerts extends AlertsFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'hai', [...(config.edge.kind === 'oauth2-proxy' ? [proxy(config)] : []), secrets()])
  }
}

/** The watchdog's last success, and its absence; beside it, so that nobody is woken before it was ever there. */
export class WatchdogAlerts extends AlertsFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, WATCHDOG, watchdog(config))
  }
}

interface Rule {
  alert: string
  expr: string
  for: string
  labels: { severity: 'warning' | 'critical' }
  annotations: { summary: string; description: string }
}

function watchdog({ namespace, watchdog: { every_minutes } }: Config): Rule[] {
  const which = `{namespace="${namespace}",cronjob="${WATCHDOG}"}`
  const last = `kube_cronjob_status_last_successful_time${which}`
  const seconds = every_minutes * MISSED * 60
  const logs = `kubectl -n ${namespace} logs -l app.kubernetes.io/name=${WATCHDOG} --tail=20`
  return [
    {
      alert: 'HaiNotWell',
      expr: `time() - max(${last}) > ${seconds}`,
      for: '1m',
      labels: { severity: 'critical' },
      annotations: {
        summary: 'hai has not been well for {{ $value | humanizeDuration }}',
        description: `The watchdog has not succeeded: Windmill is down, or a schedule is late, or hai names a problem. ${logs}`,
      },
    },
    {
      alert: 'HaiWatchdogMissing',
      expr: `absent(${last})`,
      for: '30m',
      labels: { severity: 'critical' },
      annotations: {
        summary: 'nobody watches hai',
        description: `The CronJob ${WATCHDOG} is not there or has never succeeded. ${logs}`,
      },
    },
    {
      alert: 'HaiWatchdogSuspended',
      expr: `kube_cronjob_spec_suspend${which} == 1`,
      for: '1h',
      labels: { severity: 'warning' },
      annotations: {
        summary: 'the watchdog of hai is suspended',
        description: `kubectl -n ${namespace} patch cronjob ${WATCHDOG} -p '{"spec":{"suspend":false}}'`,
      },
    },
  ]
}

function proxy({ namespace }: Config): Rule {
  return {
    alert: 'HaiProxyDown',
    expr: `kube_deployment_status_replicas_available{namespace="${namespace}",deployment="${PROXY}"} == 0`,
    for: '5m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'browsers do not reach hai',
      description: `No pod of ${PROXY} is available; the CLI is not affected. kubectl -n ${namespace} logs deploy/${PROXY}`,
    },
  }
}

function secrets(): Rule {
  return {
    alert: 'HaiSecretNotSynced',
    expr: 'externalsecret_status_condition{name=~"hai-.*",condition="Ready",status="False"} == 1',
    for: '15m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'the secret {{ $labels.name }} is not fetched',
      description:
        'Its item or a field of it is missing in the store, or the store is away. What was fetched last is in force.',
    },
  }
}
