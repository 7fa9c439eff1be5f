import { dirname } from 'node:path'
import { type GatewayPolicy, gatewaysOf, policiesOf, type SeenGateway } from './gateways.ts'
import { isFlux, listOf, mapOf, plain, type Repository, release, specOf, textOf } from './repository.ts'
import { isLabel, isSubdomain, isTaken } from './shapes.ts'

/** A setting that a repository tells, and the file that does. */
export interface Seen {
  field: string
  value: unknown
  from: string
}

/** Something that hai needs or may use and that is not there; `so` says what follows. */
export interface Unseen {
  what: string
  so: string
  /** What the command line may say instead. */
  option?: 'domain' | 'gateway'
}

export interface Look {
  seen: Seen[]
  unseen: Unseen[]
  gateways: SeenGateway[]
  policies: GatewayPolicy[]
  namespaces: Set<string>
  /** What was passed over: what it is, and why. */
  skipped: string[]
}

type Store = ReturnType<typeof collector>

/** What a repository tells of the cluster that it makes. */
export function lookAt(repository: Repository): Look {
  const found = collector(repository.skipped)
  const gateways = gatewaysOf(repository, found.skips)
  flux(repository, found)
  domain(repository, found)
  windmill(repository, found)
  login(repository, found)
  secrets(repository, found)
  database(repository, found)
  network(repository, found)
  monitoring(repository, found)
  dependencies(repository, found)
  if (gateways.length === 0) {
    found.lacks(
      'a Gateway',
      'hai is published by Gateway API and Envoy Gateway: gateway.name must be one that is there',
      'gateway',
    )
  }
  return {
    skipped: found.skipped,
    seen: found.seen,
    unseen: found.unseen,
    gateways,
    policies: policiesOf(repository),
    namespaces: new Set(
      repository.objects.flatMap(({ kind, name, namespace }) => [
        ...(kind === 'Namespace' ? [name] : []),
        ...(namespace ? [namespace] : []),
      ]),
    ),
  }
}

function collector(unread: readonly string[]) {
  const seen: Seen[] = []
  const skipped = [...unread]
  const skips = (line: string) => {
    if (!skipped.includes(line)) skipped.push(line)
  }
  const unseen: Unseen[] = []
  return {
    seen,
    unseen,
    skipped,
    skips,
    says: (field: string, value: unknown, from: string) => {
      if (value === undefined || seen.some((one) => one.field === field)) return
      if (isTaken(field, value)) seen.push({ field, value, from })
      else skips(`${from}: ${JSON.stringify(value)} is nothing that the setting ${field} takes`)
    },
    lacks: (what: string, so: string, option?: Unseen['option']) => {
      unseen.push({ what, so, ...(option ? { option } : {}) })
    },
  }
}

/** The value that occurs most often, and where it was first. */
function usual<T>(
  values: readonly { value: T; file: string }[],
): { value: T; file: string; times: number } | undefined {
  const counted = new Map<string, { value: T; file: string; times: number }>()
  for (const { value, file } of values) {
    const key = JSON.stringify(value)
    const known = counted.get(key) ?? { value, file, times: 0 }
    counted.set(key, { ...known, times: known.times + 1 })
  }
  return [...counted.values()].sort((a, b) => b.times - a.times)[0]
}

function flux({ objects, folder }: Repository, { says, lacks }: Store): void {
  const all = objects.filter(isFlux)
  const apps = all.filter(({ file }) => /^.+\/[^/]+\/[^/]+\/ks\.ya?ml$/.test(file))
  const root = usual(apps.map(({ file }) => ({ value: dirname(dirname(dirname(file))), file })))
  const whole = all.find(({ name }) => /apps$|^flux-system$/.test(name)) ?? all[0]
  if (root) says('flux.path', `./${root.value}`, root.file)
  else if (whole) {
    const path = plain(textOf(specOf(whole).path) ?? '')
    const value = /(^|\/)apps$/.test(path) ? path : [path, 'apps'].filter(Boolean).join('/')
    says('flux.path', `./${value}`, whole.file)
  } else {
    lacks(
      `a Flux Kustomization in ${folder}`,
      'Flux must build ./kubernetes/apps, or flux.path must say what it builds',
    )
  }
  const source = usual(
    all.flatMap((one) => {
      const { kind, name, namespace } = mapOf(specOf(one).sourceRef)
      const value = { kind, name: textOf(name), namespace: textOf(namespace) ?? one.namespace }
      return value.name ? [{ value, file: one.file }] : []
    }),
  )
  if (source) {
    const { kind, name, namespace } = source.value
    if (kind === 'GitRepository' || kind === 'OCIRepository') says('flux.source_kind', kind, source.file)
    says('flux.source_name', name, source.file)
    says('flux.source_namespace', namespace, source.file)
  }
  const one = usual(
    apps.filter(({ namespace }) => namespace).map((app) => ({ value: app.namespace!, file: app.file })),
  )
  const targets = new Set(apps.map((app) => specOf(app).targetNamespace).filter(Boolean))
  if (one && targets.size > 1 && apps.every(({ namespace }) => namespace === one.value))
    says('flux.namespace', one.value, one.file)
  const injected = all.find((parent) =>
    JSON.stringify(specOf(parent).patches ?? '').includes('substituteFrom'),
  )
  if (injected) says('flux.substitute_from', [], injected.file)
  else {
    const from = usual(
      all.flatMap((app) => {
        const value = listOf(mapOf(specOf(app).postBuild).substituteFrom)
        return value.length > 0 ? [{ value, file: app.file }] : []
      }),
    )
    const value = from?.value.map(({ kind, name, optional }) => ({ kind, name, optional: optional === true }))
    // what a few apps ask for is their own affair
    if (from && from.times * 2 > apps.length) says('flux.substitute_from', value, from.file)
  }
}

/** The variable of Flux's that stands for the domain; where there is none, the domain as routes have it. */
function domain({ texts }: Repository, { says, lacks }: Store): void {
  const variables: { value: string; file: string }[] = []
  const hosts: { value: string; file: string }[] = []
  for (const [file, text] of texts) {
    for (const [, variable] of text.matchAll(/\.(\$\{[A-Z][A-Z0-9_]*DOMAIN[A-Z0-9_]*\})/g))
      variables.push({ value: variable!, file })
    for (const [block] of text.matchAll(
      /^ *(?:- )?(?:hostnames|hosts?|external-dns\S*target):.*(?:\n *- .*)*/gm,
    )) {
      for (const [, host] of block
        .replace(/^[^:]*:/, '')
        .matchAll(/[a-z0-9}-]\.((?:[a-z0-9-]+\.)+[a-z]{2,})(?![\w.-])/g))
        if (!/\.(local|internal|svc)$/.test(host!)) hosts.push({ value: host!, file })
    }
  }
  const found = usual(variables) ?? usual(hosts)
  if (!found) {
    lacks('the domain', `it is taken to be the variable \${SECRET_DOMAIN} of Flux's`, 'domain')
    return
  }
  says('domain', found.value, found.file)
  if (!found.value.startsWith('$')) says('flux.substitute_from', [], 'the domain is no variable')
}

function windmill({ objects }: Repository, { says, lacks }: Store): void {
  const found = release(objects, /^windmill$/)
  if (!found) {
    lacks('Windmill', 'its chart must be installed first: what hai does runs there')
    return
  }
  says('windmill.namespace', found.namespace, found.file)
  says('namespace', found.namespace, found.file)
}

/** Authelia: the host of its pages, and the group that its rules ask for most. */
function login({ objects, texts }: Repository, { says, lacks }: Store): void {
  const found = release(objects, /^authelia$/)
  if (!found) {
    lacks('Authelia', 'browsers log in there: edge.issuer_host must be one that is there')
    return
  }
  const near = [...texts].filter(([file]) => file.startsWith(`${dirname(dirname(found.file))}/`))
  const hosts = near.flatMap(([file, text]) =>
    [...text.matchAll(/https:\/\/([a-z0-9-]+\.(?:\$\{[A-Z][A-Z0-9_]*\}|[a-z0-9.-]+\.[a-z]{2,}))/g)]
      .filter(([, host]) => /^(auth|login|sso|id)[a-z0-9-]*\./.test(host!))
      .map(([, host]) => ({ value: host!, file })),
  )
  const host = usual(hosts)
  if (host) says('edge.issuer_host', host.value, host.file)
  const groups = near.flatMap(([file, text]) =>
    [...text.matchAll(/["' [-]group:([\w.-]+)/g)].map(([, group]) => ({ value: group!, file })),
  )
  const group = usual(groups)
  if (group) says('edge.allowed_groups', [group.value], group.file)
}

function secrets({ objects, texts }: Repository, { says, lacks }: Store): void {
  const stores = objects.filter(({ kind }) => kind === 'ClusterSecretStore')
  const used = usual(
    [...texts].flatMap(([file, text]) =>
      [...text.matchAll(/secretStoreRef:\n\s+(?:kind: ClusterSecretStore\n\s+)?name: ([\w.-]+)/g)].map(
        ([, name]) => ({ value: name!, file }),
      ),
    ),
  )
  const store = stores.find(({ name }) => name === used?.value) ?? stores[0]
  if (!store) {
    lacks(
      'a ClusterSecretStore',
      'External Secrets fetches all secrets: secrets.store must be one that is there',
    )
    return
  }
  says('secrets.store', store.name, store.file)
  const provider = Object.keys(mapOf(specOf(store).provider))[0]
  if (provider === 'onepasswordSDK') says('secrets.reference', 'path', store.file)
}

function database({ objects, texts }: Repository, { says, lacks }: Store): void {
  const clusters = objects.filter((one) => one.kind === 'Cluster' && /cnpg/.test(one.apiVersion))
  const operator = release(objects, /^cloudnative-pg$|^cnpg$/)
  const plugin = [...texts].find(([, text]) => /barman-cloud/.test(text))
  if (!plugin) {
    lacks(
      'the Barman Cloud plugin',
      'the database has no backups until it is there and database.backup says where they go',
    )
  }
  if (!operator && clusters.length === 0) {
    lacks('CloudNativePG', 'its operator must be installed first: it runs hai’s database')
    return
  }
  const place = usual(
    clusters.filter(({ namespace }) => namespace).map((one) => ({ value: one.namespace!, file: one.file })),
  )
  if (place) says('database.namespace', place.value, place.file)
  if (operator) says('database.namespace', operator.namespace, operator.file)
  if (operator) says('database.operator_namespace', operator.namespace, operator.file)
  const storage = usual(
    clusters.flatMap((one) => {
      const value = textOf(mapOf(specOf(one).storage).storageClass)
      return value ? [{ value, file: one.file }] : []
    }),
  )
  if (storage) says('database.storage_class', storage.value, storage.file)
  const store = objects.find(({ kind }) => kind === 'ObjectStore')
  if (!plugin) {
    says('database.backup', 'none', 'no Barman Cloud plugin in the repository')
    return
  }
  const endpointURL = store && textOf(mapOf(specOf(store).configuration).endpointURL)
  if (!store || !endpointURL) return
  says('database.backup.endpoint', endpointURL, store.file)
  if (!isTaken('database.backup.endpoint', endpointURL)) return
  const [, name, namespace, port] =
    /^http:\/\/([a-z0-9-]+)\.([a-z0-9-]+)\.svc[a-z.]*:(\d+)/.exec(endpointURL) ?? []
  if (!name) return
  const pods = { namespace, labels: { 'app.kubernetes.io/name': name }, port: Number(port) }
  says('database.backup.pods', pods, `${store.file}; the labels are guessed from the name of its Service`)
}

/** The network of pods, and whether namespaces deny by themselves. */
function network({ objects, texts }: Repository, { says, lacks }: Store): void {
  const pods = usual(
    [...texts].flatMap(([file, text]) =>
      [
        /ipv4NativeRoutingCIDR:\s*"?(\d+\.\d+\.\d+\.\d+\/\d+)/g,
        /clusterPoolIPv4PodCIDRList:\s*(?:\[|\n\s*-)?\s*"?(\d+\.\d+\.\d+\.\d+\/\d+)/g,
        /podSubnets:\s*(?:\[|\n\s*-)?\s*"?(\d+\.\d+\.\d+\.\d+\/\d+)/g,
        /cluster-cidr[=:]\s*"?(\d+\.\d+\.\d+\.\d+\/\d+)/g,
      ].flatMap((pattern) => [...text.matchAll(pattern)].map(([, value]) => ({ value: value!, file }))),
    ),
  )
  if (pods) says('edge.trusted_proxies', [pods.value], pods.file)
  if (!release(objects, /^cilium$/) && !objects.some(({ kind }) => kind.startsWith('Cilium'))) {
    lacks('Cilium', 'hai’s network policies are Cilium’s: without it they cannot be applied')
  }
  const denies = [...texts].find(([file]) => /default-deny/.test(file))
  if (denies) says('network_policy.style', 'additive', denies[0])
  else says('network_policy.style', 'default-deny', 'no default-deny in the repository')
}

function monitoring({ objects }: Repository, { says, lacks }: Store): void {
  const prometheus = release(objects, /^kube-prometheus-stack$|^prometheus$/)
  if (prometheus) says('monitoring.prometheus_namespace', prometheus.namespace, prometheus.file)
  else lacks('kube-prometheus-stack', 'hai’s alerts and its PodMonitors are Prometheus’ own kinds')
  const instance = objects.find(({ kind }) => kind === 'Grafana')
  if (instance) {
    says('dashboard.delivery', 'grafana-operator', instance.file)
    says('dashboard.namespace', instance.namespace, instance.file)
    const labels = usual(
      objects
        .filter(({ kind }) => kind === 'GrafanaDashboard')
        .flatMap((one) => {
          const value = mapOf(mapOf(specOf(one).instanceSelector).matchLabels)
          return Object.keys(value).length > 0 ? [{ value, file: one.file }] : []
        }),
    )
    if (labels) says('dashboard.instance_labels', labels.value, labels.file)
    return
  }
  const grafana = release(objects, /^grafana$/)
  if (grafana) {
    says('dashboard.delivery', 'configmap', grafana.file)
    says('dashboard.namespace', grafana.namespace, grafana.file)
  } else if (prometheus) {
    says('dashboard.delivery', 'configmap', prometheus.file)
    says('dashboard.namespace', prometheus.namespace, prometheus.file)
  }
}

/** Only what is there: a name that is nowhere would be waited for without end. */
function dependencies({ objects }: Repository, { seen, says }: Store): void {
  const builds = (file: string) =>
    objects
      .filter(isFlux)
      .map((one) => ({ one, path: plain(textOf(specOf(one).path) ?? '') }))
      .filter(({ one, path }) => path !== '' && one.name !== '' && file.startsWith(`${path}/`))
      .filter(({ one }) => /\/ks\.ya?ml$/.test(one.file))
      .sort((a, b) => b.path.length - a.path.length)[0]?.one
  const named = (files: (string | undefined)[]) =>
    files.flatMap((file) => {
      const one = file === undefined ? undefined : builds(file)
      return one && isSubdomain(one.name) && isLabel(one.namespace)
        ? [{ name: one.name, namespace: one.namespace! }]
        : []
    })
  const fileOf = (field: string) => seen.find((one) => one.field === field)?.from
  const operator = fileOf('database.operator_namespace')
  const store = fileOf('secrets.store')
  const authelia = release(objects, /^authelia$/)?.file
  says(
    'flux.depends_on',
    named([authelia, store, fileOf('windmill.namespace')]),
    'what the repository has of them',
  )
  says('flux.database_depends_on', named([store, operator]), 'what the repository has of them')
}
