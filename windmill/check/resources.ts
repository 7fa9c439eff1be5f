import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { BundleFiles, Problem } from '../items.ts'

/** Resources have a type that the server knows or the bundle brings; variables keep no secret in Git. */
export function checkResources(bundle: BundleFiles): Problem[] {
  const resources = bundle.items('.resource.yaml').flatMap(({ file, content }) => {
    const { resource_type: type } = content
    if (typeof type !== 'string' || type === '') {
      return [{ file, what: 'resource_type is missing: expected the name of a type' }]
    }
    const ownType = join(bundle.root, `${type}.resource-type.yaml`)
    if (!type.startsWith('c_') || existsSync(ownType)) return []
    return [{ file, what: `its type ${type} has no ${type}.resource-type.yaml at the root` }]
  })
  const variables = bundle.items('.variable.yaml').flatMap(({ file, content }) => {
    const written = content.is_secret === true && content.value !== undefined && content.value !== ''
    return written
      ? [{ file, what: 'it holds the value of a secret: leave value out and set it on the server' }]
      : []
  })
  return [...resources, ...variables]
}
