import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { isGenerated } from './manifests.ts'

/** An object that a file of the repository declares. */
export interface Declared {
  /** From the root of the repository. */
  file: string
  apiVersion: string
  kind: string
  name: string
  /** Where it goes, as far as the repository tells: by itself, by the Kustomization that builds it, or by a list above. */
  namespace: string | undefined
  object: Fields
}

export type Fields = Record<string, unknown>

/** What a look at a repository brought: each text, and each object of a kind that hai may have to do with. */
export interface Repository {
  folder: string
  texts: Map<string, string>
  objects: Declared[]
  /** Settings of hai's that are there already. */
  settings: string[]
}

const KINDS =
  /^kind: (Cluster|ClusterSecretStore|CiliumNetworkPolicy|CiliumClusterwideNetworkPolicy|Gateway|GatewayClass|GitRepository|Grafana|GrafanaDashboard|HelmRelease|HTTPRoute|Kustomization|Namespace|NetworkPolicy|ObjectStore|OCIRepository|SecretStore|SecurityPolicy)\s*$/m
const OWN_SETTINGS = /(^|\/)hai\/my\.yaml$/
const LISTS = /^kustomization\.ya?ml$/

/** Reads the YAML of a repository; what is hidden, no YAML, or hai's own from an earlier run, is passed over. */
export function readRepository(folder: string): Repository {
  const all = yamlFiles(folder, '').map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const)
  const texts = new Map(all.filter(([file, text]) => !OWN_SETTINGS.test(file) && !isGenerated(text)))
  const settings = all.map(([file]) => file).filter((file) => OWN_SETTINGS.test(file))
  const declared = [...texts].flatMap(([file, text]) => (KINDS.test(text) ? objectsIn(file, text) : []))
  const namespaces = namespacesOf(texts)
  const builders = declared.filter(isFlux).map(({ file, object }) => {
    const { path, targetNamespace } = (object.spec ?? {}) as { path?: string; targetNamespace?: string }
    return { path: plain(path ?? ''), namespace: targetNamespace ?? above(dirname(file), namespaces) }
  })
  const objects = declared.map((one) => {
    const own = (one.object.metadata as { namespace?: string } | undefined)?.namespace
    const builder = isFlux(one)
      ? undefined
      : builders
          .filter(({ path }) => path !== '' && one.file.startsWith(`${path}/`))
          .sort((a, b) => b.path.length - a.path.length)[0]
    return { ...one, namespace: own ?? builder?.namespace ?? above(dirname(one.file), namespaces) }
  })
  return { folder, texts, objects, settings }
}

/** A path as Flux writes it, without what says nothing. */
export const plain = (path: string): string => path.replace(/^\.\/?/, '').replace(/\/$/, '')

export const isFlux = ({ kind, apiVersion }: { kind: string; apiVersion: string }): boolean =>
  kind === 'Kustomization' && apiVersion.startsWith('kustomize.toolkit.fluxcd.io/')

function yamlFiles(root: string, below: string): string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory()) return yamlFiles(root, path)
      return entry.isFile() && /\.ya?ml(\.j2)?$/.test(entry.name) ? [path] : []
    })
}

function objectsIn(file: string, text: string): Omit<Declared, 'namespace'>[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) return []
    const object = document.toJS() as Fields | null
    const { apiVersion, kind } = object ?? {}
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') return []
    const name = String((object!.metadata as { name?: unknown } | undefined)?.name ?? '')
    return [{ file, apiVersion, kind, name, object: object! }]
  })
}

/** What the lists that kustomize reads say of their folders. */
function namespacesOf(texts: Map<string, string>): Map<string, string> {
  return new Map(
    [...texts].flatMap(([file, text]) => {
      const said = /^namespace: "?([\w-]+)"?\s*$/m.exec(text)?.[1]
      return said && LISTS.test(file.split('/').at(-1)!) ? [[dirname(file), said] as const] : []
    }),
  )
}

function above(folder: string, namespaces: Map<string, string>): string | undefined {
  for (let at = folder; at !== '.' && at !== ''; at = dirname(at)) {
    const found = namespaces.get(at)
    if (found) return found
  }
  return undefined
}

export const specOf = ({ object }: Declared): Fields => (object.spec ?? {}) as Fields

/** The HelmRelease of a chart, by the chart's name or its own. */
export function release(objects: readonly Declared[], chart: RegExp): Declared | undefined {
  return objects.find((one) => {
    if (one.kind !== 'HelmRelease') return false
    const spec = specOf(one) as { chart?: { spec?: { chart?: string } }; chartRef?: { name?: string } }
    return (
      chart.test(spec.chart?.spec?.chart ?? '') ||
      chart.test(spec.chartRef?.name ?? '') ||
      chart.test(one.name)
    )
  })
}
