import { randomUUID } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Refused } from '../config/read.ts'
import type { Tree } from '../tree.ts'
import { isOurs } from './generated.ts'

/** What a run changed; paths from the root of the tree. */
export interface Written {
  changed: string[]
  removed: string[]
}

/**
 * Brings hai's folder of a repository to exactly these files; nothing else of the repository is read. Files of an earlier
 * run that are not made any more are removed; a file that is not ours is never touched, and one that stands in the way,
 * a link or a folder among them, stops it before anything is written.
 */
export function writeTree(out: string, { home, files }: Pick<Tree, 'home' | 'files'>): Written {
  const there = readTree(out, home)
  const foreign = [...files.keys()].filter((file) => there.has(file) && !isOurs(file, there.get(file)!))
  const inTheWay = [...foreign, ...linksAndFolders(out, home, [...files.keys()])]
  if (inTheWay.length > 0) {
    throw new Refused(
      `${out} holds files that were not generated, nothing is written:`,
      inTheWay.map((file) => `${file}: move it away`),
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

/** What lies in hai's folder now: every file, by its path from the root of the repository; with the ends of line that Git keeps. */
export function readTree(out: string, home: string): Map<string, string> {
  try {
    return new Map(
      filesBelow(join(out, home)).map((name) => [
        `${home}/${name}`,
        readFileSync(join(out, home, name), 'utf8').replaceAll('\r\n', '\n'),
      ]),
    )
  } catch (error) {
    throw new Refused(`hai's folder can't be read, nothing is written: ${(error as Error).message}`)
  }
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

/** Links below hai's folder, which may lead out of it, and folders of the name of a file. */
function linksAndFolders(out: string, home: string, files: readonly string[]): string[] {
  const folders = new Set<string>()
  for (const file of files) {
    for (let folder = dirname(file); folder.length > home.length; folder = dirname(folder))
      folders.add(folder)
  }
  const isLink = (path: string) => at(out, path)?.isSymbolicLink()
  return [
    ...[...folders].filter(isLink).map((folder) => `${folder} (a symlink)`),
    ...files.filter(isLink).map((file) => `${file} (a symlink)`),
    ...files.filter((file) => at(out, file)?.isDirectory()).map((file) => `${file} (a folder)`),
  ]
}

function at(out: string, path: string) {
  try {
    return lstatSync(join(out, path), { throwIfNoEntry: false })
  } catch {
    // below a file there is nothing
    return undefined
  }
}

/** A reader finds the old file or the new one; the name beside it is nobody's. */
function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const beside = join(dirname(file), `.${basename(file)}.${randomUUID()}`)
  try {
    writeFileSync(beside, text, { flag: 'wx' })
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}
