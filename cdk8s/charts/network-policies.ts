import { backupEndpoint, type Config } from '../config.ts'
import type { Backup, OwnCluster } from '../config-data.ts'
import { type Folder, ManifestFile } from '../manifest-file.ts'
import { APP_NAME, POSTGRES_PORT, PROXY, PROXY_METRICS_PORT, PROXY_PORT, WATCHDOG, WORKER } from '../names.ts'
import {
  type Egress,
  fromPods,
  fromThisNode,
  type Ingress,
  pods,
  toApiServer,
  toDns,
  toInternet,
  toPods,
  toWorld,
} from '../network-rules.ts'

const HTTP = 80
const HTTPS = 443
const CNPG_STATUS_PORT = 8000
const CNPG_METRICS_PORT = 9187

interface Rules {
  ingress?: Ingress[]
  egress?: Egress[]
}

/** What a pod of ours may reach and who may reach it, workload by workload. */
class PolicyFile extends ManifestFile {
  readonly #isolates: boolean

  constructor(folder: Folder, config: Config, file: string) {
    super(folder, file)
    this.#isolates = config.network_policy.style === 'default-deny'
  }

  /** For a workload of ours: alone it isolates in the style that denies by default. */
  protected allow(name: string, labels: Record<string, string>, rules: Rules): void {
    this.#write(`${name}-allow`, labels, rules, this.#isolates)
  }

  /** For somebody else's workload: to isolate it here would cut it off from all that we know nothing of. */
  protected addTo(name: string, labels: Record<string, string>, rules: Rules): void {
    this.#write(name, labels, rules, false)
  }

  #write(name: string, matchLabels: Record<string, string>, rules: Rules, deny: boolean): void {
    const enableDefaultDeny = { ingress: deny, egress: deny }
    this.add('CiliumNetworkPolicy', name, {
      spec: { endpointSelector: { matchLabels }, enableDefaultDeny, ...rules },
    })
  }
}

/** The pods of hai's namespace. */
export class HaiPolicies extends PolicyFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'cnp-allow')
    const { gateway, windmill, monitoring, edge, worker } = config
    const envoy = pods(gateway.namespace, gateway.pods)
    const app = toPods([pods(windmill.namespace, windmill.app_pods)], windmill.port)
    if (edge.kind === 'oauth2-proxy') {
      this.allow(
        PROXY,
        { [APP_NAME]: PROXY },
        {
          ingress: [
            fromPods([envoy], PROXY_PORT),
            fromPods([pods(monitoring.prometheus_namespace, monitoring.prometheus_pods)], PROXY_METRICS_PORT),
            fromThisNode(PROXY_PORT),
          ],
          // The issuer's public name leads back to Envoy, and Cilium sees Envoy's pod and port, not the world's 443.
          egress: [toDns(config), app, toPods([envoy], gateway.pods_port)],
        },
      )
    }
    this.allow(WATCHDOG, { [APP_NAME]: WATCHDOG }, { egress: [toDns(config), app] })
    if (worker) {
      const models = worker.models.map(({ namespace, pods: labels, port }) =>
        toPods([pods(namespace, labels)], port),
      )
      const internet = worker.internet ? [toInternet()] : []
      this.allow(WORKER, { [APP_NAME]: WORKER }, { egress: [toDns(config), app, ...models, ...internet] })
    }
  }
}

/** What Windmill's own policies have to learn: hai's callers, and the way to hai's database. */
export class WindmillPolicies extends PolicyFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'cnp-windmill')
    const { gateway, windmill, namespace, edge, worker, database } = config
    const ours = [...(edge.kind === 'oauth2-proxy' ? [PROXY] : []), WATCHDOG, ...(worker ? [WORKER] : [])]
    const callers = [
      pods(gateway.namespace, gateway.pods),
      ...ours.map((name) => pods(namespace, { [APP_NAME]: name })),
    ]
    this.addTo('hai-windmill-app', windmill.app_pods, { ingress: [fromPods(callers, windmill.port)] })
    this.addTo('hai-windmill-workers', windmill.worker_pods, {
      egress: [
        toDns(config),
        toPods([pods(database.namespace, { 'cnpg.io/cluster': database.cluster })], POSTGRES_PORT),
      ],
    })
  }
}

/** Who may reach the database: Windmill's workers and Grafana; and, for one of our own, what it needs to live. */
export class DatabasePolicies extends PolicyFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'cnp-database')
    const { database, windmill, dashboard } = config
    const clients = [
      pods(windmill.namespace, windmill.worker_pods),
      pods(dashboard.namespace, dashboard.grafana_pods),
    ]
    const labels = { 'cnpg.io/cluster': database.cluster }
    const ingress = [fromPods(clients, POSTGRES_PORT)]
    if (database.kind === 'existing') this.addTo('hai-database', labels, { ingress })
    else this.allow('hai-database', labels, ownCluster(config, database, ingress))
  }
}

/** What Grafana's own policies have to learn: the way to hai's database. */
export class DashboardPolicies extends PolicyFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'cnp-grafana')
    const { database, dashboard } = config
    const there = pods(database.namespace, { 'cnpg.io/cluster': database.cluster })
    this.addTo('hai-grafana', dashboard.grafana_pods, { egress: [toPods([there], POSTGRES_PORT)] })
  }
}

function ownCluster(config: Config, database: OwnCluster, clients: Ingress[]): Required<Rules> {
  const { monitoring } = config
  const members = [pods(database.namespace, { 'cnpg.io/cluster': database.cluster })]
  const operator = [pods(database.operator_namespace, database.operator_pods)]
  const backups = database.backup === 'none' ? [] : [toStore(config, database.backup)]
  return {
    ingress: [
      ...clients,
      fromPods([...members, ...operator], POSTGRES_PORT, CNPG_STATUS_PORT),
      fromPods([pods(monitoring.prometheus_namespace, monitoring.prometheus_pods)], CNPG_METRICS_PORT),
      fromThisNode(CNPG_STATUS_PORT),
    ],
    egress: [toDns(config), toPods(members, POSTGRES_PORT, CNPG_STATUS_PORT), toApiServer(), ...backups],
  }
}

/** The store of the backups: pods, or what lies outside of the cluster on the port of its address. */
function toStore(config: Config, { pods: store, own }: Backup): Egress {
  if (store) return toPods([pods(store.namespace, store.labels)], store.port)
  if (!own) return toWorld(HTTPS)
  const { port, protocol } = new URL(backupEndpoint(config, own).replace(/\$\{\w+\}/, 'example.com'))
  return toWorld(port === '' ? (protocol === 'https:' ? HTTPS : HTTP) : Number(port))
}
