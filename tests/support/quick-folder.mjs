// Where tests make their databases. To copy one or to drop it takes a disk's file system ten times what memory takes.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY = '/dev/shm'
/** Several times what a whole run has there at once. */
const ENOUGH_BYTES = 2 ** 31

/** The folder in memory when it has room and lets programs run; else, or where TMPDIR names another, the usual one. */
export const quickFolder = () => (!process.env.TMPDIR && isFit(MEMORY) ? MEMORY : tmpdir())

function isFit(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > ENOUGH_BYTES && runsPrograms(folder)
  } catch {
    return false
  }
}

/** A container's is often mounted so that it does not. */
function runsPrograms(folder) {
  const own = mkdtempSync(join(folder, 'hai-try-'))
  try {
    const program = join(own, 'program')
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o700 })
    return spawnSync(program).status === 0
  } finally {
    rmSync(own, { recursive: true })
  }
}
