import { type Config, hostOf } from '../config/config.ts'
import { HttpRouteFilter } from '../imports/gateway.envoyproxy.io.ts'
import {
  type BackendRef,
  HttpRoute,
  type HttpRouteMatch,
  type HttpRouteRule,
  type HttpRouteRuleFilter,
} from '../imports/gateway.networking.k8s.io.ts'
import { PROXY, PROXY_PORT, REFUSAL, ROUTES } from '../names.ts'
import { MACHINE_PATHS, type MachinePath, machinePrefixes } from './machine-paths.ts'
import { because, type Folder, ManifestFile } from './manifest-file.ts'

/**
 * Headers by which a client could speak as somebody else, or as another path, to Windmill or to the proxy: Envoy passes
 * them on as they come (CVE-2026-40575, CVE-2025-64484). Gateway API takes sixteen at most.
 */
const SPOOFABLE = [
  'X-Forwarded-Uri',
  'X-Forwarded-Host',
  'X-Original-Uri',
  'X-Original-Url',
  'X-Rewrite-Url',
  'X-Auth-Request-Redirect',
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Groups',
  'X-Forwarded-Preferred-Username',
  'Remote-User',
  'Remote-Groups',
  'Remote-Name',
  'Remote-Email',
  'Forwarded',
]

/** A machine shows its token. Envoy holds the whole value against it; what has none falls to the edge. */
const WITH_TOKEN = [header('^[Bb]earer .+')]

/** Authelia takes a password as well, and Envoy sends it `Authorization` whatever it is told: such a request goes to neither. */
const WITH_PASSWORD = [header('(?i)(.*,)?\\s*basic\\s.*')]

/** A page may stream; Envoy would cut it without a word. */
const LONGEST_STREAM = '1h'

/** Which path of the host leads where: machines straight to Windmill, all else to the edge. */
export class Routes extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'httproute')
    const { gateway, edge, route, windmill } = config
    const parentRefs = [{ name: gateway.name, namespace: gateway.namespace, sectionName: gateway.listener }]
    const hostnames = [hostOf(config)]
    const add = (name: string, rules: HttpRouteRule[], annotations?: Record<string, string>) =>
      new HttpRoute(this, name, {
        metadata: { name, annotations },
        spec: { parentRefs, hostnames, rules },
      })

    add(
      ROUTES.edge,
      [...(route.landing ? [landing(route.landing)] : []), browser('/', config)],
      route.annotations,
    )
    const shared = sharingRules()
    const machine = add(ROUTES.machine, machineRules(config, windmill, shared))
    const reasons = shared.flatMap((group, rule) =>
      group.map(({ why }, match) => [`spec.rules.${rule}.matches.${match}`, why]),
    )
    because(machine, Object.fromEntries(reasons))
    if (edge.kind === 'oauth2-proxy') return
    add(ROUTES.browserApi, [browser('/api', config)])
    add(ROUTES.refused, [refusal(config)])
    this.#answer()
  }

  /** In the form in which hai itself refuses; Envoy reads `%` in it as its own. */
  #answer(): void {
    const message = 'no bearer token on this path; check the path, and send Authorization: Bearer <token>'
    const inline = JSON.stringify({ error: { code: 'unauthorized', message } })
    new HttpRouteFilter(this, REFUSAL, {
      metadata: { name: REFUSAL },
      spec: {
        directResponse: {
          statusCode: 401,
          contentType: 'application/json',
          body: { type: 'Inline', inline },
        },
      },
    })
  }
}

function header(value: string) {
  return { type: 'RegularExpression' as const, name: 'Authorization', value }
}

/** Windmill's own paths share a rule where they share a timeout; a rewritten one needs a rule for itself. */
function sharingRules(): MachinePath[][] {
  const shared = new Map<string, MachinePath[]>()
  for (const path of MACHINE_PATHS) {
    const key = path.trigger ?? path.timeout
    shared.set(key, [...(shared.get(key) ?? []), path])
  }
  return [...shared.values()]
}

function machineRules(
  config: Config,
  { workspace, routes }: Config['windmill'],
  groups: readonly MachinePath[][],
): HttpRouteRule[] {
  return groups.map((group) => {
    const { trigger, timeout, below } = group[0]!
    return {
      matches: group.map((path) => match(path, workspace)),
      // a cookie would be believed as well as the token
      filters: [without('Cookie'), ...(trigger ? [rewrite(below, routes + trigger)] : [])],
      backendRefs: [windmillBackend(config)],
      timeouts: { request: timeout },
    }
  })
}

function match({ path, below, method }: MachinePath, workspace: string): HttpRouteMatch {
  const value = path.replace('{workspace}', workspace)
  return {
    path: { type: below ? 'PathPrefix' : 'Exact', value },
    headers: WITH_TOKEN,
    method,
  }
}

/** All below a path, by way of the edge. */
function browser(value: string, config: Config): HttpRouteRule {
  const proxied = config.edge.kind === 'oauth2-proxy'
  return {
    matches: [{ path: { type: 'PathPrefix', value } }],
    filters: [without('X-Http-Method-Override')],
    backendRefs: [proxied ? { name: PROXY, port: PROXY_PORT } : windmillBackend(config)],
    timeouts: { request: LONGEST_STREAM },
  }
}

const HOME: HttpRouteMatch = { path: { type: 'Exact', value: '/' }, method: 'GET' }

const landing = (path: string): HttpRouteRule => ({
  matches: [HOME],
  filters: [redirect(path)],
})

/** Machines that miss their path or have no token; but a browser's pages, too, call what lies below `/api`. */
function refusal({ route }: Config): HttpRouteRule {
  const under = (value: string): HttpRouteMatch => ({ path: { type: 'PathPrefix', value } })
  const machines = machinePrefixes().filter((prefix) => prefix !== '/api')
  return {
    matches: [
      ...machines.map(under),
      ...['/', '/api'].map((value) => ({ ...under(value), headers: WITH_PASSWORD })),
      ...(route.landing ? [{ ...HOME, headers: WITH_PASSWORD }] : []),
    ],
    filters: [answer()],
  }
}

const without = (another: string): HttpRouteRuleFilter => ({
  type: 'RequestHeaderModifier',
  requestHeaderModifier: { remove: [...SPOOFABLE, another] },
})

const rewrite = (below: boolean, to: string): HttpRouteRuleFilter => ({
  type: 'URLRewrite',
  urlRewrite: {
    path: below
      ? { type: 'ReplacePrefixMatch', replacePrefixMatch: to }
      : { type: 'ReplaceFullPath', replaceFullPath: to },
  },
})

const redirect = (to: string): HttpRouteRuleFilter => ({
  type: 'RequestRedirect',
  requestRedirect: {
    path: { type: 'ReplaceFullPath', replaceFullPath: to },
    statusCode: 302,
  },
})

const answer = (): HttpRouteRuleFilter => ({
  type: 'ExtensionRef',
  extensionRef: { group: 'gateway.envoyproxy.io', kind: 'HTTPRouteFilter', name: REFUSAL },
})

/** Across namespaces the namespace is named, and a ReferenceGrant there allows it. */
function windmillBackend({ namespace, windmill: { service, port, namespace: there } }: Config): BackendRef {
  return { name: service, namespace: there === namespace ? undefined : there, port }
}
