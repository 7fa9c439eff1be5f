import type { Config, Patch } from './config/config.ts'
import type { KubeObject } from './kube-object.ts'
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
