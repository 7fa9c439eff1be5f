/** The parts of hai; each has a folder and a Flux Kustomization. */
export const PARTS = ['app', 'windmill', 'authelia', 'database', 'dashboard', 'watchdog', 'worker'] as const
export type Part = (typeof PARTS)[number]

/** A part's Kustomization: `hai`, and `hai-<part>` for the others. */
export const fluxName = (part: string): string => (part === 'app' ? 'hai' : `hai-${part}`)

/** What more than one file has to call by the same name. */
export const ROUTES = {
  edge: 'hai',
  machine: 'hai-api',
  browserApi: 'hai-browser-api',
  refused: 'hai-refused',
} as const
export const PROXY = 'hai-oauth2-proxy'
export const WATCHDOG = 'hai-watchdog'
export const WORKER = 'hai-worker'
export const WATCHDOG_SECRET = 'hai-watchdog'
export const MACHINE_SECRET = 'hai-machine'
/** The worker groups of hai's own, by the tags they serve, and the account of their pods. */
export const GROUPS = { doors: 'hai', work: 'hai-work' } as const
export const WORKER_GROUP = 'workerGroup'
export const WORKERS_ACCOUNT = 'hai-windmill-workers'
export const WINDMILL_SECRET = 'hai-windmill'
export const DATABASE_SECRET = 'hai-database'
export const READER_SECRET = 'hai-database-reader'
export const GRAFANA_SECRET = 'hai-grafana'
/** The reader's password, as Grafana or its operator knows it. */
export const READER_PASSWORD = 'HAI_READER_PASSWORD'
export const DASHBOARD = 'hai-dashboard'

/** The ObjectStore that hai declares, and the keys of the Secret by which it is reached. */
export const BACKUP_STORE = 'hai-backup'
export const BACKUP_SECRET = 'hai-database-backup'
export const BACKUP_KEYS = { access: 'ACCESS_KEY_ID', secret: 'ACCESS_SECRET_KEY' } as const

/** What the database's exporter asks, and the key of its ConfigMap. */
export const METRICS = 'hai-metrics'
export const METRICS_KEY = 'queries.yaml'

/** The database, and the role that owns it; and the one that only reads, for Grafana. */
export const DATABASE = 'hai'
export const READER = 'hai_reader'
/** Where Windmill's workers find the database: the one name that hai reads. */
export const DATABASE_URL = 'HAI_DATABASE_URL'

/** CloudNativePG's plugin for backups. */
export const BARMAN = 'barman-cloud.cloudnative-pg.io' as const

/** The answer to a machine that comes without its token. */
export const REFUSAL = 'hai-unauthorized'

export const PROXY_PORT = 4180
export const PROXY_METRICS_PORT = 44_180
export const POSTGRES_PORT = 5432

/** Cilium's label for the namespace a pod is in. */
export const POD_NAMESPACE = 'io.kubernetes.pod.namespace'
export const APP_NAME = 'app.kubernetes.io/name'
