import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes long, longest first; all else takes less. */
const LONG = [
  /^tests\/worker\/claude-code/,
  /^tests\/runner\/postgres\/accounts/,
  /^tests\/core\/(doors_fuzz|task\/(plans|state_machine)|base\/linear)/,
  /^tests\/stack\/(faults|commands|pooler)/,
  /^tests\/evening\//,
  /^tests\/(cli\/(gitops|hai-sh)|stack\/|windmill\/)/,
  /^tests\/runner\//,
]
/** Projects whose files share processes: side by side, as a file of another one ends such a process. */
const SHARING = ['postgres-15', 'together']

/** Begins with what takes long and has processes of its own, so that no long file is left to run alone at the end. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      if (SHARING.includes(project.name)) return LONG.length + 1 + SHARING.indexOf(project.name)
      const name = relative(process.cwd(), moduleId)
      const at = LONG.findIndex((pattern) => pattern.test(name))
      return at < 0 ? LONG.length : at
    }
    return files.toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId))
  }
}
