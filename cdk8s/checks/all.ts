import type { Tree } from '../tree.ts'
import { duplicates } from './duplicates.ts'
import { oneHost } from './host.ts'
import { ownSchemas } from './own-schemas.ts'
import { patchTargets } from './patch-targets.ts'
import type { Check, Problem } from './problem.ts'
import { folders, references } from './references.ts'
import { secretMaterial } from './secret-material.ts'
import { selectors } from './selectors.ts'
import { substitution } from './substitution.ts'

/** What needs nothing but the tree: run before anything is written. */
const CHECKS: readonly Check[] = [
  ownSchemas,
  duplicates,
  references,
  folders,
  selectors,
  substitution,
  secretMaterial,
  oneHost,
  patchTargets,
]

/** Everything that is wrong with a tree, as far as the tree alone tells. */
export const problemsOf = (tree: Tree): Problem[] => CHECKS.flatMap((check) => check(tree))
