import { createHash } from 'node:crypto'
import type { Choice } from '../base/backends.ts'
import type { Sql } from '../base/db.ts'

/** Where a backend is asked and with which key; what is known of a server is known of this. */
export interface Endpoint {
  /** A hash, which tells nobody the key. */
  id: string
  /** What it is called, for sentences. */
  name: string
  url: string
}

/** What a task asks that has this choice and key. */
export const endpointOf = ({ choice, apiKey }: { choice: Choice; apiKey: string | undefined }): Endpoint => ({
  id: endpointId(choice.backend.url, apiKey),
  name: choice.name,
  url: choice.backend.url,
})

export const endpointId = (url: string, apiKey: string | undefined): string =>
  createHash('sha256')
    .update(`${url}\n${apiKey ?? ''}`)
    .digest('hex')
    .slice(0, 32)

const ELSEWHERE = 'elsewhere:'

/** What a worker elsewhere asks: where that is only it knows, and here it is known by its name. */
export const elsewhere = (name: string): Endpoint => ({ id: `${ELSEWHERE}${name}`, name, url: '' })

export const isElsewhere = (id: string): boolean => id.startsWith(ELSEWHERE)

/** What earlier calls taught of an endpoint. */
export interface Known {
  state: string
  until: string | null
  /** It is not to be asked before `until`. */
  paused: boolean | null
  message: string | null
  next_step: string | null
  /** Whether it speaks Ollama's own API; null while nobody has looked. */
  ollama: boolean | null
}

/** Undefined of one that was never asked. */
export async function knownOf(sql: Sql, { id }: Endpoint): Promise<Known | undefined> {
  const [known] = await sql<Known[]>`
    select state, until, until > now() as paused, message, next_step, ollama from hai.endpoint where id = ${id}`
  return known
}
