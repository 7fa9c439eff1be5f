import { type Config, hostOf, windmillUrl } from '../config/config.ts'
import type { OAuth2Proxy } from '../config/edge.ts'
import { APP_NAME, PROXY, PROXY_METRICS_PORT, PROXY_PORT } from '../names.ts'
import { machinePrefixes } from './machine-paths.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'
import { restrictedPod } from './restricted-pod.ts'

/** The user of the distroless image. */
const NONROOT = 65_532

/** The proxy that sends browsers to Authelia. No path is exempt from it: what needs no session never comes here. */
export class OAuth2ProxyFile extends ManifestFile {
  constructor(folder: Folder, config: Config, edge: OAuth2Proxy) {
    super(folder, 'oauth2-proxy')
    const matchLabels = { [APP_NAME]: PROXY }
    const template = restrictedPod({
      name: PROXY,
      user: NONROOT,
      container: {
        image: edge.image,
        env: [...plain(config, edge), secret('CLIENT_SECRET'), secret('COOKIE_SECRET')],
        ports: [
          { name: 'http', containerPort: PROXY_PORT },
          { name: 'metrics', containerPort: PROXY_METRICS_PORT },
        ],
        livenessProbe: probe('/ping'),
        readinessProbe: probe('/ready'),
        resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } },
      },
    })
    this.add(
      'Deployment',
      PROXY,
      { spec: { replicas: edge.replicas, selector: { matchLabels }, template } },
      // a rotated secret restarts it
      { annotations: { 'reloader.stakater.com/auto': 'true' } },
    )
    this.add('Service', PROXY, {
      spec: {
        type: 'ClusterIP',
        selector: matchLabels,
        // not that of the metrics, which whoever may reach the Service would reach too
        ports: [{ name: 'http', port: PROXY_PORT, targetPort: 'http' }],
      },
    })
    this.add(
      'PodMonitor',
      PROXY,
      { spec: { selector: { matchLabels }, podMetricsEndpoints: [{ port: 'metrics', interval: '1m' }] } },
      { labels: config.monitoring.object_labels },
    )
  }
}

const probe = (path: string) => ({
  httpGet: { path, port: 'http' },
  periodSeconds: 10,
  timeoutSeconds: 3,
  failureThreshold: 3,
})

const secret = (key: 'CLIENT_SECRET' | 'COOKIE_SECRET') => ({
  name: `OAUTH2_PROXY_${key}`,
  valueFrom: { secretKeyRef: { name: PROXY, key } },
})

/** All by environment: a linter of the cluster's repository refuses `${…}` in arguments. */
function plain(config: Config, edge: OAuth2Proxy): { name: string; value: string }[] {
  const host = hostOf(config)
  const issuer = edge.issuer_host ?? `auth.${config.domain}`
  const settings = {
    PROVIDER: 'oidc',
    OIDC_ISSUER_URL: `https://${issuer}`,
    CLIENT_ID: edge.client_id,
    REDIRECT_URL: `https://${host}/oauth2/callback`,
    SCOPE: 'openid profile email groups',
    CODE_CHALLENGE_METHOD: 'S256',
    INSECURE_OIDC_SKIP_NONCE: 'false',
    ALLOWED_GROUPS: edge.allowed_groups.join(','),
    EMAIL_DOMAINS: '*',
    SKIP_PROVIDER_BUTTON: 'true',
    UPSTREAMS: windmillUrl(config),
    // until the answer begins: a door waits for 300 s at most, and for a worker before that
    UPSTREAM_TIMEOUT: '330s',
    FLUSH_INTERVAL: '200ms',
    // 401 instead of the login: who follows a redirect takes the login's page for success; held against path and query
    API_ROUTES: `^(${machinePrefixes().join('|')})([/?]|$)`,
    HTTP_ADDRESS: `0.0.0.0:${PROXY_PORT}`,
    METRICS_ADDRESS: `0.0.0.0:${PROXY_METRICS_PORT}`,
    REVERSE_PROXY: 'true',
    TRUSTED_PROXY_IPS: edge.trusted_proxies.join(','),
    REAL_CLIENT_IP_HEADER: 'X-Forwarded-For',
    // only this host, not its siblings
    WHITELIST_DOMAINS: host,
    COOKIE_NAME: '__Host-hai',
    COOKIE_SECURE: 'true',
    COOKIE_HTTPONLY: 'true',
    COOKIE_SAMESITE: 'lax',
    // No refresh: of the requests that a page makes at once each would use up the same token, and all but one end the session.
    COOKIE_EXPIRE: edge.session,
    COOKIE_CSRF_PER_REQUEST: 'true',
    COOKIE_CSRF_PER_REQUEST_LIMIT: '8',
    COOKIE_CSRF_EXPIRE: '10m',
    SILENCE_PING_LOGGING: 'true',
  }
  return Object.entries(settings).map(([name, value]) => ({ name: `OAUTH2_PROXY_${name}`, value }))
}
