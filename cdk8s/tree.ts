import { deployment } from './app.ts'
import { type Config, hostOf } from './config.ts'
import { dashboardJson } from './dashboard/board.ts'
import type { ManifestFile } from './manifest-file.ts'
import { snippets } from './operator/values.ts'
import { yaml } from './render.ts'
import { schemaUrl } from './schema-url.ts'

/** An object of Kubernetes as it is written. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  [field: string]: unknown
}

export interface Entry {
  /** The file it stands in, from the root of the tree. */
  file: string
  object: KubeObject
}

export interface Tree {
  config: Config
  host: string
  entries: Entry[]
  /** What kustomize builds: a folder, and the files it lists. */
  lists: { folder: string; resources: string[] }[]
  /** Every file, by its path from the root of the tree. */
  files: Map<string, string>
}

const APPS = 'kubernetes/apps'

/** All files that a configuration makes, in memory, in the order of their paths. */
export function treeOf(config: Config): Tree {
  const { folders, flux } = deployment(config)
  const files = new Map<string, string>()
  const entries: Entry[] = []
  const lists: Tree['lists'] = []
  const write = (file: string, chart: ManifestFile) => {
    const objects = chart.apiObjects.map((object) => object.toJson() as KubeObject)
    entries.push(...objects.map((object) => ({ file, object })))
    files.set(file, yaml(objects.map((object) => ({ object, schema: schemaUrl(config, object) }))))
  }
  for (const { namespace, files: charts } of folders) {
    const folder = `${APPS}/${namespace}/hai/app`
    for (const chart of charts) write(`${folder}/${chart.file}.yaml`, chart)
    const resources = charts.map(({ file }) => `./${file}.yaml`)
    const object = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources }
    files.set(`${folder}/kustomization.yaml`, yaml([{ object, schema: config.schemas.kustomization }]))
    lists.push({ folder, resources })
  }
  write(`${APPS}/${config.namespace}/hai/ks.yaml`, flux)
  for (const { file, merge, content } of snippets(config))
    files.set(`operator/${file}`, yaml([{ object: content }], merge))
  if (config.dashboard.delivery === 'url') files.set('grafana/hai.json', dashboardJson(config))
  const sorted = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { config, host: hostOf(config), entries, lists, files: sorted }
}

/** The line that the operator adds, and the file of his that it goes into. */
export const oneLine = ({ namespace }: Config): { file: string; line: string } => ({
  file: `${APPS}/${namespace}/kustomization.yaml`,
  line: '  - ./hai/ks.yaml',
})
