import { type Config, partFolder } from '../config/config.ts'
import { Kustomization, type KustomizationSpec } from '../imports/kustomize.toolkit.fluxcd.io.ts'
import { fluxName } from '../names.ts'
import { because, type Folder, ManifestFile } from './manifest-file.ts'

const hasReadyCondition =
  "has(status.conditions) && status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')"

/**
 * Kinds that are waited for, and when they are there. Flux takes most objects for ready the moment they are applied,
 * since they have no condition yet: only of a Deployment does it know better.
 */
const WAITED_FOR: Record<string, string | undefined> = {
  Deployment: undefined,
  ExternalSecret: hasReadyCondition,
  Cluster: "has(status.phase) && status.phase == 'Cluster in healthy state'",
  Database: 'has(status.applied) && status.applied',
}

/** Which part comes after which; a token's own parts come last, so that the rest is well without it. */
const AFTER: Record<string, readonly string[]> = {
  app: ['database', 'windmill', 'authelia'],
  dashboard: ['database'],
  watchdog: ['app'],
  worker: ['app'],
}

/** One Flux Kustomization per part, all declared in one file: the operator adds one line to the repository. */
export class FluxFile extends ManifestFile {
  constructor(folder: Folder, config: Config, parts: readonly Folder[]) {
    super(folder, 'ks')
    const there: string[] = parts.map(({ part }) => part)
    for (const folder of parts) {
      const before = (AFTER[folder.part] ?? []).filter((part) => there.includes(part))
      const dependsOn = [
        ...outside(folder.part, config),
        ...before.map((part) => ({ name: fluxName(part), namespace: fluxNamespace(config) })),
      ]
      const name = fluxName(folder.part)
      const part = new Kustomization(this, name, {
        metadata: { name },
        spec: spec(folder, config, dependsOn),
      })
      because(part, { 'spec.wait': 'the health checks say what is waited for' })
    }
  }
}

/** What must be there that is not ours. */
function outside(part: string, config: Config): Dependency[] {
  if (part === 'app') return appNeeds(config)
  return part === 'database' ? databaseNeeds(config) : []
}

function spec(part: Folder, config: Config, dependsOn: Dependency[]): KustomizationSpec {
  const { flux } = config
  const waitedFor = part.files
    .flatMap((file) => file.apiObjects)
    .filter(({ kind }) => Object.hasOwn(WAITED_FOR, kind))
  const healthChecks = waitedFor.map(({ apiVersion, kind, name }) => ({
    apiVersion,
    kind,
    name,
    namespace: part.namespace,
  }))
  const kinds = new Map(waitedFor.map(({ apiVersion, kind }) => [kind, apiVersion]))
  const healthCheckExprs = [...kinds].flatMap(([kind, apiVersion]) => {
    const current = WAITED_FOR[kind]
    return current ? [{ apiVersion, kind, current }] : []
  })
  return {
    path: `./${partFolder(config, part.part)}`,
    targetNamespace: part.namespace,
    interval: flux.interval,
    retryInterval: '2m',
    timeout: flux.timeout,
    components: some(part.part === 'app' ? flux.components : []),
    commonMetadata: Object.keys(flux.common_labels).length > 0 ? { labels: flux.common_labels } : undefined,
    prune: true,
    wait: false,
    sourceRef: { kind: flux.source_kind, name: flux.source_name, namespace: flux.source_namespace },
    dependsOn: some(dependsOn),
    healthChecks: some(healthChecks),
    healthCheckExprs: some(healthCheckExprs),
    postBuild: flux.substitute_from.length > 0 ? { substituteFrom: flux.substitute_from } : undefined,
  }
}

/** Flux has no use for a list of nothing. */
const some = <T>(list: readonly T[]): readonly T[] | undefined => (list.length > 0 ? list : undefined)

/** Where the Kustomizations lie: beside hai, unless the repository keeps all of its own in one namespace. */
export const fluxNamespace = ({ flux, namespace }: Config): string => flux.namespace ?? namespace

/** A Flux Kustomization. */
export interface Dependency {
  name: string
  namespace: string
}

/** Flux Kustomizations of the cluster's that come before hai's app: what the settings name, unless they are listed. */
export function appNeeds(config: Config): Dependency[] {
  const { flux, windmill, edge } = config
  if (flux.depends_on) return flux.depends_on
  return [...login(edge), store(config), { name: 'windmill', namespace: windmill.namespace }]
}

/** None where another issuer than the gateway's own Authelia is named: what its Kustomization is called nobody knows. */
function login(edge: Config['edge']): Dependency[] {
  if (edge.kind === 'envoy-extauth') return [{ name: edge.service, namespace: edge.namespace }]
  const isOurs = edge.issuer === 'gateway' && edge.issuer_host === undefined
  return isOurs ? [{ name: 'authelia', namespace: 'auth' }] : []
}

/** The same for its database. */
export function databaseNeeds(config: Config): Dependency[] {
  const { flux, database } = config
  if (flux.database_depends_on) return flux.database_depends_on
  const there = database.kind === 'cluster' ? database.operator_namespace : database.namespace
  return [store(config), { name: 'cloudnative-pg', namespace: there }]
}

/** What fetches secrets. */
const store = ({ secrets }: Config): Dependency => ({
  name: secrets.store,
  namespace: secrets.store_namespace,
})
