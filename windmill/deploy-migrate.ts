import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bunBinary } from '../runner/bun-binary.ts'
import { preview } from './deploy-jobs.ts'
import type { WindmillServer } from './server.ts'

const SECONDS = 600
const PATH = 'f/hai/admin/migrate'

/**
 * Brings the database to this release's schema before any of its doors is there: the same script, in one file with all
 * it imports, run as a preview. What runs on the server now goes on, as schemas only expand. Returns what was applied.
 */
export async function migrateDatabase(windmill: WindmillServer, root: string): Promise<string[]> {
  const content = await wholeScript(join(root, `${PATH}.ts`))
  const { applied } = await preview<{ applied: string[] }>(windmill, { path: PATH, content }, SECONDS)
  return applied
}

/** A script and everything it imports as one module, so that it needs neither its libraries nor a lock. */
export async function wholeScript(entry: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hai-migrate-'))
  const outfile = join(folder, 'whole.js')
  try {
    await promisify(execFile)(bunBinary(), [
      'build',
      entry,
      '--target=node',
      '--format=esm',
      '--outfile',
      outfile,
    ])
    return await readFile(outfile, 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
