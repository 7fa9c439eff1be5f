import { type BundleFiles, type Problem, readBundle, readDoors, readScripts } from '../bundle.ts'
import type { StagedDoor } from '../stage/door.ts'
import { checkFlows, checkReferences, checkResources, checkSchedules, checkTriggers } from './items.ts'
import { checkDoors, checkSchemas, checkSignatures, checkSyntax } from './scripts.ts'

/** All that would keep a bundle, with those doors, from running on a server, or surprise its operator, by file. */
export async function checkBundle(root: string, doors: StagedDoor[]): Promise<Problem[]> {
  const bundle = readBundle(root)
  const scripts = readScripts(root)
  const problems = [
    ...bundle.problems,
    ...checkSchedules(bundle),
    ...checkReferences(bundle),
    ...checkResources(bundle),
    ...checkFlows(bundle),
    ...checkTriggers(bundle),
    ...checkFolders(bundle),
    ...checkOrphans(bundle),
    ...(await checkSignatures(scripts.filter(({ path }) => !path.includes('/core/')))),
    ...(await checkSyntax(scripts)),
    ...checkDoors(doors),
    ...(await checkSchemas(doors)),
  ]
  return problems.sort((a, b) => a.file.localeCompare(b.file))
}

function checkFolders({ files }: BundleFiles): Problem[] {
  const folders = new Set(files.filter((file) => file.startsWith('f/')).map((file) => file.split('/')[1]!))
  return [...folders]
    .map((folder) => `f/${folder}/folder.meta.yaml`)
    .filter((file) => !files.includes(file))
    .map((file) => ({ file, what: 'it is missing, and a push fails without it: wmill folder add-missing' }))
}

/** What belongs to a script that is gone, or is no door; and locks, which are made when the bundle is staged. */
function checkOrphans({ root, files }: BundleFiles): Problem[] {
  const doors = new Set(readDoors(root).map(({ path }) => path))
  const metadata = files
    .filter((file) => file.endsWith('.script.yaml') && !doors.has(file.replace(/\.script\.yaml$/, '')))
    .map((file) => ({ file, what: 'there is no door beside it; remove it' }))
  const locks = files
    .filter((file) => file.endsWith('.lock'))
    .map((file) => ({ file, what: 'locks are made when the bundle is staged; remove it' }))
  return [...metadata, ...locks]
}

/** The problems as a table, a line each. */
export function problemTable(problems: Problem[]): string {
  const width = Math.max(...problems.map(({ file }) => file.length))
  return problems.map(({ file, what }) => `${file.padEnd(width)}  ${what}`).join('\n')
}
