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
  /** What could not be read, each with its file. */
  skipped: string[]
}

const KINDS =
  /^kind: (Cluster|ClusterSecretStore|CiliumNetworkPolicy|CiliumClusterwideNetworkPolicy|Gateway|GatewayClass|GitRepository|Grafana|GrafanaDashboard|HelmRelease|HTTPRoute|Kustomization|Namespace|NetworkPolicy|ObjectStore|OCIRepository|SecretStore|SecurityPolicy)\s*$/m
const OWN_SETTINGS = /(^|\/)hai\/my\.yaml$/
const LISTS = /^kustomization\.ya?ml$/

/** Reads the YAML of a repository; what is hidden, no YAML, or hai's own from an earlier run, is passed over. */
export function readRepository(folder: string): Repository {
  const skipped: string[] = []
  const all = yamlFiles(folder, '', skipped).flatMap((file) => {
    const text = readable(() => readFileSync(join(folder, file), 'utf8'), file, skipped)
    return text === undefined ? [] : [[file, text] as const]
  })
  const texts = new Map(all.filter(([file, text]) => !OWN_SETTINGS.test(file) && !isGenerated(text)))
  const settings = all.map(([file]) => file).filter((file) => OWN_SETTINGS.test(file))
  const declared = [...texts].flatMap(([file, text]) =>
    KINDS.test(text) ? objectsIn(file, text, skipped) : [],
  )
  const namespaces = namespacesOf(texts)
  const builders = declared.filter(isFlux).map(({ file, object }) => {
    const { path, targetNamespace } = mapOf(object.spec)
    return {
      path: plain(textOf(path) ?? ''),
      namespace: textOf(targetNamespace) ?? above(dirname(file), namespaces),
    }
  })
  const objects = declared.map((one) => {
    const own = textOf(mapOf(one.object.metadata).namespace)
    const builder = isFlux(one)
      ? undefined
      : builders
          .filter(({ path }) => path !== '' && one.file.startsWith(`${path}/`))
          .sort((a, b) => b.path.length - a.path.length)[0]
    return { ...one, namespace: own ?? builder?.namespace ?? above(dirname(one.file), namespaces) }
  })
  return { folder, texts, objects, settings, skipped }
}

/** A path as Flux writes it, without what says nothing. */
export const plain = (path: string): string => path.replace(/^\.\/?/, '').replace(/\/$/, '')

export const isFlux = ({ kind, apiVersion }: { kind: string; apiVersion: string }): boolean =>
  kind === 'Kustomization' && apiVersion.startsWith('kustomize.toolkit.fluxcd.io/')

function yamlFiles(root: string, below: string, skipped: string[]): string[] {
  const entries = readable(
    () => readdirSync(join(root, below), { withFileTypes: true }),
    below || root,
    skipped,
  )
  return (entries ?? [])
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory()) return yamlFiles(root, path, skipped)
      return entry.isFile() && /\.ya?ml(\.j2)?$/.test(entry.name) ? [path] : []
    })
}

/** What reading brings; where it fails, the file is passed over, and that is noted once. */
function readable<T>(read: () => T, file: string, skipped: string[]): T | undefined {
  try {
    return read()
  } catch (error) {
    const line = `${file}: ${(error as Error).message.split('\n')[0]!.replace(/:$/, '')}`
    if (!skipped.some((one) => one.startsWith(`${file}: `))) skipped.push(line)
    return undefined
  }
}

function objectsIn(file: string, text: string, skipped: string[]): Omit<Declared, 'namespace'>[] {
  return parseAllDocuments(text).flatMap((document) => {
    const read = readable(
      () => {
        if (document.errors[0]) throw document.errors[0]
        return document.toJS() as unknown
      },
      file,
      skipped,
    )
    const object = mapOf(read)
    const { apiVersion, kind } = object
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') return []
    return [{ file, apiVersion, kind, name: String(mapOf(object.metadata).name ?? ''), object }]
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

/** A map where one is expected; null, and whatever else stands there, is an empty one. */
export const mapOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}

/** The maps of a list where one is expected. */
export const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(mapOf) : [])

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

export const specOf = ({ object }: Declared): Fields => mapOf(object.spec)

/** The HelmRelease of a chart, by the chart's name or its own. */
export function release(objects: readonly Declared[], chart: RegExp): Declared | undefined {
  return objects.find((one) => {
    if (one.kind !== 'HelmRelease') return false
    const { chart: named, chartRef } = specOf(one)
    return [mapOf(mapOf(named).spec).chart, mapOf(chartRef).name, one.name].some((name) =>
      chart.test(textOf(name) ?? ''),
    )
  })
}
