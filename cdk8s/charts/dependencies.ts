import type { Config } from '../config/config.ts'

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
