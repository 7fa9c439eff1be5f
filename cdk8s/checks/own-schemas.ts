import type * as z from 'zod'
import { CATALOG } from '../schemas/catalog.ts'
import { KustomizeList } from '../schemas/flux.ts'
import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

/** Exactly the fields that we mean to write, and their values; a kind that is not in the catalog is refused. */
export function ownSchemas({ entries, lists }: Tree): Problem[] {
  const problems = entries.flatMap(({ object }) => {
    const schema = Object.hasOwn(CATALOG, object.kind)
      ? CATALOG[object.kind as keyof typeof CATALOG]
      : undefined
    if (!schema) return [{ where: shown(object), what: 'is of a kind that no schema of ours knows' }]
    return misfits(schema, object, shown(object))
  })
  const listed = lists.flatMap(({ folder, object }) =>
    misfits(KustomizeList, object, `${folder}/kustomization.yaml`),
  )
  return [...problems, ...listed]
}

function misfits(schema: z.ZodType, value: unknown, where: string): Problem[] {
  const { error } = schema.safeParse(value)
  return (error?.issues ?? []).map(({ path, message }) => ({ where, what: `${path.join('.')}: ${message}` }))
}
