import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ServerError, type WindmillServer } from '../server.ts'
import { type Code, preview } from './jobs.ts'

const SECONDS = 600
/** A worker fetches its packages first. */
const LOOK_SECONDS = 60
const PATH = 'f/hai/admin/migrate'

/**
 * Brings the database to this release's schema before any of its doors is there: the same script as it is staged, run as a
 * preview. What runs on the server now goes on, as schemas only expand. Returns what was applied.
 */
export async function migrateDatabase(windmill: WindmillServer, staged: string): Promise<string[]> {
  const { applied } = await preview<{ applied: string[] }>(windmill, migration(staged), SECONDS)
  return applied
}

/** What a look at the database by one tag's workers found: what is new in the schema, or why it can't be migrated. */
export type Look = { pending: string[] } | { problem: string }

/** The same script, which looks only: whether workers of that tag reach the database, and whether this user may migrate it. */
export async function lookAtDatabase(windmill: WindmillServer, staged: string, tag: string): Promise<Look> {
  const script = { ...migration(staged), tag, args: { look: true } }
  try {
    return await preview<{ pending: string[] }>(
      windmill,
      script,
      LOOK_SECONDS,
      `a look at the database by the workers of tag ${tag}`,
    )
  } catch (error) {
    if (error instanceof ServerError) return { problem: error.message }
    throw error
  }
}

function migration(staged: string): Code {
  const read = (ending: string) => readFileSync(join(staged, `${PATH}.${ending}`), 'utf8')
  const { tag } = parse(read('script.yaml')) as { tag?: string }
  return { path: PATH, content: read('ts'), lock: read('script.lock'), ...(tag ? { tag } : {}) }
}
