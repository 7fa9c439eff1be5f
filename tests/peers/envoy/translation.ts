import type { KubeObject } from '../../../cdk8s/charts/manifest-file.ts'
import type { Tree } from '../../../cdk8s/tree.ts'

// A small translation of the generated routes and policies into Envoy's own configuration. It is the tests' own and
// stands for that of Envoy Gateway, whose defaults it takes over as they were read from what its `egctl x translate`
// makes: paths are normalised, doubled slashes merged, escaped ones redirected, header names with an underscore refused.
// What it does not know it refuses.

interface Match {
  path: { type: 'Exact' | 'PathPrefix'; value: string }
  method?: string
  headers?: { type?: 'Exact' | 'RegularExpression'; name: string; value: string }[]
}

interface Filter {
  type: string
  requestHeaderModifier?: { remove?: string[] }
  urlRewrite?: { path: { type: string; replaceFullPath?: string; replacePrefixMatch?: string } }
  requestRedirect?: { path?: { replaceFullPath?: string }; statusCode?: number }
  extensionRef?: { kind: string; name: string }
}

interface Rule {
  matches: Match[]
  filters?: Filter[]
  backendRefs?: { name: string; port: number }[]
  timeouts?: { request?: string }
}

interface RouteSpec {
  hostnames: string[]
  rules: Rule[]
}

/** A BackendTrafficPolicy as far as retries go. */
interface Traffic {
  targetRefs: { name: string }[]
  mergeType?: 'StrategicMerge' | 'JSONMerge'
  retry?: { numRetries?: number; retryOn?: { triggers?: string[] } }
}

interface Security {
  targetRefs: { name: string }[]
  extAuth?: {
    failOpen?: boolean
    headersToExtAuth?: string[]
    http: { backendRefs: { name: string }[]; path?: string; headersToBackend?: string[] }
  }
}

interface DirectResponse {
  statusCode?: number
  contentType?: string
  body?: { inline?: string }
}

export interface Wiring {
  port: number
  adminPort: number
  /** Where each Service is, by its name. */
  services: Record<string, number>
  /** What the operator has set for the whole gateway. */
  gatewayTraffic?: Pick<Traffic, 'retry'>
}

const TYPE = 'type.googleapis.com/envoy'

/** Envoy's configuration, as JSON. */
export function envoyConfig(tree: Tree, wiring: Wiring): object {
  const routes = of<RouteSpec>(tree, 'HTTPRoute')
  const traffic = of<Traffic>(tree, 'BackendTrafficPolicy').map(({ spec }) => spec)
  const security = of<Security>(tree, 'SecurityPolicy').map(({ spec }) => spec)
  const asking = security.filter(({ extAuth }) => extAuth)
  const all = routes
    .flatMap(({ metadata: { name }, spec }) =>
      spec.rules.flatMap((rule) => rule.matches.map((match) => ({ name, rule, match }))),
    )
    .sort((a, b) => compare(rank(b.match), rank(a.match)))
  const retries = (name: string) => retryOf(effective(traffic.find(targets(name)), wiring.gatewayTraffic))
  const domains = [...new Set(routes.flatMap(({ spec }) => spec.hostnames))]
  return {
    admin: { address: socket(wiring.adminPort) },
    static_resources: {
      listeners: [
        {
          address: socket(wiring.port),
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
                    stat_prefix: 'http',
                    normalize_path: true,
                    merge_slashes: true,
                    path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
                    common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST' },
                    upgrade_configs: [{ upgrade_type: 'websocket' }],
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'hai',
                          domains,
                          routes: all.map(({ name, rule, match }) => ({
                            match: matchOf(match),
                            ...actionOf(tree, rule, match, retries(name)),
                            typed_per_filter_config: unasked(asking, name),
                          })),
                        },
                      ],
                    },
                    http_filters: [
                      ...asking.map(extAuthz),
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router` },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: Object.entries(wiring.services).map(([name, port]) => ({
        name,
        connect_timeout: '5s',
        load_assignment: {
          cluster_name: name,
          endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(port) } }] }],
        },
      })),
    },
  }
}

const of = <T>(tree: Tree, kind: string) =>
  tree.entries
    .filter(({ object }) => object.kind === kind)
    .map(({ object }) => object as KubeObject & { spec: T })

const socket = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })

const targets = (name: string) => (policy: { targetRefs: { name: string }[] }) =>
  policy.targetRefs.some((target) => target.name === name)

/** Gateway API's order: an exact path before prefixes, a longer prefix, a method, more headers. */
const rank = ({ path, method, headers }: Match): number[] => [
  path.type === 'Exact' ? 1 : 0,
  path.value.length,
  method ? 1 : 0,
  headers?.length ?? 0,
]

function compare(a: number[], b: number[]): number {
  const index = a.findIndex((value, at) => value !== b[at])
  return index < 0 ? 0 : a[index]! - b[index]!
}

function matchOf({ path, method, headers = [] }: Match): object {
  const exact = path.type === 'Exact'
  const at = exact
    ? { path: path.value }
    : path.value === '/'
      ? { prefix: '/' }
      : { path_separated_prefix: path.value }
  const wanted = headers.map(({ type, name, value }) => ({
    name,
    string_match: type === 'RegularExpression' ? { safe_regex: { regex: value } } : { exact: value },
  }))
  return {
    ...at,
    headers: [...(method ? [{ name: ':method', string_match: { exact: method } }] : []), ...wanted],
  }
}

function actionOf(tree: Tree, rule: Rule, match: Match, retry: object): object {
  const { filters = [], backendRefs = [], timeouts } = rule
  const remove = filters.flatMap(({ requestHeaderModifier }) => requestHeaderModifier?.remove ?? [])
  const answer = filters.find(({ extensionRef }) => extensionRef?.kind === 'HTTPRouteFilter')?.extensionRef
  const redirect = filters.find(({ requestRedirect }) => requestRedirect)?.requestRedirect
  const known = ['RequestHeaderModifier', 'URLRewrite', 'RequestRedirect', 'ExtensionRef']
  const strange = filters.find(({ type }) => !known.includes(type))
  if (strange) throw new Error(`the translation knows no filter ${strange.type}`)
  if (answer) return directResponse(tree, answer.name)
  if (redirect) {
    return {
      redirect: { path_redirect: redirect.path?.replaceFullPath, response_code: found(redirect.statusCode) },
    }
  }
  const [backend, ...more] = backendRefs
  if (!backend || more.length > 0) throw new Error('the translation knows routes with one backend')
  return {
    ...(remove.length > 0 ? { request_headers_to_remove: remove } : {}),
    route: {
      cluster: backend.name,
      ...rewriteOf(filters, match),
      ...(timeouts?.request ? { timeout: seconds(timeouts.request) } : {}),
      ...retry,
    },
  }
}

const found = (status = 302) => ({ 301: 'MOVED_PERMANENTLY', 302: 'FOUND' })[status]

function rewriteOf(filters: Filter[], { path: { value } }: Match): object {
  const to = filters.find(({ urlRewrite }) => urlRewrite)?.urlRewrite?.path
  if (!to) return {}
  if (to.replaceFullPath !== undefined)
    return { regex_rewrite: { pattern: { regex: '^/.*$' }, substitution: to.replaceFullPath } }
  if (value === '/') throw new Error('the translation rewrites no prefix /')
  return { prefix_rewrite: to.replacePrefixMatch }
}

/** Envoy takes seconds alone. */
function seconds(duration: string): string {
  const [, count, unit] = /^(\d+)(s|m|h)$/.exec(duration) ?? []
  if (!count) throw new Error(`the translation knows no duration ${duration}`)
  return `${Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h']}s`
}

/** A route's own policy replaces the gateway's, unless it says that it is merged. */
function effective(
  own: Traffic | undefined,
  gateway: Pick<Traffic, 'retry'> | undefined,
): Pick<Traffic, 'retry'> {
  if (!own) return gateway ?? {}
  return own.mergeType ? { retry: { ...gateway?.retry, ...own.retry } } : own
}

function retryOf({ retry }: Pick<Traffic, 'retry'>): object {
  const count = retry?.numRetries ?? (retry ? 2 : 0)
  if (count === 0) return {}
  return { retry_policy: { retry_on: retry?.retryOn?.triggers?.join(',') ?? 'reset', num_retries: count } }
}

function directResponse(tree: Tree, name: string): object {
  const filter = of<{ directResponse: DirectResponse }>(tree, 'HTTPRouteFilter').find(
    (one) => one.metadata.name === name,
  )
  if (!filter) throw new Error(`a route names the HTTPRouteFilter ${name}, which the tree has not`)
  const { statusCode = 200, contentType, body } = filter.spec.directResponse
  return {
    direct_response: {
      status: statusCode,
      ...(body?.inline ? { body: { inline_string: body.inline } } : {}),
    },
    ...(contentType
      ? {
          response_headers_to_add: [
            {
              header: { key: 'content-type', value: contentType },
              append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
            },
          ],
        }
      : {}),
  }
}

/** Each policy has a filter of its own, and holds for its own routes alone. */
const filterName = (index: number) => `envoy.filters.http.ext_authz/${index}`

const unasked = (policies: Security[], route: string) =>
  Object.fromEntries(
    policies.flatMap((policy, index) => {
      const off = { '@type': `${TYPE}.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`, disabled: true }
      return targets(route)(policy) ? [] : [[filterName(index), off]]
    }),
  )

function extAuthz({ extAuth }: Security, index: number): object {
  const { failOpen = false, headersToExtAuth = [], http } = extAuth!
  const [backend] = http.backendRefs
  const exactly = (names: string[]) => ({ patterns: names.map((exact) => ({ exact, ignore_case: true })) })
  return {
    name: filterName(index),
    typed_config: {
      '@type': `${TYPE}.extensions.filters.http.ext_authz.v3.ExtAuthz`,
      failure_mode_allow: failOpen,
      allowed_headers: exactly(headersToExtAuth),
      http_service: {
        server_uri: { uri: 'http://authelia', cluster: backend!.name, timeout: '10s' },
        path_prefix: http.path ?? '',
        ...(http.headersToBackend
          ? { authorization_response: { allowed_upstream_headers: exactly(http.headersToBackend) } }
          : {}),
      },
    },
  }
}
