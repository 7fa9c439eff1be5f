import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import type { KubeObject } from '../../../cdk8s/charts/manifest-file.ts'
import type { KubeApi, Said } from './api-server.ts'

/** A Kustomization of Flux, as far as it says what is built. */
interface Part {
  metadata: { name: string; namespace: string }
  spec: {
    path: string
    targetNamespace?: string
    dependsOn?: { name: string }[]
    components?: string[]
    commonMetadata?: { labels?: Record<string, string> }
  }
}

export interface Built {
  name: string
  objects: KubeObject[]
}

/**
 * What Flux would apply of hai's folder in a repository, part by part in the order of their dependencies: each built by
 * kustomize with what its Kustomization adds, and the variables filled in. First of all the Kustomizations themselves.
 */
export async function builtByFlux(api: KubeApi, repository: string, home: string): Promise<Built[]> {
  const declared = objectsIn(readFileSync(join(repository, home, 'ks.yaml'), 'utf8'))
  const built = [{ name: 'ks', objects: declared }]
  for (const part of inOrder(declared as unknown as Part[]))
    built.push({ name: part.metadata.name, objects: await build(api, repository, part) })
  return built
}

const objectsIn = (text: string): KubeObject[] =>
  parseAllDocuments(filled(text)).map((document) => document.toJS() as KubeObject)

async function build(api: KubeApi, repository: string, { metadata, spec }: Part): Promise<KubeObject[]> {
  const overlay = join(repository, '.flux', metadata.name)
  mkdirSync(overlay, { recursive: true })
  const at = (path: string) => relative(overlay, join(repository, path))
  const labels = spec.commonMetadata?.labels
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [at(spec.path)],
    ...(spec.targetNamespace ? { namespace: spec.targetNamespace } : {}),
    ...(spec.components ? { components: spec.components.map((path) => at(join(spec.path, path))) } : {}),
    ...(labels ? { labels: [{ pairs: labels }] } : {}),
  }
  writeFileSync(join(overlay, 'kustomization.yaml'), stringify(kustomization))
  const { stdout } = await api.kubectl('kustomize', overlay)
  return objectsIn(stdout)
}

/** The variables as Flux fills them in: the one that there is stands for a domain. */
export const filled = (text: string): string => text.replaceAll(/\$\{[A-Z][A-Z0-9_]*\}/g, 'example.com')

function inOrder(parts: Part[]): Part[] {
  const ordered: Part[] = []
  const names = new Set(parts.map(({ metadata }) => metadata.name))
  const add = (part: Part, under: string[]) => {
    if (ordered.includes(part)) return
    const { name } = part.metadata
    if (under.includes(name))
      throw new Error(`the parts wait for each other: ${[...under, name].join(' → ')}`)
    for (const { name: before } of part.spec.dependsOn ?? [])
      if (names.has(before)) add(parts.find(({ metadata }) => metadata.name === before)!, [...under, name])
    ordered.push(part)
  }
  for (const part of parts) add(part, [])
  return ordered
}

/** Applies as Flux does: by the server, every field known. */
export async function apply(api: KubeApi, objects: readonly object[], folder: string): Promise<Said> {
  const file = join(mkdtempSync(join(folder, 'apply-')), 'objects.yaml')
  writeFileSync(file, objects.map((object) => stringify(object)).join('---\n'))
  const how = ['--server-side', '--validate=strict', '--field-manager=kustomize-controller']
  return api.kubectl('apply', ...how, '--filename', file)
}
