import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes long, longest first; all else takes less. */
const LONG = [
  /^tests\/runner\/postgres\/accounts/,
  /^tests\/core\/(doors_fuzz|task\/(plans|state_machine)|base\/linear)/,
  /^tests\/(runner\/instance\/lifecycle|worker\/claude-code)/,
  /^tests\/stack\/(faults|commands|pooler)/,
  /^tests\/(evening\/|windmill\/deploy)/,
  /^tests\/(cli\/(gitops|hai-sh)|stack\/|windmill\/)/,
  /^tests\/runner\//,
]
/** Projects whose files share processes: side by side, as a file of another one ends such a process. */
const SHARING = ['stacks', 'postgres-15', 'together']

/** Begins with what takes long and has processes of its own, so that no long file is left to run alone at the end. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const name = relative(process.cwd(), moduleId)
      const at = LONG.findIndex((pattern) => pattern.test(name))
      // those with processes of their own come before the first of these
      return (SHARING.indexOf(project.name) + 1) * (LONG.length + 1) + (at < 0 ? LONG.length : at)
    }
    return files.toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId))
  }
}
