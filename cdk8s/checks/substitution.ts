import type { Tree } from '../tree.ts'
import { type Problem, shown, textsOf } from './problem.ts'

const VARIABLE = /\$\{([^}]*)\}?/g

/** The variables that Flux may fill in: the domain's, when it is one. */
export const allowedVariables = (tree: Tree): string[] =>
  [...tree.config.domain.matchAll(VARIABLE)].map(([, name]) => name!)

/** Only the domain is Flux's to fill in, and nowhere in what a container runs. */
export function substitution(tree: Tree): Problem[] {
  const allowed = allowedVariables(tree)
  return tree.entries.flatMap(({ object }) =>
    [...textsOf(object)].flatMap(({ path, text }) =>
      [...text.matchAll(VARIABLE)].flatMap(([variable, name]) => {
        const where = `${shown(object)} ${path.join('.')}`
        if (!allowed.includes(name!)) return [{ where, what: `${variable} is none of Flux's variables` }]
        const inCommand = path.some((key) => key === 'command' || key === 'args')
        return inCommand ? [{ where, what: `${variable} stands in a command; use the environment` }] : []
      }),
    ),
  )
}
