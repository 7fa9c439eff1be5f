import { dirname } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../charts/manifest-file.ts'
import { shown } from '../checks/problem.ts'
import type { KustomizeList, Tree } from '../tree.ts'
import { isOurs } from './write.ts'

/** Objects that the copy makes and the new tree does not: Flux deletes them, but for those that outlive hai. */
export function goneObjects(there: ReadonlyMap<string, string>, { entries, files }: Tree): string[] {
  const made = new Set(entries.map(({ object }) => shown(object)))
  // what is made again as it is loses nothing, and YAML is slow to read
  const isSame = (file: string) => there.get(file) === files.get(file)
  const changed = [...there.keys()].filter((file) => !isSame(file) || !isSame(listOf(file)))
  return objectsOf(there, changed)
    .filter((object) => !made.has(shown(object)))
    .map((object) => {
      const kept = object.metadata.annotations?.['kustomize.toolkit.fluxcd.io/prune'] === 'disabled'
      if (!kept) return `${shown(object)}; Flux deletes it`
      const moved = entries.find(
        ({ object: { kind, metadata } }) => kind === object.kind && metadata.name === object.metadata.name,
      )
      const other = moved ? `; the one in ${moved.object.metadata.namespace} is another, and new` : ''
      return `${shown(object)}; it stays in the cluster, kubectl delete is yours${other}`
    })
}

/** What an earlier run made, with the namespace that its folder's list says for all. */
function objectsOf(there: ReadonlyMap<string, string>, files: readonly string[]): KubeObject[] {
  return files
    .map((file) => [file, there.get(file)!] as const)
    .filter(([file, text]) => file.endsWith('.yaml') && !file.includes('/operator/') && isOurs(file, text))
    .flatMap(([file, text]) => {
      const [list] = readIn(there.get(listOf(file)) ?? '')
      const namespace = (list as Partial<KustomizeList> | null | undefined)?.namespace ?? ''
      return readIn(text)
        .map((object) => object as Partial<KubeObject> | null)
        .filter((object): object is KubeObject => object?.metadata?.name !== undefined)
        .map((object) => ({
          ...object,
          metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace },
        }))
    })
}

const listOf = (file: string): string => `${dirname(file)}/kustomization.yaml`

/** What a file says, as far as it can be read: a merge that went wrong is mended by the run that asks. */
function readIn(text: string): unknown[] {
  try {
    return parseAllDocuments(text).map((document) => document.toJS() as unknown)
  } catch {
    return []
  }
}
