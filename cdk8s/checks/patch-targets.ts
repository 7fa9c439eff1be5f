import type { KubeObject } from '../kube-object.ts'
import { isTarget } from '../patches.ts'
import type { Tree } from '../tree.ts'
import type { Problem } from './problem.ts'

/** A patch that changes nothing, because nothing of its name is made, would be believed to. */
export function patchTargets({ config, entries }: Tree): Problem[] {
  const objects = entries.map(({ object }) => object)
  return config.patches.flatMap((patch, index) => {
    const where = `patches.${index}.target`
    const { kind, name } = patch.target
    if (kind === 'Kustomization') {
      return [
        { where, what: 'a Kustomization is no object of a part; flux.components and its kin change it' },
      ]
    }
    if (objects.some(isTarget(patch))) return []
    const known = objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name)
    const there =
      known.length > 0 ? `there are ${known.join(', ')}` : `there are only ${kindsOf(objects).join(', ')}`
    return [{ where, what: `no ${kind} ${name ?? 'at all'} is made; ${there}` }]
  })
}

const kindsOf = (objects: readonly KubeObject[]): string[] =>
  [...new Set(objects.map(({ kind }) => kind).filter((kind) => kind !== 'Kustomization'))].sort()
