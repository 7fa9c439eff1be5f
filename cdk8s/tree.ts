import { dirname } from 'node:path'
import { deployment } from './app.ts'
import { type KubeObject, type ManifestFile, reasonsOf } from './charts/manifest-file.ts'
import { type Config, homeFolder, hostOf, type Patch, partFolder } from './config/config.ts'
import { dashboardJson } from './dashboard/board.ts'
import { snippets } from './operator/snippets.ts'
import { yaml, yamlText } from './yaml.ts'

export interface Entry {
  /** The file it stands in, from the root of the tree. */
  file: string
  object: KubeObject
}

/** What kustomize reads in a folder. */
export interface KustomizeList {
  apiVersion: string
  kind: string
  namespace?: string
  resources: string[]
  patches?: ListedPatch[]
}

export interface Tree {
  config: Config
  host: string
  /** The folder that all files lie in, from the root of the repository. */
  home: string
  entries: Entry[]
  /** What kustomize builds, folder by folder. */
  lists: { folder: string; object: KustomizeList }[]
  /** Every file, by its path from the root of the repository. */
  files: Map<string, string>
}

/** The dashboard where Grafana fetches it by its address. */
export const DASHBOARD_FILE = 'operator/hai.json'

/** All files that a configuration makes, in memory, in the order of their paths. */
export function treeOf(config: Config): Tree {
  const { folders, flux } = deployment(config)
  const files = new Map<string, string>()
  const entries: Entry[] = []
  const lists: Tree['lists'] = []
  const home = homeFolder(config)
  const write = (file: string, chart: ManifestFile, form: (object: KubeObject) => object) => {
    const made = chart.apiObjects.map((construct) => {
      const object = construct.toJson() as KubeObject
      return { object, schema: schemaUrl(config, object), reasons: reasonsOf(construct) }
    })
    entries.push(...made.map(({ object }) => ({ file, object })))
    files.set(file, yaml(made.map(({ object, ...more }) => ({ object: form(object), ...more }))))
  }
  const list = (folder: string, charts: readonly ManifestFile[], namespace?: string) => {
    const resources = charts.map(({ file }) => `./${file}.yaml`)
    const there = entries.filter(({ file }) => dirname(file) === folder).map(({ object }) => object)
    const patches = namespace ? patchesOf(config, there) : []
    const object: KustomizeList = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      ...(namespace ? { namespace } : {}),
      resources,
      ...(patches.length > 0 ? { patches } : {}),
    }
    files.set(`${folder}/kustomization.yaml`, yaml([{ object, schema: config.schemas.kustomization }]))
    lists.push({ folder, object })
  }
  for (const { part, namespace, files: charts } of folders) {
    const folder = partFolder(config, part)
    for (const chart of charts) write(`${folder}/${chart.file}.yaml`, chart, inList)
    list(folder, charts, namespace)
  }
  // With a list of its own Flux never looks further into the folder, at what is no manifest or belongs elsewhere.
  write(`${home}/ks.yaml`, flux, asIs)
  list(home, [flux])
  for (const { file, merge, content, reasons } of snippets(config))
    files.set(`${home}/operator/${file}`, yaml([{ object: content, reasons }], merge))
  if (config.dashboard.delivery === 'url') files.set(`${home}/${DASHBOARD_FILE}`, dashboardJson(config))
  const sorted = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { config, host: hostOf(config), home, entries, lists, files: sorted }
}

const asIs = (object: KubeObject): object => object

/** Without its namespace, which the list beside it says for all. */
function inList({ metadata: { namespace: _, ...metadata }, ...object }: KubeObject): object {
  return { ...object, metadata }
}

/** A patch as kustomize reads it. */
interface ListedPatch {
  target: { kind: string; name: string }
  patch: string
}

/** The operator's patches of these objects, each of which kustomize applies to exactly one. */
const patchesOf = (config: Config, objects: readonly KubeObject[]): ListedPatch[] =>
  config.patches.flatMap((patch) =>
    objects.filter(isTarget(patch)).map((object) => ({
      target: { kind: object.kind, name: object.metadata.name },
      patch: written(patch, object),
    })),
  )

/** Whether a patch is meant for an object. */
export const isTarget =
  ({ target: { kind, name } }: Patch) =>
  ({ kind: has, metadata }: KubeObject): boolean =>
    has === kind && (name === undefined || metadata.name === name)

/** Kustomize asks of a patch that is merged that it is an object of its own. */
function written({ patch }: Patch, { apiVersion, kind, metadata: { name } }: KubeObject): string {
  if (Array.isArray(patch)) return yamlText(patch)
  const metadata = { ...(patch.metadata as object | undefined), name }
  return yamlText({ ...patch, apiVersion, kind, metadata })
}

const BUILT_IN = ['v1', 'apps/v1', 'batch/v1']

/** Where editors find the schema of an object. */
function schemaUrl({ schemas }: Config, { apiVersion, kind }: { apiVersion: string; kind: string }): string {
  const name = kind.toLowerCase()
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  if (!BUILT_IN.includes(apiVersion)) return `${schemas.custom}/${group}/${name}_${version}.json`
  const short = group ? `${group.split('.')[0]}-` : ''
  return `${schemas.kubernetes}/${name}-${short}${version}.json`
}
