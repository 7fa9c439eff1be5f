import * as z from 'zod'
import { fluxName, PARTS } from '../names.ts'
import { Database, type OwnStore } from './database.ts'
import { Edge } from './edge.ts'
import { Dashboard, Monitoring, Watchdog } from './monitoring.ts'
import {
  Domain,
  Duration,
  Host,
  ImageRef,
  Labels,
  Name,
  ONE_PLACEHOLDER,
  PodLabels,
  Port,
  QUALIFIED,
  Subdomain,
} from './values.ts'
import { PodTarget, Windmill } from './windmill.ts'

const Gateway = z.strictObject({
  /** At most 63 letters: it is a label of Envoy's pods. */
  name: Subdomain.max(63).default('internal'),
  namespace: Name.default('network'),
  listener: Subdomain.default('https'),
  /** Where the pods run that carry its traffic: the Gateway's own namespace when not given, or Envoy Gateway's. */
  pods_namespace: Name.optional(),
  /** Their labels; those that Envoy Gateway gives a gateway's own pods when not given. Gateways that are merged have others. */
  pods: PodLabels.optional(),
  /** The port they listen on behind the load balancer's. */
  pods_port: Port.default(10443),
  /** Whether hai's routes replace a SecurityPolicy of the Gateway's, whole: extAuth, IP lists, JWT and CORS alike. */
  override_policy: z.boolean().default(false),
})

/** The browser's route. */
const Route = z.strictObject({
  /** For those who read them from routes: DNS, dashboards, probes. */
  annotations: z.record(z.string().regex(QUALIFIED, 'expected an annotation’s name'), z.string()).default({}),
  /** Where a browser that asks for `/` is sent; Windmill's home page when not given. */
  landing: z
    .string()
    .regex(/^(\/[\w.~-]+)+$/, 'expected a path without a query, like /apps/get/p/f/hai/home')
    .optional(),
})

/** What else leads from the internet to the gateway. */
const External = z.strictObject({
  /** The gateway's own address in the cluster, where a tunnel of Cloudflare's has no wildcard for the domain. */
  tunnel: z
    .string()
    .regex(
      /^https?:\/\/[a-z0-9.-]+(:[1-9]\d{0,4})?$/,
      'expected an address like https://envoy.network.svc:443',
    )
    .optional(),
})

const Secrets = z.strictObject({
  store: Subdomain.default('onepassword-connect'),
  store_kind: z.enum(['ClusterSecretStore', 'SecretStore']).default('ClusterSecretStore'),
  /** How the store is asked: 1Password Connect knows item and field, the SDK's provider one path. */
  reference: z.enum(['property', 'path']).default('property'),
  refresh: Duration.default('1h'),
  /** The namespace in which Flux brings the store, as its Kustomization of the store's name. */
  store_namespace: Name.default('external-secrets'),
  watchdog_item: z.string().min(1).default('hai-watchdog'),
  /** The token of the worker that stays; asked for only where there is one. */
  machine_item: z.string().min(1).default('hai-machine'),
  database_item: z.string().min(1).default('hai-database'),
})

const NetworkPolicy = z.strictObject({
  /** `additive` opens holes in a namespace that denies already; `default-deny` denies by itself. */
  style: z.enum(['additive', 'default-deny']).default('additive'),
  dns_namespace: Name.default('kube-system'),
  dns_pods: PodLabels.default({ 'k8s-app': 'kube-dns' }),
})

const Worker = z.strictObject({
  /** No default: build it from your clone, or take one that you trust. */
  image: ImageRef,
  command: z.array(z.string().min(1)).min(1).default(['hai', 'worker', 'run']),
  replicas: z.int().min(1).default(1),
  /** Model servers in the cluster that it may call. */
  models: z.array(PodTarget).default([]),
  /** Whether it may call the internet on port 443, for Claude. */
  internet: z.boolean().default(false),
})

/** A change of the operator's own to what is made, for what no setting says. */
const Patch = z.strictObject({
  target: z.strictObject({ kind: z.string().min(1), name: z.string().min(1).optional() }),
  /** Fields to merge into the object, or a list of JSON Patch operations. */
  patch: z.union([
    z.record(z.string(), z.unknown()),
    z
      .array(
        z.looseObject({
          op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
          path: z.string().startsWith('/'),
        }),
      )
      .min(1),
  ]),
})
export type Patch = z.output<typeof Patch>

const Dependency = z.strictObject({ name: Subdomain, namespace: Name })

const Flux = z.strictObject({
  source_kind: z.enum(['GitRepository', 'OCIRepository']).default('GitRepository'),
  source_name: Subdomain.default('flux-system'),
  source_namespace: Name.default('flux-system'),
  /** The folder of all apps in the source; hai's is `<namespace>/hai` below it. */
  path: z
    .string()
    .regex(/^\.(\/(?!\.{1,2}(\/|$))[\w.-]+)+$/, 'expected a path like ./kubernetes/apps, without ..')
    .default('./kubernetes/apps'),
  /** The namespace of the Kustomizations themselves; hai's own when not given. */
  namespace: Name.optional(),
  /** Kustomize components of the app, by their paths from its folder. */
  components: z
    .array(z.string().regex(/^\.\.?\//, 'expected a path like ../../../../components/x'))
    .default([]),
  /** Labels for every object of every part. */
  common_labels: Labels.default({}),
  interval: Duration.default('1h'),
  timeout: Duration.default('10m'),
  /** Where the domain's variable comes from, besides what the cluster injects by itself. */
  substitute_from: z
    .array(z.strictObject({ kind: z.enum(['Secret', 'ConfigMap']), name: Subdomain, optional: z.boolean() }))
    .default([{ kind: 'Secret', name: 'cluster-secrets', optional: true }]),
  /** Flux Kustomizations that must be ready first; when not given, what the other settings name. `[]` means none. */
  depends_on: z.array(Dependency).optional(),
  database_depends_on: z.array(Dependency).optional(),
})

const SchemaUrls = z.strictObject({
  custom: z
    .url({ protocol: /^https$/ })
    .default('https://raw.githubusercontent.com/datreeio/CRDs-catalog/main'),
  kubernetes: z
    .url({ protocol: /^https$/ })
    .default(
      'https://raw.githubusercontent.com/yannh/kubernetes-json-schema/master/master-standalone-strict',
    ),
  kustomization: z.url({ protocol: /^https$/ }).default('https://json.schemastore.org/kustomization'),
})

const Settings = z.strictObject({
  domain: Domain.default(ONE_PLACEHOLDER),
  host: Host.default('hai'),
  namespace: Name.default('home'),
  /** Whether the gateway is one that only your own networks reach, or one that the internet does. */
  exposure: z.enum(['internal', 'external']).default('internal'),
  external: External.optional(),
  gateway: Gateway.prefault({}),
  route: Route.prefault({}),
  windmill: Windmill.prefault({}),
  edge: Edge.prefault({ kind: 'oauth2-proxy' }),
  secrets: Secrets.prefault({}),
  network_policy: NetworkPolicy.prefault({}),
  database: Database.prefault({ kind: 'cluster' }),
  monitoring: Monitoring.prefault({}),
  watchdog: Watchdog.prefault({}),
  dashboard: Dashboard.prefault({ delivery: 'configmap' }),
  worker: Worker.optional(),
  flux: Flux.prefault({}),
  patches: z.array(Patch).default([]),
  schemas: SchemaUrls.prefault({}),
})

/** Everything an operator may say about the cluster. The defaults are one homelab's; unknown fields are refused. */
export const Config = Settings.superRefine(({ exposure, external, gateway, flux, namespace }, context) => {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message })
  if (exposure === 'internal' && external) refuse(['external'], 'expected nothing with exposure: internal')
  if (exposure === 'external' && gateway.name === 'internal')
    refuse(['gateway', 'name'], 'with exposure: external, expected the gateway that the internet reaches')
  const ours = PARTS.map((part) => fluxName(part))
  for (const field of ['depends_on', 'database_depends_on'] as const) {
    for (const [index, before] of (flux[field] ?? []).entries()) {
      if (before.namespace !== (flux.namespace ?? namespace) || !ours.includes(before.name)) continue
      refuse(
        ['flux', field, index, 'name'],
        'expected a Kustomization of the cluster’s: this one is hai’s own, each would wait for the other',
      )
    }
  }
})

export type Config = z.output<typeof Config>

/** The name under which browsers and the CLI find hai. */
export const hostOf = ({ host, domain }: Config): string => `${host}.${domain}`

/** The pods that carry the traffic of hai's gateway, and of no other one. */
export function gatewayPods({ gateway }: Config): { namespace: string; labels: Record<string, string> } {
  const { name, namespace, pods_namespace, pods } = gateway
  const own = {
    'app.kubernetes.io/name': 'envoy',
    'gateway.envoyproxy.io/owning-gateway-name': name,
    'gateway.envoyproxy.io/owning-gateway-namespace': namespace,
  }
  return { namespace: pods_namespace ?? namespace, labels: pods ?? own }
}

/** Windmill as pods of the cluster reach it. */
export const windmillUrl = ({ windmill: { service, namespace, port } }: Config): string =>
  `http://${service}.${namespace}.svc.cluster.local:${port}`

/** The database in the cluster; always the primary; each job opens a connection, so a pooler may be worth its pods where there are many workers. */
export const databaseHost = ({ database }: Config): string =>
  `${database.cluster}-rw.${database.namespace}.svc.cluster.local`

/** Where the store of the backups is spoken to: of the operator's own domain where nothing else is said. */
export const backupEndpoint = ({ domain }: Config, { endpoint }: OwnStore): string =>
  endpoint ?? `https://s3.${domain}`

/** The one folder that hai has in the operator's repository, from its root. */
export const homeFolder = ({ flux, namespace }: Config): string =>
  `${flux.path.replace(/^\.\//, '')}/${namespace}/hai`

/** The folder of one part, from the root of the repository. */
export const partFolder = (config: Config, part: string): string => `${homeFolder(config)}/${part}`

/** The line that the operator adds, and the file of the repository's own that it goes into. */
export const oneLine = ({ flux, namespace }: Config): { file: string; line: string } => ({
  file: `${flux.path.replace(/^\.\//, '')}/${namespace}/kustomization.yaml`,
  line: '  - ./hai/ks.yaml',
})
