import { checkFlows } from './check-flows.ts'
import { checkReferences } from './check-references.ts'
import { checkResources } from './check-resources.ts'
import { checkSchedules } from './check-schedules.ts'
import { checkSignatures } from './check-signatures.ts'
import { checkTriggers } from './check-triggers.ts'
import { type BundleFiles, type Problem, readBundle } from './items.ts'
import { readScripts } from './scripts.ts'
import { orphanedHashes, staleItems } from './staleness.ts'

/** All that is wrong with a bundle and `wmill lint --locks-required` does not see, by file. */
export async function checkBundle(root: string): Promise<Problem[]> {
  const bundle = readBundle(root)
  const problems = [
    ...bundle.problems,
    ...checkSchedules(bundle),
    ...checkReferences(bundle),
    ...checkResources(bundle),
    ...checkFlows(bundle),
    ...checkTriggers(bundle),
    ...checkFolders(bundle),
    ...checkOrphans(bundle),
    ...(await checkSignatures(readScripts(root))),
    ...(await checkStaleness(root)),
  ]
  return problems.sort((a, b) => a.file.localeCompare(b.file))
}

async function checkStaleness(root: string): Promise<Problem[]> {
  const again = 'run npm run metadata'
  const stale = (await staleItems(root)).map(({ path, reason }) => ({
    file: path,
    what: `${reason}; ${again}`,
  }))
  const orphaned = orphanedHashes(root, readBundle(root).files).map((key) => ({
    file: 'wmill-lock.yaml',
    what: `${key} is gone; ${again}`,
  }))
  return [...stale, ...orphaned]
}

function checkFolders({ files }: BundleFiles): Problem[] {
  const folders = new Set(files.filter((file) => file.startsWith('f/')).map((file) => file.split('/')[1]!))
  return [...folders]
    .map((folder) => `f/${folder}/folder.meta.yaml`)
    .filter((file) => !files.includes(file))
    .map((file) => ({ file, what: 'it is missing, and a push fails without it: wmill folder add-missing' }))
}

/** What belongs to a script that is gone. */
function checkOrphans({ files }: BundleFiles): Problem[] {
  return files
    .filter((file) => /\.script\.(yaml|lock)$/.test(file))
    .filter((file) => !files.includes(file.replace(/\.script\.(yaml|lock)$/, '.ts')))
    .map((file) => ({ file, what: 'its script is gone; remove it' }))
}

/** The problems as a table, a line each. */
export function problemTable(problems: Problem[]): string {
  const width = Math.max(...problems.map(({ file }) => file.length))
  return problems.map(({ file, what }) => `${file.padEnd(width)}  ${what}`).join('\n')
}
