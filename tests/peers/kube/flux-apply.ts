import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import type { KubeObject, Tree } from '../../../cdk8s/tree.ts'
import { writeTree } from '../../../cdk8s/write.ts'
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
 * What Flux would apply of a tree, part by part in the order of their dependencies: each folder built by kustomize with
 * what its Kustomization adds, and the variables filled in. First of all the Kustomizations themselves.
 */
export async function builtByFlux(api: KubeApi, tree: Tree, folder: string): Promise<Built[]> {
  const repository = mkdtempSync(join(folder, 'repository-'))
  writeTree(repository, tree)
  const declared = tree.entries
    .filter(({ object }) => object.kind === 'Kustomization')
    .map(({ object }) => object)
  const parts = inOrder(declared as unknown as Part[])
  const built = [{ name: 'ks', objects: declared }]
  for (const part of parts)
    built.push({ name: part.metadata.name, objects: await build(api, repository, part) })
  return built
}

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
  return parseAllDocuments(filled(stdout)).map((document) => document.toJS() as KubeObject)
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
