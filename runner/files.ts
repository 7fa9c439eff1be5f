import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs'

/** A file's text; undefined when there is none. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Writes a file whole or not at all, readable by its owner only. */
export function writeAtomically(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, text, { mode: 0o600 })
  renameSync(temporary, file)
}

/** Gives a file a second name; false when something has that name. Of several that want it one gets it. */
export function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves away what a process left that is gone; false when in between a live one had put its own there, which stays. */
export function removeStale(file: string, isLive: (text: string) => boolean): boolean {
  const aside = `${file}.${randomUUID()}.stale`
  try {
    renameSync(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
  const live = isLive(readFileSync(aside, 'utf8'))
  if (live) linked(aside, file)
  rmSync(aside, { force: true })
  return !live
}

/**
 * Throws when a folder that is there could be written by anybody but its user: what was planted in it, a token or a
 * program's compiled form, would be taken for the user's own.
 */
export function refuseSharedFolder(folder: string): void {
  const found = statOf(folder)
  const me = process.getuid?.()
  if (!found || me === undefined) return
  if (found.uid !== me) {
    throw new Error(
      `the data directory ${folder} belongs to user ${found.uid}, and you are ${me}; set HAI_DATA_DIR to a folder of your own`,
    )
  }
  const mode = found.mode & 0o777
  if (mode & 0o022) {
    throw new Error(
      `others can write to the data directory ${folder} (mode ${mode.toString(8).padStart(4, '0')}), so nothing in it can be trusted; look through it, then: chmod 700 ${folder}`,
    )
  }
}

/** Undefined when it is not there; what else is wrong with its path is told by whoever makes it. */
function statOf(folder: string): Stats | undefined {
  try {
    return statSync(folder, { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}
