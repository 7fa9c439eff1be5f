import type { ApiObject } from 'cdk8s'
import { type Config, hostOf } from '../config/config.ts'
import { type Alert, Probe, PrometheusRule } from '../imports/monitoring.coreos.com.ts'
import { PROXY, WATCHDOG, WATCHDOG_SECRET } from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** Two looks without a success; and then one more, so that a watchdog that was asleep may look first. */
const MISSED = 2
const LOOK_MINUTES = 3

/** Hours for the first evening: Flux waits for what lies in the store, and the watchdog's token is made last. */
const FIRST_EVENING = 4

/** What Prometheus says aloud. */
class AlertsFile extends ManifestFile {
  constructor(folder: Folder, config: Config, name: string, rules: readonly Rule[]) {
    super(folder, 'prometheusrule')
    const { rule_labels, object_labels } = config.monitoring
    const labelled = rules.map((rule) => ({ ...rule, labels: { ...rule.labels, ...rule_labels } }))
    new PrometheusRule(this, 'rules', {
      metadata: { name, labels: object_labels },
      spec: { groups: [{ name, rules: labelled }] },
    })
  }
}

/** What stands before hai and below it; `secrets` are what it fetches. */
export class Alerts extends AlertsFile {
  constructor(folder: Folder, config: Config, secrets: readonly ApiObject[]) {
    super(folder, config, 'hai', [
      ...(config.edge.kind === 'oauth2-proxy' ? [proxy(config)] : []),
      ...(config.monitoring.probe ? [frontDoor(config)] : []),
      notSynced('HaiSecretNotSynced', secrets.map(placeOf), '15m'),
      ...backups(config),
      ...drift(config),
    ])
  }
}

/** The watchdog's last success, and its absence; beside it, so that nobody is woken before it was ever there. */
export class WatchdogAlerts extends AlertsFile {
  constructor(folder: Folder, config: Config) {
    const token = { namespace: config.namespace, name: WATCHDOG_SECRET }
    super(folder, config, WATCHDOG, [
      ...watchdog(config),
      // whose item is the last of the first evening
      notSynced('HaiTokenNotSynced', [token], `${FIRST_EVENING}h`),
    ])
  }
}

interface Rule extends Alert {
  labels: { severity: 'warning' | 'critical' }
  annotations: { summary: string; description: string }
}

/** Two exporters that differ, or a pod and its successor, are one thing seen twice: the kinder word of both counts. */
function watchdog({ namespace, watchdog: { every_minutes } }: Config): Rule[] {
  const which = `{namespace="${namespace}",cronjob="${WATCHDOG}"}`
  const last = `max(kube_cronjob_status_last_successful_time${which})`
  const suspended = `min(kube_cronjob_spec_suspend${which}) == 1`
  const created = `max(kube_cronjob_created${which})`
  const seconds = every_minutes * MISSED * 60
  const logs = `kubectl -n ${namespace} logs -l app.kubernetes.io/name=${WATCHDOG} --tail=20`
  return [
    {
      alert: 'HaiNotWell',
      // whoever suspends the watchdog knows that nothing succeeds; who forgets it is told by an alert of its own
      expr: `time() - ${last} > ${seconds} unless ${suspended}`,
      for: `${every_minutes + LOOK_MINUTES}m`,
      labels: { severity: 'critical' },
      annotations: {
        summary: 'hai has not been well for {{ $value | humanizeDuration }}',
        description: `The watchdog has not succeeded: Windmill is down, or a schedule is late, or hai names a problem. ${logs}`,
      },
    },
    {
      alert: 'HaiNeverWell',
      expr: `(time() - ${created} > ${FIRST_EVENING * 3600}) unless ${last} unless ${suspended}`,
      for: '5m',
      labels: { severity: 'critical' },
      annotations: {
        summary: 'the watchdog of hai has never succeeded',
        description: `Is the token there, and is the bundle deployed? kubectl -n ${namespace} get externalsecret ${WATCHDOG_SECRET}; ${logs}`,
      },
    },
    {
      alert: 'HaiWatchdogMissing',
      expr: `absent(kube_cronjob_created${which})`,
      for: `${FIRST_EVENING}h`,
      labels: { severity: 'critical' },
      annotations: {
        summary: 'nobody watches hai',
        description: `The CronJob ${WATCHDOG} is not there, or Prometheus knows of none: flux get kustomizations -A`,
      },
    },
    {
      alert: 'HaiWatchdogSuspended',
      expr: suspended,
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
  const available = `kube_deployment_status_replicas_available{namespace="${namespace}",deployment="${PROXY}"}`
  return {
    alert: 'HaiProxyDown',
    expr: `max(${available}) == 0 or absent(${available})`,
    for: '15m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'browsers do not reach hai',
      description: `The Deployment ${PROXY} is gone or none of its pods is available; the CLI is not affected. kubectl -n ${namespace} logs deploy/${PROXY}`,
    },
  }
}

function frontDoor(config: Config): Rule {
  return {
    alert: 'HaiFrontDoorDown',
    expr: `max(probe_success{job="${FRONT_DOOR}"}) == 0 or absent(probe_success{job="${FRONT_DOOR}"})`,
    for: '10m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'hai does not open its front door',
      description: `https://${hostOf(config)} does not answer as it should, from the name to the proxy: hai gitops status`,
    },
  }
}

interface Place {
  namespace: string
  name: string
}

const placeOf = ({ name, metadata }: ApiObject): Place => ({ namespace: metadata.namespace!, name })

/** Each by its name: in another namespace, or of another app, there may be others that begin so. */
function notSynced(alert: string, secrets: readonly Place[], patience: string): Rule {
  const expr = [...new Set(secrets.map(({ namespace }) => namespace))]
    .map((namespace) => {
      const there = secrets.filter((secret) => secret.namespace === namespace)
      const names = there.map(({ name }) => name).join('|')
      const which = `{namespace="${namespace}",name=~"${names}",condition="Ready",status="False"}`
      return `max by (namespace, name) (externalsecret_status_condition${which}) == 1`
    })
    .join(' or ')
  return {
    alert,
    expr,
    for: patience,
    labels: { severity: 'warning' },
    annotations: {
      summary: 'the secret {{ $labels.name }} is not fetched',
      description:
        'Its item or a field of it is missing in the store, or the store is away. What was fetched last is in force.',
    },
  }
}

/** By the plugin's own metrics: those of CloudNativePG itself stay at nothing where a plugin makes the backups. */
function backups({ database }: Config): Rule[] {
  if (database.kind !== 'cluster' || database.backup === 'none') return []
  const { namespace, cluster, backup } = database
  const metric = 'barman_cloud_cloudnative_pg_io_last_available_backup_timestamp'
  const last = `${metric}{namespace="${namespace}",pod=~"${cluster}-[0-9]+"}`
  const look = `kubectl -n ${namespace} get backups,scheduledbackups,objectstores`
  return [
    {
      alert: 'HaiBackupOld',
      expr: `time() - (max(${last}) > 0) > ${backup.alert_hours * 3600}`,
      for: '30m',
      labels: { severity: 'critical' },
      annotations: {
        summary: "hai's last backup is {{ $value | humanizeDuration }} old",
        description: `What came after it can be lost with the volumes. ${look}`,
      },
    },
    {
      alert: 'HaiBackupMissing',
      expr: `max(${last}) == 0 or absent(${last})`,
      for: `${FIRST_EVENING}h`,
      labels: { severity: 'critical' },
      annotations: {
        summary: 'hai has no backup',
        description: `None has succeeded yet, or nobody asks the database's exporter: ${look}; kubectl -n ${namespace} get podmonitor`,
      },
    },
  ]
}

/** What whoever compares with Git has reported. Who never did wants none of it. */
function drift({ database, monitoring }: Config): Rule[] {
  const of = (metric: string) =>
    `max by (kind) (cnpg_hai_drift_${metric}{namespace="${database.namespace}",pod=~"${database.cluster}-[0-9]+"})`
  return [
    {
      alert: 'HaiDrift',
      expr: `${of('differences')} > 0`,
      for: '30m',
      labels: { severity: 'warning' },
      annotations: {
        summary: 'in {{ $labels.kind }} something of hai is not as in Git',
        description:
          '{{ $value }} differences, which hai doctor names. Somebody changed it by hand, or a deploy is due.',
      },
    },
    {
      alert: 'HaiDriftReportOld',
      expr: `time() - ${of('reported')} > ${monitoring.drift_hours * 3600}`,
      for: '30m',
      labels: { severity: 'warning' },
      annotations: {
        summary: 'nobody has compared {{ $labels.kind }} with Git for {{ $value | humanizeDuration }}',
        description:
          'Is the timer or the job of CI that does it still there? npm run drift -- --report, hai gitops status --report',
      },
    },
  ]
}

/** The job under which Prometheus keeps what the look at the front door brought. */
const FRONT_DOOR = 'hai-front-door'

/** A look at what callers see: the name, the certificate, the gateway and who stands behind it. Nothing where none is asked for. */
export class FrontDoorProbe extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'probe')
    const { probe, object_labels } = config.monitoring
    if (!probe) return
    // the proxy answers this path to everybody; Authelia sends a stranger to its own login page
    const path = config.edge.kind === 'oauth2-proxy' ? '/ping' : '/'
    new Probe(this, 'probe', {
      metadata: { name: FRONT_DOOR, labels: object_labels },
      spec: {
        jobName: FRONT_DOOR,
        interval: '1m',
        module: probe.module,
        prober: { url: probe.prober },
        targets: { staticConfig: { static: [`https://${hostOf(config)}${path}`] } },
      },
    })
  }
}
