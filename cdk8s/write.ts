import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Refused } from './config-file.ts'
import { GENERATED } from './render.ts'

/** What a run changed; paths from the root of the tree. */
export interface Written {
  changed: string[]
  removed: string[]
}

/**
 * Brings a folder to exactly these files. Files of an earlier run that are not made any more are removed; a file that is
 * not ours is never touched, and one that stands in the way stops it before anything is written.
 */
export function writeTree(out: string, files: Map<string, string>): Written {
  const there = new Map(filesBelow(out).map((file) => [file, readFileSync(join(out, file), 'utf8')]))
  const foreign = [...files.keys()].filter((file) => there.has(file) && !isOurs(file, there.get(file)!))
  if (foreign.length > 0) {
    throw new Refused(
      `${out} holds files that were not generated, nothing is written:`,
      foreign.map((file) => `${file}: move it away, or choose another --out`),
    )
  }
  const changed = [...files].filter(([file, text]) => there.get(file) !== text)
  const removed = [...there]
    .filter(([file, text]) => !files.has(file) && isOurs(file, text))
    .map(([file]) => file)
  for (const [file, text] of changed) writeWhole(join(out, file), text)
  for (const file of removed) rmSync(join(out, file))
  return { changed: changed.map(([file]) => file), removed }
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** JSON has no comments: the dashboard is known by its name. */
const isOurs = (file: string, text: string): boolean =>
  file === 'grafana/hai.json' || text.split('\n', 4).includes(GENERATED)

/** A reader finds the old file or the new one. */
function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const beside = `${file}.new`
  writeFileSync(beside, text)
  renameSync(beside, file)
}
