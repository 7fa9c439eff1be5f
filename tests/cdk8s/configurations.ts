import { App, Testing } from 'cdk8s'
import { Folder, type ManifestFile } from '../../cdk8s/charts/manifest-file.ts'
import type { Config } from '../../cdk8s/config/config.ts'
import { parseConfig } from '../../cdk8s/config/read.ts'
import { type Tree, treeOf } from '../../cdk8s/tree.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

const EDGES = [{ kind: 'oauth2-proxy' }, { kind: 'envoy-extauth' }]
const STYLES = ['additive', 'default-deny']
const DELIVERIES = [
  { delivery: 'configmap' },
  { delivery: 'grafana-operator' },
  { delivery: 'url', url: 'https://example.com/hai.json' },
]

/** Everything that the defaults leave out, in namespaces of its own. */
export const ELSEWHERE = {
  domain: `\${MY_DOMAIN}`,
  gateway: { override_policy: true },
  route: { annotations: { 'gatus.home-operations.com/enabled': 'true' }, landing: '/runs' },
  windmill: {
    namespace: 'windmill',
    release: 'own',
    worker_secrets: [{ env: 'NTFY_TOKEN', item: 'ntfy', field: 'write_token' }],
    reaches: [{ namespace: 'ai', pods: { app: 'ollama' }, port: 11434 }],
    internet: true,
    callers: [{ namespace: 'observability', pods: { app: 'alertmanager' } }],
  },
  database: { kind: 'existing', cluster: 'postgres' },
  secrets: { store_kind: 'SecretStore', reference: 'path' },
  worker: {
    image: `registry.example.com/hai:1@${DIGEST}`,
    models: [{ namespace: 'ai', pods: { app: 'ollama' }, port: 11434 }],
    internet: true,
  },
}

/** Two edges, two styles of network policy and three ways to a dashboard; and the other settings, half here, half there. */
export const MATRIX = EDGES.flatMap((edge) =>
  STYLES.flatMap((style) =>
    DELIVERIES.map((dashboard) => ({
      name: `${edge.kind}, ${style}, ${dashboard.delivery}`,
      input: { edge, dashboard, network_policy: { style }, ...(style === 'additive' ? {} : ELSEWHERE) },
    })),
  ),
)

/** A database that begins as a backup of another one, a store in the cluster, a look at the front door, and the domain written out. */
export const WITH_BACKUP = {
  domain: 'example.com',
  database: {
    kind: 'cluster',
    storage_class: 'fast',
    image: `ghcr.io/cloudnative-pg/postgresql:18@${DIGEST}`,
    backup: {
      destination: 's3://databases/hai/',
      endpoint: 'http://minio.storage.svc.cluster.local:9000',
      server_name: 'hai-2',
      pods: { namespace: 'storage', labels: { app: 'minio' }, port: 9000 },
    },
    restore_from: { server_name: 'hai', target_time: '2026-11-29T21:00:00Z' },
  },
  monitoring: {
    rule_labels: { team: 'home' },
    object_labels: { release: 'prometheus' },
    probe: { prober: 'blackbox-exporter.observability.svc:9115' },
  },
}

/** Every configuration that is tried. */
export const ALL = [...MATRIX, { name: 'with backup', input: WITH_BACKUP }]

/** The tree of a configuration; defaults where nothing is said. */
export const aTree = (input: object = {}): Tree => treeOf(parseConfig(input))

/** What one chart makes of a configuration. */
export function synthOf(
  Chart: new (folder: Folder, config: Config) => ManifestFile,
  input: object = {},
): Tree['entries'][number]['object'][] {
  return Testing.synth(new Chart(new Folder(new App(), 'app', 'home'), parseConfig(input)))
}

/** The object of that kind and name; the first one, where every namespace has one. */
export function objectIn(tree: Tree, kind: string, name: string): Tree['entries'][number]['object'] {
  const found = tree.entries.find(({ object }) => object.kind === kind && object.metadata.name === name)
  if (!found) throw new Error(`the tree has no ${kind} ${name}`)
  return found.object
}

interface Flux {
  path: string
  targetNamespace: string
  dependsOn?: { name: string; namespace: string }[]
  healthChecks?: { kind: string }[]
  healthCheckExprs?: { kind: string; current: string }[]
}

/** What is said of each part to Flux, by the name of its Kustomization. */
export const kustomizations = (input: object = {}) => {
  const { entries } = aTree(input)
  const flux = entries.filter(({ object }) => object.kind === 'Kustomization')
  return new Map(flux.map(({ object }) => [object.metadata.name, object.spec as Flux]))
}

/** What a part comes after. */
export const before = (input: object, name: string) =>
  (kustomizations(input).get(name)!.dependsOn ?? []).map((one) => `${one.namespace}/${one.name}`)
