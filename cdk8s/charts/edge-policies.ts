import type { Config } from '../config.ts'
import { type Folder, ManifestFile } from '../manifest-file.ts'
import { ROUTES } from '../names.ts'

const APPROVALS_PER_SECOND = 5

/** Whom Envoy asks before it lets a request through, route by route. */
export class EdgeSecurity extends ManifestFile {
  constructor(folder: Folder, { edge }: Config) {
    super(folder, 'securitypolicy')
    const machines = [ROUTES.api, ROUTES.inbox, ROUTES.approval]
    if (edge.kind === 'envoy-extauth') {
      this.add('SecurityPolicy', 'hai-extauth', {
        spec: {
          targetRefs: [ROUTES.edge].map(target),
          extAuth: {
            failOpen: false,
            // and no header by which a client could name another path
            headersToExtAuth: [
              'accept',
              'cookie',
              'authorization',
              'proxy-authorization',
              'x-forwarded-proto',
            ],
            http: {
              backendRefs: [{ name: edge.service, namespace: edge.namespace, port: edge.port }],
              path: edge.path,
            },
          },
        },
      })
    }
    // A gateway may ask for everybody: the most specific policy replaces that one, and these routes have a check of
    // their own behind them.
    this.add('SecurityPolicy', 'hai-own-check', {
      spec: {
        targetRefs: (edge.kind === 'oauth2-proxy' ? [ROUTES.edge, ...machines] : machines).map(target),
        authorization: { defaultAction: 'Allow' },
      },
    })
  }
}

/** How often anybody may try a way in that lies open, or is worth flooding. */
export class EdgeLimits extends ManifestFile {
  constructor(folder: Folder) {
    super(folder, 'backendtrafficpolicy')
    const rules = [{ limit: { requests: APPROVALS_PER_SECOND, unit: 'Second' as const } }]
    this.add('BackendTrafficPolicy', 'hai-limit', {
      spec: {
        targetRefs: [ROUTES.approval, ROUTES.inbox].map(target),
        rateLimit: { type: 'Local', local: { rules } },
      },
    })
  }
}

const target = (name: string) => ({
  group: 'gateway.networking.k8s.io' as const,
  kind: 'HTTPRoute' as const,
  name,
})

/** Allows hai's routes to Windmill in another namespace. */
export class WindmillGrant extends ManifestFile {
  constructor(folder: Folder, { namespace, windmill }: Config) {
    super(folder, 'referencegrant')
    this.add('ReferenceGrant', 'hai-windmill', {
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace }],
        to: [{ group: '', kind: 'Service', name: windmill.service }],
      },
    })
  }
}

/** Allows hai's policy to ask Authelia in its namespace. */
export class AutheliaGrant extends ManifestFile {
  constructor(folder: Folder, namespace: string, service: string) {
    super(folder, 'referencegrant-authelia')
    this.add('ReferenceGrant', 'hai-authelia', {
      spec: {
        from: [{ group: 'gateway.envoyproxy.io', kind: 'SecurityPolicy', namespace }],
        to: [{ group: '', kind: 'Service', name: service }],
      },
    })
  }
}
