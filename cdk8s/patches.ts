import type { Problem } from './checks/problem.ts'
import type { Config, Patch } from './config.ts'
import type { KubeObject, Tree } from './tree.ts'
import { yamlText } from './yaml-text.ts'

/** A patch as kustomize reads it. */
export interface ListedPatch {
  target: { kind: string; name: string }
  patch: string
}

/** The operator's patches of these objects, each of which kustomize applies to exactly one. */
export const patchesOf = (config: Config, objects: readonly KubeObject[]): ListedPatch[] =>
  config.patches.flatMap((patch) =>
    objects.filter(isTarget(patch)).map((object) => ({
      target: { kind: object.kind, name: object.metadata.name },
      patch: written(patch, object),
    })),
  )

const isTarget =
  ({ target: { kind, name } }: Patch) =>
  ({ kind: has, metadata }: KubeObject): boolean =>
    has === kind && (name === undefined || metadata.name === name)

/** Kustomize asks of a patch that is merged that it is an object of its own. */
function written({ patch }: Patch, { apiVersion, kind, metadata: { name } }: KubeObject): string {
  if (Array.isArray(patch)) return yamlText(patch)
  const metadata = { ...(patch.metadata as object | undefined), name }
  return yamlText({ ...patch, apiVersion, kind, metadata })
}

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
