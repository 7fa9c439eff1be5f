import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { preview } from './deploy-jobs.ts'
import type { WindmillServer } from './server.ts'

const SECONDS = 600
const PATH = 'f/hai/admin/migrate'

/**
 * Brings the database to this release's schema before any of its doors is there: the same script as it is staged, run as a
 * preview. What runs on the server now goes on, as schemas only expand. Returns what was applied.
 */
export async function migrateDatabase(windmill: WindmillServer, staged: string): Promise<string[]> {
  const read = (ending: string) => readFileSync(join(staged, `${PATH}.${ending}`), 'utf8')
  const { tag } = parse(read('script.yaml')) as { tag?: string }
  const script = { path: PATH, content: read('ts'), lock: read('script.lock'), ...(tag ? { tag } : {}) }
  const { applied } = await preview<{ applied: string[] }>(windmill, script, SECONDS)
  return applied
}
