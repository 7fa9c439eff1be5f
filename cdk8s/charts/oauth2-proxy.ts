import { k8s } from 'cdk8s-plus-28'
import { type Config, hostOf, windmillUrl } from '../config/config.ts'
import type { OAuth2Proxy } from '../config/edge.ts'
import { PodMonitor } from '../imports/monitoring.coreos.com.ts'
import { APP_NAME, PROXY, PROXY_METRICS_PORT, PROXY_PORT } from '../names.ts'
import { machinePrefixes } from './machine-paths.ts'
import { because, type Folder, ManifestFile } from './manifest-file.ts'
import { resources, restrictedPod } from './restricted-pod.ts'

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
        resources: resources('10m', '64Mi', '128Mi'),
      },
    })
    const deployment = new k8s.KubeDeployment(this, 'proxy', {
      metadata: { name: PROXY, annotations: { 'reloader.stakater.com/auto': 'true' } },
      spec: { replicas: edge.replicas, selector: { matchLabels }, template },
    })
    because(deployment, {
      'metadata.annotations': 'a rotated secret restarts it',
      ...Object.fromEntries(Object.entries(REASONS).map(([name, why]) => [`${ENVIRONMENT}_${name}`, why])),
    })
    const service = new k8s.KubeService(this, 'service', {
      metadata: { name: PROXY },
      spec: {
        type: 'ClusterIP',
        selector: matchLabels,
        ports: [{ name: 'http', port: PROXY_PORT, targetPort: k8s.IntOrString.fromString('http') }],
      },
    })
    because(service, {
      'spec.ports': 'not that of the metrics, which whoever may reach the Service would reach too',
    })
    new PodMonitor(this, 'monitor', {
      metadata: { name: PROXY, labels: config.monitoring.object_labels },
      spec: { selector: { matchLabels }, podMetricsEndpoints: [{ port: 'metrics', interval: '1m' }] },
    })
  }
}

const ENVIRONMENT = 'spec.template.spec.containers.main.env.OAUTH2_PROXY'

/** Of settings that somebody might set otherwise. */
const REASONS = {
  UPSTREAM_TIMEOUT: 'until the answer begins: a door waits for 300 s at most, and for a worker before that',
  API_ROUTES:
    "401 instead of the login: who follows a redirect takes the login's page for success; held against path and query",
  WHITELIST_DOMAINS: 'only this host, not its siblings',
  COOKIE_EXPIRE:
    'no refresh: of the requests that a page makes at once each would use up the same token, and all but one end the session',
}

const probe = (path: string): k8s.Probe => ({
  httpGet: { path, port: k8s.IntOrString.fromString('http') },
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
    UPSTREAM_TIMEOUT: '330s',
    FLUSH_INTERVAL: '200ms',
    API_ROUTES: `^(${machinePrefixes().join('|')})([/?]|$)`,
    HTTP_ADDRESS: `0.0.0.0:${PROXY_PORT}`,
    METRICS_ADDRESS: `0.0.0.0:${PROXY_METRICS_PORT}`,
    REVERSE_PROXY: 'true',
    TRUSTED_PROXY_IPS: edge.trusted_proxies.join(','),
    REAL_CLIENT_IP_HEADER: 'X-Forwarded-For',
    WHITELIST_DOMAINS: host,
    COOKIE_NAME: '__Host-hai',
    COOKIE_SECURE: 'true',
    COOKIE_HTTPONLY: 'true',
    COOKIE_SAMESITE: 'lax',
    COOKIE_EXPIRE: edge.session,
    COOKIE_CSRF_PER_REQUEST: 'true',
    COOKIE_CSRF_PER_REQUEST_LIMIT: '8',
    COOKIE_CSRF_EXPIRE: '10m',
    SILENCE_PING_LOGGING: 'true',
  }
  return Object.entries(settings).map(([name, value]) => ({ name: `OAUTH2_PROXY_${name}`, value }))
}
