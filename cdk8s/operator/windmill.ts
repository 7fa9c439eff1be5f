import { WHITELIST } from '../../windmill/whitelist.ts'
import type { Config } from '../config/config.ts'
import { DATABASE_URL, GROUPS, WINDMILL_SECRET, WORKERS_ACCOUNT } from '../names.ts'
import type { Reasons } from '../yaml.ts'

const TAGS = Object.values(GROUPS).join(',')

/** The user that Windmill's image has besides root. */
const USER = 1000

/** No root, no capability; the disk it must be able to write. */
const UNPRIVILEGED = {
  podSecurityContext: {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    fsGroup: USER,
    seccompProfile: { type: 'RuntimeDefault' },
  },
  containerSecurityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
}

/** What is the same for each pod that runs scripts. */
const WORKER_POD = {
  privileged: false,
  disableUnsharePid: true,
  ...UNPRIVILEGED,
  resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
}
const WRITABLE_HOME = { name: 'HOME', value: '/tmp' }

/** What Windmill's values must have for hai: merged into those that are there, or a release whole. */
export const windmill = (config: Config): Snippet =>
  config.windmill.release === 'own' ? release(config) : values(config)

function values(config: Config): Snippet {
  return {
    file: 'windmill-values.yaml',
    merge: [
      "Values of Windmill's chart (4.0 or newer). Helm replaces lists whole: append the two groups to your own list of",
      "windmill.workerGroups, and CUSTOM_TAGS to your own windmill.app.extraEnv. Without your list the chart's groups are gone.",
      ...EXPLAINED,
    ],
    content: { windmill: { app: { extraEnv: [customTags()] }, workerGroups: groups(config) } },
    reasons: reasons('windmill.workerGroups'),
  }
}

const OWN_GROUPS = 'spec.values.windmill.workerGroups'

function release(config: Config): Snippet {
  const { namespace } = config.windmill
  return {
    file: 'windmill-release.yaml',
    merge: [
      'A Windmill for hai, whole: put it into an app of yours, with the Secret windmill-database beside it, whose key url is the',
      "address of Windmill's own database, which is not hai's; and a HelmRepository windmill beside it, for",
      'https://windmill-labs.github.io/windmill-helm-charts.',
      ...EXPLAINED,
    ],
    content: {
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: 'HelmRelease',
      metadata: { name: 'windmill', namespace },
      spec: {
        interval: config.flux.interval,
        chart: {
          spec: {
            chart: 'windmill',
            version: '4.0.246',
            sourceRef: { kind: 'HelmRepository', name: 'windmill', namespace },
          },
        },
        values: ownValues(config),
      },
    },
    reasons: {
      ...reasons(OWN_GROUPS),
      [`${OWN_GROUPS}.default`]:
        "what is none of hai's: flows, dependencies of scripts, other workspaces; it knows no database of hai's",
    },
  }
}

const ownValues = (config: Config) => ({
  postgresql: { enabled: false },
  ingress: { enabled: false },
  serviceAccount: { automountServiceAccountToken: false },
  windmill: {
    baseProtocol: 'https',
    baseDomain: `windmill.${config.domain}`,
    databaseUrlSecretName: 'windmill-database',
    databaseUrlSecretKey: 'url',
    appReplicas: 1,
    extraReplicas: 0,
    indexer: { enabled: false },
    app: { ...UNPRIVILEGED, extraEnv: [WRITABLE_HOME, customTags()] },
    workerGroups: [
      { name: 'default', replicas: 1, ...WORKER_POD, extraEnv: [WRITABLE_HOME] },
      ...groups(config),
    ],
  },
})

const EXPLAINED = [
  'hai: what answers at once runs there. hai-work: only this group runs what takes long, and sees the keys of models.',
  'CUSTOM_TAGS names both tags to the server, unless its instance setting custom_tags is set: then write them there.',
  'Every script that runs on these groups can read the database: let nobody but you write scripts on this server.',
]

const reasons = (groups: string): Reasons => ({
  [`${groups}.${GROUPS.doors}.privileged`]:
    "the chart's default is true, and then it leaves out the contexts",
  [`${groups}.${GROUPS.doors}.deploymentAnnotations`]:
    'a password that has changed reaches the workers by itself, where Reloader runs',
  [`${groups}.${GROUPS.work}.extraEnv.MAX_WAIT_FOR_SIGINT`]:
    'a job that is cancelled gives the tasks at hand back: so many seconds pass before it is killed',
})

const customTags = () => ({ name: 'CUSTOM_TAGS', value: TAGS })

function groups({ windmill: { doors_replicas, work_replicas, worker_secrets } }: Config) {
  const keys = worker_secrets.map(({ env }) => env)
  return [
    group(GROUPS.doors, doors_replicas, environment([DATABASE_URL])),
    group(GROUPS.work, work_replicas, [
      { name: 'MAX_WAIT_FOR_SIGINT', value: '10' },
      ...environment([DATABASE_URL, ...keys]),
    ]),
  ]
}

const group = (tag: string, replicas: number, environment: object[]) => ({
  name: tag,
  replicas,
  deploymentAnnotations: { 'reloader.stakater.com/auto': 'true' },
  serviceAccountName: WORKERS_ACCOUNT,
  ...WORKER_POD,
  extraEnv: [{ name: 'WORKER_TAGS', value: tag }, WRITABLE_HOME, ...environment],
})

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

/** What the operator merges into other files, each with the words that tell where. */
export interface Snippet {
  file: string
  /** Lines of the comment on top. */
  merge: string[]
  content: object
  reasons?: Reasons
}
