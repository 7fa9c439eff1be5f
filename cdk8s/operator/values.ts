import { WHITELIST } from '../../windmill/whitelist.ts'
import { readerSource } from '../charts/dashboard.ts'
import { ownerRole, readerRole } from '../charts/database.ts'
import { type Config, hostOf } from '../config.ts'
import type { EnvoyExtAuth } from '../config-edge.ts'
import { DATABASE_URL, METRICS, METRICS_KEY, WINDMILL_SECRET } from '../names.ts'

/** What the operator merges into files of his own, each with the words that tell him where. */
export interface Snippet {
  file: string
  /** Lines of the comment on top. */
  merge: string[]
  content: object
}

/** The snippets for a configuration. Kubernetes never sees them as they are. */
export function snippets(config: Config): Snippet[] {
  return [
    windmillValues(config),
    // its operator has an object of its own for that
    ...(config.dashboard.delivery === 'grafana-operator' ? [] : [grafanaValues(config)]),
    ...(config.database.kind === 'existing' ? [theirCluster()] : []),
    ...(config.edge.kind === 'envoy-extauth' ? [accessControl(config, config.edge)] : []),
    ...(config.external?.tunnel ? [tunnelEntry(config, config.external.tunnel)] : []),
  ]
}

function windmillValues({ windmill }: Config): Snippet {
  const keys = windmill.worker_secrets.map(({ env }) => env)
  const doors = {
    name: 'hai',
    replicas: 2,
    privileged: false,
    disableUnsharePid: true,
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    extraEnv: [{ name: 'WORKER_TAGS', value: 'hai' }, ...environment([DATABASE_URL])],
  }
  const work = {
    name: 'hai-work',
    replicas: windmill.work_replicas,
    privileged: false,
    disableUnsharePid: true,
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    extraEnv: [
      { name: 'WORKER_TAGS', value: 'hai-work' },
      // a job that is cancelled gives the tasks at hand back: so many seconds pass before it is killed
      { name: 'MAX_WAIT_FOR_SIGINT', value: '10' },
      ...environment([DATABASE_URL, ...keys]),
    ],
  }
  return {
    file: 'windmill-values.yaml',
    merge: [
      "Values of Windmill's chart, for windmill.workerGroups; Helm replaces lists, so write them into yours.",
      'hai: what answers at once runs there. hai-work: only this group runs what takes long, and sees the keys of models.',
      'A superadmin names both tags once, in the instance setting custom_tags.',
      'Every script that runs on these groups can read the database: let nobody but you write scripts on this server.',
    ],
    content: { windmill: { workerGroups: [doors, work] } },
  }
}

/** Names that jobs see, those from the Secret among them. */
function environment(secrets: string[]) {
  return [
    { name: 'WHITELIST_ENVS', value: [...new Set([...WHITELIST, ...secrets])].join(',') },
    ...secrets.map((name) => ({
      name,
      valueFrom: { secretKeyRef: { name: WINDMILL_SECRET, key: name } },
    })),
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
