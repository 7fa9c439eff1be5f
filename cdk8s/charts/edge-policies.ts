import type { Config } from '../config/config.ts'
import { BackendTrafficPolicy, SecurityPolicy } from '../imports/gateway.envoyproxy.io.ts'
import { ReferenceGrant } from '../imports/gateway.networking.k8s.io.ts'
import { ROUTES } from '../names.ts'
import { because, type Folder, ManifestFile } from './manifest-file.ts'

/** Whom Envoy asks before it lets a request through, route by route. */
export class EdgeSecurity extends ManifestFile {
  constructor(folder: Folder, { edge, gateway }: Config) {
    super(folder, 'securitypolicy')
    // else what the Gateway's policy says holds as well: a list of addresses should, a check of its own shuts machines out
    const replaces = gateway.override_policy
    if (edge.kind === 'envoy-extauth') {
      const ask = (name: string, route: string, headersToExtAuth: Told[]) =>
        new SecurityPolicy(this, name, {
          metadata: { name },
          spec: {
            targetRefs: [target(route)],
            mergeType: replaces ? undefined : 'StrategicMerge',
            extAuth: {
              failOpen: false,
              headersToExtAuth,
              http: {
                backendRefs: [{ name: edge.service, namespace: edge.namespace, port: edge.port }],
                path: edge.path,
              },
            },
          },
        })
      const headers: Told[] = ['cookie', 'x-forwarded-proto']
      because(ask('hai-extauth', ROUTES.edge, ['accept', ...headers]), {
        'spec.extAuth.headersToExtAuth':
          'none by which a client could name another path, and none but the cookie by which it could log in',
      })
      because(ask('hai-extauth-api', ROUTES.browserApi, headers), {
        'spec.extAuth.headersToExtAuth':
          'Authelia sends to its page whoever takes one: who does not say so gets 401',
      })
    }
    if (!replaces) return
    const ownCheck =
      edge.kind === 'oauth2-proxy' ? [ROUTES.edge, ROUTES.machine] : [ROUTES.machine, ROUTES.refused]
    new SecurityPolicy(this, 'own-check', {
      metadata: { name: 'hai-own-check' },
      spec: { targetRefs: ownCheck.map(target), authorization: { defaultAction: 'Allow' } },
    })
  }
}

/** A request is sent once: what it started may be at work when the connection breaks. All else that a Gateway says of its traffic stays. */
export class EdgeOnce extends ManifestFile {
  constructor(folder: Folder, { edge }: Config) {
    super(folder, 'backendtrafficpolicy')
    const routes = [
      ROUTES.edge,
      ROUTES.machine,
      ...(edge.kind === 'envoy-extauth' ? [ROUTES.browserApi] : []),
    ]
    const once = new BackendTrafficPolicy(this, 'once', {
      metadata: { name: 'hai-once' },
      spec: { targetRefs: routes.map(target), mergeType: 'StrategicMerge', retry: { numRetries: 0 } },
    })
    because(once, { 'spec.retry': 'what a request started may be at work when the connection breaks' })
  }
}

/** What Authelia is told of a request besides its method, host and path. */
type Told = 'accept' | 'cookie' | 'x-forwarded-proto'

const target = (name: string) => ({
  group: 'gateway.networking.k8s.io' as const,
  kind: 'HTTPRoute' as const,
  name,
})

/** Allows hai's policy to ask Authelia in its namespace. */
export class AutheliaGrant extends ManifestFile {
  constructor(folder: Folder, namespace: string, service: string) {
    super(folder, 'referencegrant-authelia')
    new ReferenceGrant(this, 'grant', {
      metadata: { name: 'hai-authelia' },
      spec: {
        from: [{ group: 'gateway.envoyproxy.io', kind: 'SecurityPolicy', namespace }],
        to: [{ group: '', kind: 'Service', name: service }],
      },
    })
  }
}
