import { type Config, databaseHost } from '../config/config.ts'
import type { OAuth2Proxy } from '../config/edge.ts'
import { ExternalSecret, type ExternalSecretTemplate } from '../imports/external-secrets.io.ts'
import {
  BACKUP_KEYS,
  BACKUP_SECRET,
  DATABASE,
  DATABASE_SECRET,
  DATABASE_URL,
  GRAFANA_SECRET,
  MACHINE_SECRET,
  POSTGRES_PORT,
  PROXY,
  READER,
  READER_PASSWORD,
  READER_SECRET,
  WATCHDOG_SECRET,
  WINDMILL_SECRET,
} from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

interface Wanted {
  item: string
  field: string
  /** The key under which it arrives, or under which the template knows it. */
  as: string
}

/** A changed password or key reaches PostgreSQL without a restart. */
const RELOADED = { labels: { 'cnpg.io/reload': 'true' } }

/** Secrets that External Secrets fetches into one namespace. Only their names are known here. */
class SecretsFile extends ManifestFile {
  readonly #config: Config

  constructor(folder: Folder, config: Config, file: string) {
    super(folder, file)
    this.#config = config
  }

  protected fetch(
    name: string,
    wanted: readonly Wanted[],
    template?: Omit<ExternalSecretTemplate, 'engineVersion'>,
  ): void {
    const { store, store_kind, refresh, reference } = this.#config.secrets
    const remoteRef = ({ item, field }: Wanted) =>
      reference === 'property' ? { key: item, property: field } : { key: `${item}/${field}` }
    new ExternalSecret(this, name, {
      metadata: { name },
      spec: {
        refreshInterval: refresh,
        secretStoreRef: { kind: store_kind, name: store },
        target: {
          name,
          creationPolicy: 'Owner',
          deletionPolicy: 'Retain',
          template: template ? { engineVersion: 'v2', ...template } : undefined,
        },
        data: wanted.map((one) => ({ secretKey: one.as, remoteRef: remoteRef(one) })),
      },
    })
  }
}

/** The proxy's two secrets. */
export class ProxySecret extends SecretsFile {
  constructor(folder: Folder, config: Config, { secret_item: item }: OAuth2Proxy) {
    super(folder, config, 'externalsecret')
    this.fetch(PROXY, [
      { item, field: 'OAUTH_CLIENT_SECRET', as: 'CLIENT_SECRET' },
      { item, field: 'COOKIE_SECRET', as: 'COOKIE_SECRET' },
    ])
  }
}

/** The watchdog's token: it may ask for the health, and nothing else. */
export class WatchdogSecret extends SecretsFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'externalsecret')
    this.fetch(WATCHDOG_SECRET, [{ item: config.secrets.watchdog_item, field: 'TOKEN', as: 'TOKEN' }], {
      // a header as curl reads it from a file, so that the token is on no command line
      data: { authorization: 'Authorization: Bearer {{ .TOKEN }}' },
    })
  }
}

/** The token of the worker that stays: a machine's, which claims tasks. */
export class WorkerSecret extends SecretsFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'externalsecret')
    this.fetch(MACHINE_SECRET, [{ item: config.secrets.machine_item, field: 'TOKEN', as: 'TOKEN' }])
  }
}

/** What jobs of hai find in their environment: the database, and for those that take long the keys of models and channels. */
export class WindmillSecrets extends SecretsFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'externalsecret-windmill')
    const keys = config.windmill.worker_secrets.map(({ env, ...from }) => ({ ...from, as: env }))
    const password = { item: config.secrets.database_item, field: 'password', as: 'password' }
    // a blank becomes a plus by urlquery, and stays one where it is read
    const quoted = '{{ .password | urlquery | replace "+" "%20" }}'
    this.fetch(WINDMILL_SECRET, [password, ...keys], {
      data: {
        [DATABASE_URL]: `postgresql://${DATABASE}:${quoted}@${databaseHost(config)}:${POSTGRES_PORT}/${DATABASE}?sslmode=require`,
        ...Object.fromEntries(keys.map(({ as }) => [as, `{{ .${as} }}`])),
      },
    })
  }
}

/** The passwords of the database's roles, as CloudNativePG reads them, and the keys to its backups. */
export class DatabaseSecrets extends SecretsFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'externalsecret-database')
    const { database } = config
    const item = config.secrets.database_item
    this.#login(DATABASE_SECRET, DATABASE, item, 'password')
    this.#login(READER_SECRET, READER, item, 'reader_password')
    if (database.kind === 'cluster' && database.backup !== 'none' && database.backup.own) {
      this.#backup(database.backup.own.item ?? item)
    }
  }

  #login(name: string, username: string, item: string, field: string): void {
    this.fetch(name, [{ item, field, as: 'password' }], {
      type: 'kubernetes.io/basic-auth',
      metadata: RELOADED,
      data: { username, password: '{{ .password }}' },
    })
  }

  #backup(item: string): void {
    const wanted = [
      { item, field: 'backup_access_key', as: 'access' },
      { item, field: 'backup_secret_key', as: 'secret' },
    ]
    const data = { [BACKUP_KEYS.access]: '{{ .access }}', [BACKUP_KEYS.secret]: '{{ .secret }}' }
    this.fetch(BACKUP_SECRET, wanted, { metadata: RELOADED, data })
  }
}

/** The reader's password, as Grafana takes it from its environment. */
export class GrafanaSecret extends SecretsFile {
  constructor(folder: Folder, config: Config) {
    super(folder, config, 'externalsecret-grafana')
    const item = config.secrets.database_item
    this.fetch(GRAFANA_SECRET, [{ item, field: 'reader_password', as: READER_PASSWORD }])
  }
}
