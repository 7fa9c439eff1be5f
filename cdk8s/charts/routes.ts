import { type Config, hostOf } from '../config.ts'
import { API_PATHS, APPROVAL_PATH, INBOX_PATH, type MachinePath } from '../machine-paths.ts'
import { type Folder, ManifestFile } from '../manifest-file.ts'
import { PROXY, PROXY_PORT, ROUTES } from '../names.ts'

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
]

/** Which path of the host leads where: machines straight to Windmill, all else to the edge. */
export class Routes extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'httproute')
    const { gateway } = config
    const parent = ({
      name,
      namespace,
      listener,
    }: {
      name: string
      namespace: string
      listener: string
    }) => ({
      name,
      namespace,
      sectionName: listener,
    })
    const hostnames = [hostOf(config)]
    const route = (name: string, parentRefs: ReturnType<typeof parent>[], rules: Rule[]) =>
      this.add('HTTPRoute', name, { spec: { parentRefs, hostnames, rules } })

    const inside = [parent(gateway)]
    route(ROUTES.edge, inside, [edgeRule(config)])
    route(ROUTES.api, inside, rules(API_PATHS, config))
    route(ROUTES.inbox, inside, rules([INBOX_PATH], config))
    const approving = gateway.approval ? [...inside, parent(gateway.approval)] : inside
    route(ROUTES.approval, approving, rules([APPROVAL_PATH], config))
  }
}

interface Match {
  path: { type: 'PathPrefix' | 'Exact'; value: string }
  method?: 'GET' | 'POST'
}

interface Rule {
  matches: Match[]
  filters: (ReturnType<typeof withoutSpoofable> | ReturnType<typeof rewrite>)[]
  backendRefs: ReturnType<typeof windmill>[]
  timeouts: { request: string }
}

/** Windmill's own paths share a rule where they share a timeout; a rewritten one needs a rule for itself. */
function rules(paths: readonly MachinePath[], config: Config): Rule[] {
  const { workspace, routes } = config.windmill
  const shared = new Map<string, MachinePath[]>()
  for (const path of paths) {
    const key = path.trigger ?? path.timeout
    shared.set(key, [...(shared.get(key) ?? []), path])
  }
  return [...shared.values()].map((group) => {
    const { trigger, timeout, below } = group[0]!
    return {
      matches: group.map((path) => match(path, workspace)),
      filters: [withoutSpoofable(), ...(trigger ? [rewrite(below, routes + trigger)] : [])],
      backendRefs: [windmill(config)],
      timeouts: { request: timeout },
    }
  })
}

function match({ path, below, method }: MachinePath, workspace: string): Match {
  const value = path.replace('{workspace}', workspace)
  return { path: { type: below ? 'PathPrefix' : 'Exact', value }, ...(method ? { method } : {}) }
}

function edgeRule(config: Config): Rule {
  const proxied = config.edge.kind === 'oauth2-proxy'
  return {
    matches: [{ path: { type: 'PathPrefix', value: '/' } }],
    filters: [withoutSpoofable()],
    backendRefs: [proxied ? { name: PROXY, port: PROXY_PORT } : windmill(config)],
    timeouts: { request: '300s' },
  }
}

const withoutSpoofable = () => ({
  type: 'RequestHeaderModifier' as const,
  requestHeaderModifier: { remove: SPOOFABLE },
})

const rewrite = (below: boolean, to: string) => ({
  type: 'URLRewrite' as const,
  urlRewrite: {
    path: below
      ? { type: 'ReplacePrefixMatch' as const, replacePrefixMatch: to }
      : { type: 'ReplaceFullPath' as const, replaceFullPath: to },
  },
})

/** Across namespaces the namespace is named, and a ReferenceGrant there allows it. */
function windmill({ namespace, windmill: { service, port, namespace: there } }: Config) {
  return { name: service, ...(there === namespace ? {} : { namespace: there }), port }
}
