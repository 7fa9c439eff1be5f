import type * as z from 'zod'
import { backupEndpoint, type Config, gatewayPods } from '../config/config.ts'
import type { Backup, OwnCluster } from '../config/database.ts'
import type { OAuth2Proxy } from '../config/edge.ts'
import type { PodTarget } from '../config/windmill.ts'
import {
  CiliumNetworkPolicy,
  type Egress,
  type EndpointSelector,
  type Ingress,
} from '../imports/cilium.io.ts'
import {
  APP_NAME,
  GROUPS,
  POD_NAMESPACE,
  POSTGRES_PORT,
  PROXY,
  PROXY_METRICS_PORT,
  PROXY_PORT,
  WATCHDOG,
  WORKER,
  WORKER_GROUP,
} from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

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
    new CiliumNetworkPolicy(this, name, {
      metadata: { name },
      spec: { endpointSelector: { matchLabels }, enableDefaultDeny, ...rules },
    })
  }
}

/** The pods of hai's namespace. */
export class HaiPolicies extends PolicyFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'cnp-allow')
    const { windmill, monitoring, edge, worker } = config
    const envoy = podsOf(gatewayPods(config))
    const app = toPods([pods(windmill.namespace, windmill.app_pods)], windmill.port)
    if (edge.kind === 'oauth2-proxy') {
      this.allow(
        PROXY,
        { [APP_NAME]: PROXY },
        {
          ingress: [
            fromPods([envoy], PROXY_PORT),
            fromPods([pods(monitoring.prometheus_namespace, monitoring.prometheus_pods)], PROXY_METRICS_PORT),
            fromNodes(config, PROXY_PORT),
          ],
          egress: [toDns(config), app, toIssuer(config, edge)],
        },
      )
    }
    this.allow(WATCHDOG, { [APP_NAME]: WATCHDOG }, { egress: [toDns(config), app] })
    if (worker) {
      const models = worker.models.map(toEndpoint)
      const internet = worker.internet ? [toInternet()] : []
      this.allow(WORKER, { [APP_NAME]: WORKER }, { egress: [toDns(config), app, ...models, ...internet] })
    }
  }
}

const podsOf = ({ namespace, labels }: { namespace: string; labels: Record<string, string> }) =>
  pods(namespace, labels)

const toEndpoint = ({ namespace, pods: labels, port }: z.output<typeof PodTarget>): Egress =>
  toPods([pods(namespace, labels)], port)

/** Where a public name leads back to the gateway, Cilium sees the gateway's pods and their port, not the world's 443. */
function toIssuer(config: Config, { issuer }: OAuth2Proxy): Egress {
  if (issuer === 'gateway') return toPods([podsOf(gatewayPods(config))], config.gateway.pods_port)
  return issuer === 'internet' ? toInternet() : toEndpoint(issuer)
}

/** The pods of a worker group of hai's own; the others, which know nothing of hai, are none of its business. */
const groupPods = ({ windmill }: Config, group: string): Record<string, string> => ({
  ...windmill.worker_pods,
  [WORKER_GROUP]: group,
})

/** What Windmill's own policies have to learn: hai's callers, and what the workers of hai's groups may reach. */
export class WindmillPolicies extends PolicyFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'cnp-windmill')
    const { windmill, namespace, edge, worker, database } = config
    const ours = [...(edge.kind === 'oauth2-proxy' ? [PROXY] : []), WATCHDOG, ...(worker ? [WORKER] : [])]
    const callers = [
      podsOf(gatewayPods(config)),
      ...ours.map((name) => pods(namespace, { [APP_NAME]: name })),
      ...windmill.callers.map(({ namespace: theirs, pods: labels }) => pods(theirs, labels)),
    ]
    this.addTo('hai-windmill-app', windmill.app_pods, { ingress: [fromPods(callers, windmill.port)] })
    const all = [
      toDns(config),
      toPods([pods(database.namespace, { 'cnpg.io/cluster': database.cluster })], POSTGRES_PORT),
    ]
    const internet = windmill.internet ? [toInternet()] : []
    this.addTo('hai-windmill-doors', groupPods(config, GROUPS.doors), { egress: all })
    this.addTo('hai-windmill-work', groupPods(config, GROUPS.work), {
      egress: [...all, ...windmill.reaches.map(toEndpoint), ...internet],
    })
  }
}

/** Who may reach the database: the workers of hai's groups and Grafana; and, for one of our own, what it needs to live. */
export class DatabasePolicies extends PolicyFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'cnp-database')
    const { database, windmill, dashboard } = config
    const clients = [
      ...Object.values(GROUPS).map((group) => pods(windmill.namespace, groupPods(config, group))),
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
      fromNodes(config, CNPG_STATUS_PORT),
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

const API_SERVER_PORTS = [443, 6443]

/** Pods by their labels, in a namespace that is always named: without it Cilium means the policy's own. */
const pods = (namespace: string, labels: Record<string, string>): EndpointSelector => ({
  matchLabels: { [POD_NAMESPACE]: namespace, ...labels },
})

const tcp = (ports: readonly number[]) => [
  { ports: ports.map((port) => ({ port: String(port), protocol: 'TCP' as const })) },
]

const fromPods = (fromEndpoints: EndpointSelector[], ...ports: number[]): Ingress => ({
  fromEndpoints,
  toPorts: tcp(ports),
})

/** The kubelet's probes; where all else is denied, those of other nodes too, whose traffic comes by tunnel. */
const fromNodes = ({ network_policy: { style } }: Config, ...ports: number[]): Ingress => ({
  fromEntities: style === 'default-deny' ? ['host', 'remote-node'] : ['host'],
  toPorts: tcp(ports),
})

const toPods = (toEndpoints: EndpointSelector[], ...ports: number[]): Egress => ({
  toEndpoints,
  toPorts: tcp(ports),
})

/** An entity and never a network: the API server may be a node. */
const toApiServer = (): Egress => ({
  toEntities: ['kube-apiserver'],
  toPorts: tcp(API_SERVER_PORTS),
})

/** By entity: a rule by name fails in silence for names that are found through a pod's search domains. */
const toWorld = (port: number): Egress => ({ toEntities: ['world'], toPorts: tcp([port]) })

const toInternet = (): Egress => toWorld(443)

/** With the rule for names, without which no rule by name of anybody's would work for the pod. */
function toDns({ network_policy: { dns_namespace, dns_pods } }: Config): Egress {
  const protocols = ['UDP', 'TCP'] as const
  return {
    toEndpoints: [pods(dns_namespace, dns_pods)],
    toPorts: [
      {
        ports: protocols.map((protocol) => ({ port: '53', protocol })),
        rules: { dns: [{ matchPattern: '*' }] },
      },
    ],
  }
}
