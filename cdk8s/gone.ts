import { parseAllDocuments } from 'yaml'
import { shown } from './checks/problem.ts'
import { isOurs } from './generated.ts'
import type { KubeObject } from './kube-object.ts'
import type { Tree } from './tree.ts'

/** Objects that the copy makes and the new tree does not: Flux deletes them, but for those that outlive hai. */
export function goneObjects(there: ReadonlyMap<string, string>, { files, entries }: Tree): string[] {
  const made = new Set(entries.map(({ object }) => `${object.kind} ${object.metadata.name}`))
  const changed = [...there].filter(([file, text]) => isOurs(file, text) && files.get(file) !== text)
  return changed
    .filter(([file]) => file.endsWith('.yaml') && !file.includes('/operator/'))
    .flatMap(([, text]) =>
      parseAllDocuments(text).map((document) => document.toJS() as Partial<KubeObject> | null),
    )
    .filter((object): object is KubeObject => object?.metadata?.name !== undefined)
    .filter(({ kind, metadata }) => !made.has(`${kind} ${metadata.name}`))
    .map((object) => {
      const kept = object.metadata.annotations?.['kustomize.toolkit.fluxcd.io/prune'] === 'disabled'
      const name = object.metadata.namespace ? shown(object) : `${object.kind} ${object.metadata.name}`
      return `${name}; ${kept ? 'it stays in the cluster, kubectl delete is yours' : 'Flux deletes it'}`
    })
}
