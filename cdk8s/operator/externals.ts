import { appNeeds, databaseNeeds, fluxNamespace } from '../charts/flux.ts'
import { backupEndpoint, type Config } from '../config/config.ts'
import type { Backup } from '../config/database.ts'
import { BARMAN } from '../names.ts'

/** Something of the cluster's that hai's objects name and don't bring. */
export interface External {
  kind: string
  namespace: string
  name: string
  why: string
}

/** All that must be there before hai is. `npm run synth` prints the list. */
export function externals(config: Config): External[] {
  const all = named(config)
  return [...new Map(all.map((one) => [`${one.kind} ${one.namespace}/${one.name}`, one])).values()]
}

/** What becomes, on hai's routes, of a SecurityPolicy that the operator's Gateway has: nobody should learn it from what breaks. */
export function gatewayPolicy({ gateway }: Config): string {
  const theirs = `a SecurityPolicy on Gateway ${gateway.namespace}/${gateway.name}`
  return gateway.override_policy
    ? `${theirs} is replaced on hai's routes, whole: extAuth, IP lists, JWT and CORS (gateway.override_policy: false keeps it)`
    : `${theirs} holds for hai's routes too: an IP list should; extAuth, JWT or basicAuth shut the machine paths (gateway.override_policy: true replaces it whole)`
}

function named(config: Config): External[] {
  const { gateway, windmill, edge, secrets, flux } = config
  return [
    {
      kind: 'Gateway',
      namespace: gateway.namespace,
      name: gateway.name,
      why: `listener ${gateway.listener}`,
    },
    { kind: 'Service', namespace: windmill.namespace, name: windmill.service, why: `port ${windmill.port}` },
    ...(edge.kind === 'envoy-extauth'
      ? [{ kind: 'Service', namespace: edge.namespace, name: edge.service, why: `port ${edge.port}` }]
      : []),
    ...stores(config).map((at) => ({
      kind: secrets.store_kind,
      namespace: at,
      name: secrets.store,
      why: 'the secrets',
    })),
    {
      kind: flux.source_kind,
      namespace: flux.source_namespace,
      name: flux.source_name,
      why: 'the repository',
    },
    ...[...appNeeds(config), ...databaseNeeds(config)].map(({ name, namespace: at }) => ({
      kind: 'Kustomization',
      namespace: at,
      name,
      why: 'comes first',
    })),
    ...substitutes(config),
    ...databaseParts(config),
  ]
}

/** What Flux fills in from: where the domain is written out, only what must be there all the same. */
function substitutes(config: Config): External[] {
  const { domain, flux } = config
  const isVariable = domain.startsWith('$')
  return flux.substitute_from
    .filter(({ optional }) => isVariable || !optional)
    .map(({ kind, name, optional }) => ({
      kind,
      namespace: fluxNamespace(config),
      name,
      why: whyFilledIn(isVariable, optional),
    }))
}

function whyFilledIn(isVariable: boolean, optional: boolean): string {
  if (!isVariable) return 'flux.substitute_from'
  return optional ? 'the domain’s variable, when nothing else brings it' : 'the domain’s variable'
}

/** A cluster-wide store has no namespace; a SecretStore must be in each one that asks it. */
function stores({ secrets, namespace, windmill, database, dashboard }: Config): string[] {
  if (secrets.store_kind === 'ClusterSecretStore') return ['']
  return [...new Set([namespace, windmill.namespace, database.namespace, dashboard.namespace])]
}

function databaseParts(config: Config): External[] {
  const { database } = config
  if (database.kind === 'existing') {
    const { namespace, cluster } = database
    return [
      {
        kind: 'Cluster',
        namespace,
        name: cluster,
        why: 'with what stands in operator/postgres-cluster.yaml',
      },
    ]
  }
  const { namespace, backup, restore_from } = database
  const theirs = (name: string | undefined, why: string): External[] =>
    name ? [{ kind: 'ObjectStore', namespace, name, why }] : []
  return [
    ...theirs(backup === 'none' ? undefined : backup.object_store, 'backups'),
    ...(backup === 'none' || !backup.own ? [] : bucket(config, backup.own)),
    ...(backup === 'none' && !restore_from ? [] : [plugin(database.operator_namespace)]),
    ...theirs(restore_from?.object_store, 'the backup that is restored'),
  ]
}

/** Nobody makes it: without it the database is well and its backups are not. */
const bucket = (config: Config, own: NonNullable<Backup['own']>): External[] => [
  { kind: 'Bucket', namespace: '', name: own.destination, why: `backups, at ${backupEndpoint(config, own)}` },
]

const plugin = (namespace: string): External => ({
  kind: 'Plugin',
  namespace,
  name: BARMAN,
  why: 'CloudNativePG’s, for backups',
})
