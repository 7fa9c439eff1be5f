import { type Config, dependenciesOf } from '../config.ts'
import { type Folder, ManifestFile } from '../manifest-file.ts'

/** Kinds whose readiness Flux can tell by itself; routes and policies have none. */
const WAITED_FOR = ['Deployment', 'ExternalSecret', 'Cluster']

/** What hai itself can't be without; a dashboard is none of it. */
const NEEDED_FIRST = ['Cluster', 'Database', 'ReferenceGrant', 'CiliumNetworkPolicy']

/** One Flux Kustomization per namespace, all declared in hai's: the operator adds one line to his repository. */
export class FluxFile extends ManifestFile {
  constructor(folder: Folder, config: Config, parts: readonly Folder[]) {
    super(folder, 'ks')
    const { namespace } = config
    const others = parts.filter((part) => part.namespace !== namespace && carries(part, NEEDED_FIRST))
    for (const part of parts) {
      const after = part.namespace === namespace ? others : []
      const dependsOn = [
        ...outside(part, config),
        ...after.map((other) => ({ name: fluxName(other.namespace, namespace), namespace })),
      ]
      this.add('Kustomization', fluxName(part.namespace, namespace), { spec: spec(part, config, dependsOn) })
    }
  }
}

interface Dependency {
  name: string
  namespace: string
}

const carries = (part: Folder, kinds: readonly string[]): boolean =>
  part.files.some(({ apiObjects }) => apiObjects.some(({ kind }) => kinds.includes(kind)))

/** What must be there that is not ours. */
function outside(part: Folder, config: Config): Dependency[] {
  const lists = [
    ...(part.namespace === config.namespace ? [dependenciesOf(config)] : []),
    ...(carries(part, ['Cluster', 'Database']) ? [config.flux.database_depends_on] : []),
  ].flat()
  return [...new Map(lists.map((one) => [`${one.namespace}/${one.name}`, one])).values()]
}

function spec(part: Folder, { flux }: Config, dependsOn: Dependency[]) {
  const healthChecks = part.files
    .flatMap((file) => file.apiObjects)
    .filter(({ kind }) => WAITED_FOR.includes(kind))
    .map(({ apiVersion, kind, name }) => ({ apiVersion, kind, name, namespace: part.namespace }))
  return {
    path: `${flux.path}/${part.namespace}/hai/app`,
    targetNamespace: part.namespace,
    interval: flux.interval,
    retryInterval: '2m',
    timeout: flux.timeout,
    prune: true as const,
    // the health checks say what is waited for
    wait: false as const,
    sourceRef: { kind: flux.source_kind, name: flux.source_name, namespace: flux.source_namespace },
    ...(dependsOn.length > 0 ? { dependsOn } : {}),
    ...(healthChecks.length > 0 ? { healthChecks } : {}),
    ...(flux.substitute_from.length > 0 ? { postBuild: { substituteFrom: flux.substitute_from } } : {}),
  }
}

/** `hai`, and `hai-<namespace>` for what lies elsewhere. */
export const fluxName = (namespace: string, home: string): string =>
  namespace === home ? 'hai' : `hai-${namespace}`
