import { App } from 'cdk8s'
import { Construct } from 'constructs'
import { Alerts } from './charts/alerts.ts'
import { DashboardFile } from './charts/dashboard.ts'
import { DatabaseFile } from './charts/database.ts'
import { AutheliaGrant, EdgeLimits, EdgeSecurity, WindmillGrant } from './charts/edge-policies.ts'
import { FluxFile, fluxName } from './charts/flux.ts'
import { DatabasePolicies, HaiPolicies, WindmillPolicies } from './charts/network-policies.ts'
import { OAuth2ProxyFile } from './charts/oauth2-proxy.ts'
import { Routes } from './charts/routes.ts'
import { DatabaseSecrets, GrafanaSecret, HaiSecrets, WindmillSecrets } from './charts/secrets.ts'
import { StatusRole } from './charts/status-role.ts'
import { Watchdog } from './charts/watchdog.ts'
import { ResidentWorker } from './charts/worker.ts'
import type { Config } from './config.ts'
import { Folder, type ManifestFile } from './manifest-file.ts'

/** All that is deployed: the folders, one per namespace, and the file that has Flux build them. */
export interface Deployment {
  folders: Folder[]
  flux: ManifestFile
}

/** The table of contents: which file lies in which namespace. */
export function deployment(config: Config): Deployment {
  const apps = new Construct(new App(), 'apps')
  const folders = new Map<string, Folder>()
  const at = (namespace: string): Folder => {
    const folder = folders.get(namespace) ?? new Folder(apps, namespace)
    folders.set(namespace, folder)
    return folder
  }
  const { namespace, windmill, database, dashboard, edge, worker } = config

  const home = at(namespace)
  new Routes(home, config)
  new EdgeSecurity(home, config)
  new EdgeLimits(home)
  if (edge.kind === 'oauth2-proxy') new OAuth2ProxyFile(home, config, edge)
  if (edge.kind === 'envoy-extauth') new AutheliaGrant(at(edge.namespace), namespace, edge.service)
  new HaiSecrets(home, config)
  new HaiPolicies(home, config)
  new Watchdog(home, config)
  if (worker) new ResidentWorker(home, config, worker)
  new Alerts(home, config)

  const theirs = at(windmill.namespace)
  new WindmillSecrets(theirs, config)
  new WindmillPolicies(theirs, config)
  if (theirs !== home) new WindmillGrant(theirs, config)

  new DatabaseFile(at(database.namespace), config)
  new DatabaseSecrets(at(database.namespace), config)
  new DatabasePolicies(at(database.namespace), config)

  new DashboardFile(at(dashboard.namespace), config)
  new GrafanaSecret(at(dashboard.namespace), config)

  return withFlux(config, [...folders.values()])
}

/** Last, since both tell of all others: the role names each object, Flux waits for some of them. */
function withFlux(config: Config, folders: Folder[]): Deployment {
  for (const folder of folders) {
    const objects = folder.files.flatMap(({ apiObjects }) => apiObjects)
    new StatusRole(folder, config, [
      ...objects,
      ...(folder.namespace === config.namespace ? kustomizations(config, folders) : []),
    ])
  }
  const scope = new Construct(folders[0]!.node.root, 'flux')
  return { folders, flux: new FluxFile(new Folder(scope, config.namespace), config, folders) }
}

const kustomizations = ({ namespace }: Config, folders: Folder[]) =>
  folders.map((folder) => ({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    name: fluxName(folder.namespace, namespace),
  }))
