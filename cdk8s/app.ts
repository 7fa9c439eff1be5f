import { type ApiObject, App } from 'cdk8s'
import { Construct } from 'constructs'
import { Alerts, FrontDoorProbe, WatchdogAlerts } from './charts/alerts.ts'
import { DashboardFile } from './charts/dashboard.ts'
import { DatabaseFile, DatabaseMonitor } from './charts/database.ts'
import { AutheliaGrant, EdgeOnce, EdgeSecurity } from './charts/edge-policies.ts'
import { FluxFile, fluxNamespace } from './charts/flux.ts'
import { Folder, type ManifestFile } from './charts/manifest-file.ts'
import {
  DashboardPolicies,
  DatabasePolicies,
  HaiPolicies,
  WindmillPolicies,
} from './charts/network-policies.ts'
import { OAuth2ProxyFile } from './charts/oauth2-proxy.ts'
import { Routes } from './charts/routes.ts'
import {
  DatabaseSecrets,
  GrafanaSecret,
  ProxySecret,
  WatchdogSecret,
  WindmillSecrets,
  WorkerSecret,
} from './charts/secrets.ts'
import { Watchdog } from './charts/watchdog.ts'
import { WindmillGrant, WorkersAccount } from './charts/windmill.ts'
import { ResidentWorker } from './charts/worker.ts'
import type { Config } from './config/config.ts'

/** All that is deployed: the parts, and the file that has Flux build each of them. */
export interface Deployment {
  folders: Folder[]
  flux: ManifestFile
}

/** The table of contents: which file lies in which part, and which part in which namespace. */
export function deployment(config: Config): Deployment {
  const parts = new Construct(new App(), 'parts')
  const { namespace, windmill, database, dashboard, edge, worker } = config

  const app = new Folder(parts, 'app', namespace)
  new Routes(app, config)
  new EdgeSecurity(app, config)
  new EdgeOnce(app, config)
  new HaiPolicies(app, config)
  new FrontDoorProbe(app, config)
  if (edge.kind === 'oauth2-proxy') {
    new OAuth2ProxyFile(app, config, edge)
    new ProxySecret(app, config, edge)
  }

  // What Windmill waits for; the app waits for Windmill.
  const theirs = new Folder(parts, 'windmill', windmill.namespace)
  new WindmillSecrets(theirs, config)
  new WindmillPolicies(theirs, config)
  new WorkersAccount(theirs)
  if (windmill.namespace !== namespace) new WindmillGrant(theirs, config)
  // Flux moves all of a part into one namespace: what lies in another one is a part of its own.
  if (edge.kind === 'envoy-extauth' && edge.namespace !== namespace) {
    new AutheliaGrant(new Folder(parts, 'authelia', edge.namespace), namespace, edge.service)
  }

  // The tasks outlive an uninstall, with all that the database lives by; docs/gitops.md says how to remove them too.
  const data = new Folder(parts, 'database', database.namespace)
  new DatabaseFile(data, config)
  new DatabaseSecrets(data, config)
  new DatabasePolicies(data, config)
  new DatabaseMonitor(data, config)
  keep(data)

  const board = new Folder(parts, 'dashboard', dashboard.namespace)
  new DashboardFile(board, config)
  new GrafanaSecret(board, config)
  new DashboardPolicies(board, config)

  new Alerts(app, config, secretsIn(parts))

  // apart, since their tokens may come after all else
  const dog = new Folder(parts, 'watchdog', namespace)
  new Watchdog(dog, config)
  new WatchdogSecret(dog, config)
  new WatchdogAlerts(dog, config)
  if (worker) {
    const resident = new Folder(parts, 'worker', namespace)
    new ResidentWorker(resident, config, worker)
    new WorkerSecret(resident, config)
  }
  return withFlux(config, parts)
}

/** All that lies in it stays in the cluster when hai is taken away. */
function keep({ files }: Folder): void {
  for (const { metadata } of files.flatMap(({ apiObjects }) => apiObjects))
    metadata.addAnnotation('kustomize.toolkit.fluxcd.io/prune', 'disabled')
}

const foldersIn = (parts: Construct): Folder[] =>
  parts.node.children.filter((child): child is Folder => child instanceof Folder)

/** The ExternalSecrets of all parts, for the alert that names each. */
const secretsIn = (parts: Construct): ApiObject[] =>
  foldersIn(parts)
    .flatMap(({ files }) => files)
    .flatMap(({ apiObjects }) => apiObjects.filter(({ kind }) => kind === 'ExternalSecret'))

/** Last, since it tells of all others. */
function withFlux(config: Config, parts: Construct): Deployment {
  const folders = foldersIn(parts)
  const scope = new Construct(parts.node.root, 'flux')
  return { folders, flux: new FluxFile(new Folder(scope, 'ks', fluxNamespace(config)), config, folders) }
}
