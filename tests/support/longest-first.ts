import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes long, longest first; all else takes less. */
const LONG = [
  /^tests\/runner\/postgres\/accounts/,
  /^tests\/stack\/(faults|commands|doors)/,
  /^tests\/evening\//,
  /^tests\/(worker\/|cli\/hai-sh)/,
  /^tests\/core\/(plans|linear|state-machine|doors-fuzz)/,
  /^tests\/runner\//,
  /^tests\/(windmill|stack|models|http|cost|manifests)\//,
]

/** Begins with what takes long, so that no long file is left to run alone at the end. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const name = relative(process.cwd(), moduleId)
      const at = LONG.findIndex((pattern) => pattern.test(name))
      return at < 0 ? LONG.length : at
    }
    return files.toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId))
  }
}
