import { readerSource } from '../charts/dashboard.ts'
import { ownerRole, readerRole } from '../charts/database.ts'
import { type Config, hostOf } from '../config/config.ts'
import type { EnvoyExtAuth } from '../config/edge.ts'
import { METRICS, METRICS_KEY } from '../names.ts'
import { type Snippet, windmill } from './windmill.ts'

/** The snippets for a configuration. Kubernetes never sees them as they are. */
export function snippets(config: Config): Snippet[] {
  return [
    windmill(config),
    // its operator has an object of its own for that
    ...(config.dashboard.delivery === 'grafana-operator' ? [] : [grafanaValues(config)]),
    ...(config.database.kind === 'existing' ? [theirCluster()] : []),
    ...(config.edge.kind === 'envoy-extauth' ? [accessControl(config, config.edge)] : []),
    ...(config.external?.tunnel ? [tunnelEntry(config, config.external.tunnel)] : []),
  ]
}

function grafanaValues(config: Config): Snippet {
  const { datasource, delivery, folder, url } = config.dashboard
  return {
    file: 'grafana-values.yaml',
    merge: [
      "Values of Grafana's chart: the data source of the dashboard, with the password from the Secret hai-grafana.",
    ],
    content: {
      envFromSecrets: [{ name: 'hai-grafana' }],
      datasources: {
        'datasources.yaml': { apiVersion: 1, datasources: [{ ...readerSource(config), uid: datasource }] },
      },
      ...(delivery === 'url' ? { dashboards: { [folder]: { hai: { url } } } } : {}),
    },
  }
}

function theirCluster(): Snippet {
  return {
    file: 'postgres-cluster.yaml',
    merge: [
      'What to append to the spec of your CloudNativePG Cluster: two roles, whose passwords are Secrets beside it,',
      'and what its exporter tells of hai. Backups of that cluster are yours.',
    ],
    content: {
      spec: {
        managed: { roles: [ownerRole(), readerRole()] },
        monitoring: { customQueriesConfigMap: [{ name: METRICS, key: METRICS_KEY }] },
      },
    },
  }
}

function tunnelEntry(config: Config, service: string): Snippet {
  const hostname = hostOf(config)
  return {
    file: 'cloudflared.yaml',
    merge: [
      "The entry of cloudflared's configuration for hai, above the one that catches all: the tunnel has no wildcard.",
    ],
    content: { ingress: [{ hostname, service, originRequest: { originServerName: hostname } }] },
  }
}

function accessControl({ host }: Config, { allowed_groups, policy }: EnvoyExtAuth): Snippet {
  const domain = `${host}.example.com`
  return {
    file: 'authelia-access-control.yaml',
    merge: [
      'The rules for Authelia, with your real domain: Flux does not fill in what lies in a secret. Before your other rules.',
      'The second one keeps everybody else out, whatever a later rule says for *.example.com.',
      'No bypass rule for the machine paths: their routes do not ask Authelia.',
    ],
    content: {
      access_control: {
        rules: [
          { domain, policy, subject: allowed_groups.map((group) => `group:${group}`) },
          { domain, policy: 'deny' },
        ],
      },
    },
  }
}
