import { type Stats, statSync } from 'node:fs'

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
