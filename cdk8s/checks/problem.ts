import type { Tree } from '../tree.ts'

/** What is wrong, and in which file or object. */
export interface Problem {
  where: string
  what: string
}

export type Check = (tree: Tree) => Problem[]

/** An object as messages name it. */
export const shown = ({
  kind,
  metadata: { namespace, name },
}: {
  kind: string
  metadata: { namespace: string; name: string }
}): string => `${kind} ${namespace}/${name}`

/** Every text in a value, with the path to it. */
export function* textsOf(value: unknown, path: string[] = []): Generator<{ path: string[]; text: string }> {
  if (typeof value === 'string') yield { path, text: value }
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* textsOf(item, [...path, String(index)])
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) yield* textsOf(item, [...path, key])
  }
}
