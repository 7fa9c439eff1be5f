import { existsSync } from 'node:fs'
import { Refused } from '../config/read.ts'
import type { Tree } from '../tree.ts'
import { type Crd, crdCheck, crdsIn, crdsOfCluster } from './crds.ts'
import { hasKubectl, kustomized, yamlStyle } from './files.ts'
import type { Problem } from './problem.ts'

const UNASKED =
  'custom resources: their types alone; --cluster asks your cluster for their definitions, HAI_CRDS names a folder of them'

interface Options {
  cluster: boolean
  print: (line: string) => void
}

/** Proves a tree as far as this machine can; with `cluster`, against what that cluster has installed. The exit status. */
export async function validate(tree: Tree, { cluster, print }: Options): Promise<number> {
  const problems = yamlStyle(tree)
  print(`own checks: ${tree.entries.length} objects`)
  const known = await definitions(tree, cluster)
  if (known.length === 0) print(UNASKED)
  for (const { name, crds, problems: lacking } of known) {
    const report = crdCheck(crds)(tree)
    problems.push(...lacking, ...report.problems)
    print(`${name}: ${report.covered.length} kinds`)
    for (const kind of report.uncovered) print(`  no definition of ${kind}`)
  }
  if (hasKubectl()) {
    problems.push(...kustomized(tree))
    print(`kubectl kustomize: ${tree.lists.length} folders`)
  } else print('kubectl kustomize: left out, kubectl is not here')
  for (const { where, what } of problems) print(`✗ ${where}: ${what}`)
  print(problems.length === 0 ? 'all is well' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

async function definitions(
  tree: Tree,
  cluster: boolean,
): Promise<{ name: string; crds: Crd[]; problems: Problem[] }[]> {
  const folder = crdFolder()
  const files =
    folder === undefined ? [] : [{ name: `definitions in ${folder}`, crds: crdsIn(folder), problems: [] }]
  if (!cluster) return files
  const { context, ...found } = await crdsOfCluster(tree)
  return [...files, { name: `definitions in the cluster ${context}`, ...found }]
}

/** `HAI_CRDS`; undefined where it is not set. */
function crdFolder(): string | undefined {
  const named = process.env.HAI_CRDS
  if (named && !existsSync(named)) throw new Refused(`HAI_CRDS: there is no folder ${named}`)
  return named || undefined
}
