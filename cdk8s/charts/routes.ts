import { type Config, hostOf } from '../config/config.ts'
import { PROXY, PROXY_PORT, REFUSAL, ROUTES } from '../names.ts'
import { MACHINE_PATHS, type MachinePath, machinePrefixes } from './machine-paths.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

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
    const add = (name: string, rules: Rule[], annotations = {}) =>
      this.add(
        'HTTPRoute',
        name,
        { spec: { parentRefs, hostnames, rules } },
        Object.keys(annotations).length > 0 ? { annotations } : {},
      )

    add(
      ROUTES.edge,
      [...(route.landing ? [landing(route.landing)] : []), browser('/', config)],
      route.annotations,
    )
    add(ROUTES.machine, machineRules(config, windmill))
    if (edge.kind === 'oauth2-proxy') return
    add(ROUTES.browserApi, [browser('/api', config)])
    add(ROUTES.refused, [refusal(config)])
    this.#answer()
  }

  /** In the form in which hai itself refuses; Envoy reads `%` in it as its own. */
  #answer(): void {
    const message = 'no bearer token on this path; check the path, and send Authorization: Bearer <token>'
    const inline = JSON.stringify({ error: { code: 'unauthorized', message } })
    this.add('HTTPRouteFilter', REFUSAL, {
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

interface Match {
  path: { type: 'PathPrefix' | 'Exact'; value: string }
  method?: 'GET' | 'POST'
  headers?: ReturnType<typeof header>[]
}

interface Rule {
  matches: Match[]
  filters: (
    | ReturnType<typeof without>
    | ReturnType<typeof rewrite>
    | ReturnType<typeof redirect>
    | ReturnType<typeof answer>
  )[]
  backendRefs?: ReturnType<typeof windmillBackend>[]
  timeouts?: { request: string }
}

function header(value: string) {
  return { type: 'RegularExpression' as const, name: 'Authorization' as const, value }
}

/** Windmill's own paths share a rule where they share a timeout; a rewritten one needs a rule for itself. */
function machineRules(config: Config, { workspace, routes }: Config['windmill']): Rule[] {
  const shared = new Map<string, MachinePath[]>()
  for (const path of MACHINE_PATHS) {
    const key = path.trigger ?? path.timeout
    shared.set(key, [...(shared.get(key) ?? []), path])
  }
  return [...shared.values()].map((group) => {
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

function match({ path, below, method }: MachinePath, workspace: string): Match {
  const value = path.replace('{workspace}', workspace)
  return {
    path: { type: below ? 'PathPrefix' : 'Exact', value },
    headers: WITH_TOKEN,
    ...(method ? { method } : {}),
  }
}

/** All below a path, by way of the edge. */
function browser(value: string, config: Config): Rule {
  const proxied = config.edge.kind === 'oauth2-proxy'
  return {
    matches: [{ path: { type: 'PathPrefix', value } }],
    filters: [without('X-Http-Method-Override')],
    backendRefs: [proxied ? { name: PROXY, port: PROXY_PORT } : windmillBackend(config)],
    timeouts: { request: LONGEST_STREAM },
  }
}

const HOME: Match = { path: { type: 'Exact', value: '/' }, method: 'GET' }

const landing = (path: string): Rule => ({
  matches: [HOME],
  filters: [redirect(path)],
})

/** Machines that miss their path or have no token; but a browser's pages, too, call what lies below `/api`. */
function refusal({ route }: Config): Rule {
  const under = (value: string): Match => ({ path: { type: 'PathPrefix', value } })
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

const without = (another: string) => ({
  type: 'RequestHeaderModifier' as const,
  requestHeaderModifier: { remove: [...SPOOFABLE, another] },
})

const rewrite = (below: boolean, to: string) => ({
  type: 'URLRewrite' as const,
  urlRewrite: {
    path: below
      ? { type: 'ReplacePrefixMatch' as const, replacePrefixMatch: to }
      : { type: 'ReplaceFullPath' as const, replaceFullPath: to },
  },
})

const redirect = (to: string) => ({
  type: 'RequestRedirect' as const,
  requestRedirect: {
    path: { type: 'ReplaceFullPath' as const, replaceFullPath: to },
    statusCode: 302 as const,
  },
})

const answer = () => ({
  type: 'ExtensionRef' as const,
  extensionRef: { group: 'gateway.envoyproxy.io' as const, kind: 'HTTPRouteFilter' as const, name: REFUSAL },
})

/** Across namespaces the namespace is named, and a ReferenceGrant there allows it. */
function windmillBackend({ namespace, windmill: { service, port, namespace: there } }: Config) {
  return { name: service, ...(there === namespace ? {} : { namespace: there }), port }
}
