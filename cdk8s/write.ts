import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Refused } from './config-file.ts'
import { isOurs } from './generated.ts'
import type { Tree } from './tree.ts'

/** What a run changed; paths from the root of the tree. */
export interface Written {
  changed: string[]
  removed: string[]
}

/**
 * Brings hai's folder of a repository to exactly these files; nothing else of the repository is read. Files of an earlier
 * run that are not made any more are removed; a file that is not ours is never touched, and one that stands in the way
 * stops it before anything is written.
 */
export function writeTree(out: string, { home, files }: Pick<Tree, 'home' | 'files'>): Written {
  const there = readTree(out, home)
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
  try {
    for (const [file, text] of changed) writeWhole(join(out, file), text)
    for (const file of removed) removeFile(join(out, file))
  } catch (error) {
    throw new Refused(`not all is written, run it again when it can be: ${(error as Error).message}`)
  }
  return { changed: changed.map(([file]) => file), removed }
}

/** What lies in hai's folder now: every file, by its path from the root of the repository. */
export function readTree(out: string, home: string): Map<string, string> {
  return new Map(
    filesBelow(join(out, home)).map((name) => [
      `${home}/${name}`,
      readFileSync(join(out, home, name), 'utf8'),
    ]),
  )
}

/** What a run would change. */
export function staleFiles(out: string, { home, files }: Pick<Tree, 'home' | 'files'>): string[] {
  const there = readTree(out, home)
  const changed = [...files].filter(([file, text]) => there.get(file) !== text).map(([file]) => file)
  const old = [...there].filter(([file, text]) => !files.has(file) && isOurs(file, text))
  return [...changed, ...old.map(([file]) => file)].sort()
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** An empty folder is nothing to Git, and would only puzzle. */
function removeFile(file: string): void {
  rmSync(file)
  const folder = dirname(file)
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

/** A reader finds the old file or the new one. */
function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const beside = `${file}.new`
  writeFileSync(beside, text)
  renameSync(beside, file)
}
