import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

/** cdk8s takes two objects of one name without a word; a cluster keeps the last. */
export function duplicates({ entries }: Tree): Problem[] {
  const seen = new Map<string, string>()
  return entries.flatMap(({ file, object }) => {
    const key = `${object.apiVersion} ${shown(object)}`
    const first = seen.get(key)
    seen.set(key, file)
    return first === undefined ? [] : [{ where: shown(object), what: `stands in ${first} and in ${file}` }]
  })
}
