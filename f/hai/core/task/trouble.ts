import { Models, urlOf } from '../base/backends.ts'
import { REFERENCE, storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { type WorkerEnvironment, workerEnvironment } from '../base/environment.ts'
import { own } from '../base/own.ts'
import { span } from '../base/words.ts'
import { endpointId, isElsewhere } from './backend.ts'
import type { BackendTrouble } from './shape.ts'

/** Trouble that was heard of or looked at so many seconds ago is told as it is now, anything older as it was. */
const FRESH_SECONDS = 10
/** After a look nobody looks again within so many seconds, however many ask, unless a call failed since. */
const LOOK_SECONDS = 5
/** How long a server has to show that it answers, milliseconds. */
const LOOK_MS = 700

/** What goes on, and what was so when somebody last asked. */
const WORDS: Record<string, [now: string, then: string]> = {
  unreachable: ['has been unreachable', 'was unreachable'],
  unavailable: ['has been unavailable', 'was unavailable'],
  loading: ['has been loading its model', 'was loading its model'],
  certificate: [
    'has shown a certificate that nobody vouches for',
    'showed a certificate that nobody vouches for',
  ],
  login_expired: ['has refused its login', 'refused its login'],
  quota_exhausted: ['has been out of quota', 'was out of quota'],
  rate_limited: ['has limited the rate', 'limited the rate'],
  missing: ['has not been installed', 'was not installed'],
  unusable: ['has refused to start', 'refused to start'],
  wrong_url: ['has not been found at its url', 'was not found at its url'],
}

/** What a look shows that costs nothing; the rest only a call of the model can tell. */
const VISIBLE = new Set(['unreachable', 'unavailable', 'loading', 'certificate', 'missing'])

interface Row {
  id: string
  name: string
  url: string
  state: string
  since: string
  until: string | null
  message: string
  next_step: string | null
  /** Seconds since it began, and since it was last heard of. */
  seconds: number
  heard_seconds: number
  left_seconds: number | null
}

/** What keeps a backend from answering, looked at where a look can tell. */
export interface Trouble extends Row {
  text: string
}

/** What is wrong now, with a sentence for each. Trouble that nobody has met for a day is not known any more. */
export async function backendTroubles(
  sql: Sql,
  around?: WorkerEnvironment,
): Promise<{ backends: BackendTrouble[]; problems: string[] }> {
  const troubles = await troublesOf(sql, null, around)
  return {
    backends: troubles.map(({ name, state, since, until, message, next_step }) => ({
      name,
      state,
      since,
      message,
      ...(until ? { until } : {}),
      ...(next_step ? { next_step } : {}),
    })),
    problems: troubles.map(({ text, next_step }) => (next_step ? `${text}; ${next_step}` : text)),
  }
}

/** What is wrong with one endpoint; undefined when nothing is, or when no backend is configured as it is. */
export async function troubleOf(sql: Sql, id: string): Promise<Trouble | undefined> {
  const [trouble] = await troublesOf(sql, id)
  return trouble
}

async function troublesOf(sql: Sql, id: string | null, around?: WorkerEnvironment): Promise<Trouble[]> {
  let rows = await known(sql, id)
  if (rows.length === 0) return []
  const isInForce = await inForce(sql, around ?? workerEnvironment())
  rows = rows.filter(isInForce)
  if (await look(sql, rows)) rows = (await known(sql, id)).filter(isInForce)
  return rows.map((row) => ({ ...row, text: sentence(row) }))
}

async function known(sql: Sql, id: string | null): Promise<Row[]> {
  return sql<Row[]>`
    select id, name, url, state, since, until, message, next_step,
      extract(epoch from now() - since)::int as seconds,
      extract(epoch from now() - heard_at)::int as heard_seconds,
      ceil(extract(epoch from until - now()))::int as left_seconds
    from hai.endpoint
    where state <> 'ready' and coalesce(until, heard_at + interval '1 day') > now()
      and (${id}::text is null or id = ${id})
    order by name, id`
}

/** Which endpoints the configuration means: what was wrong before it was corrected is nobody's trouble any more. */
async function inForce(sql: Sql, around: WorkerEnvironment): Promise<(row: Row) => boolean> {
  const [read] = await sql`select from hai.config where name = 'models'`
  if (!read) return () => true
  const { backends } = await storedConfig(sql, 'models', Models)
  return ({ id, name, url }) => {
    if (isElsewhere(id)) return true
    const backend = own(backends, name)
    if (!backend) return name === 'ollama' && isFound(url, around)
    if (!backend.enabled || urlOf(backend) !== url) return false
    const [, variable] = REFERENCE.exec(backend.api_key ?? '') ?? []
    const key = variable === undefined ? undefined : around.environment[variable]
    // a key that is not to be seen from here may be the one
    const hidden = backend.api_key !== undefined && key === undefined
    return hidden || id === endpointId(url, key)
  }
}

function isFound(url: string, around: WorkerEnvironment): boolean {
  try {
    return url === `${around.ollamaUrl}/v1`
  } catch {
    // OLLAMA_HOST is no address: nothing says that it is another one
    return true
  }
}

/** Looks once for all who ask, where something was wrong and a look can tell; true when any of it is over. */
async function look(sql: Sql, rows: Row[]): Promise<boolean> {
  const ids = rows.filter((row) => VISIBLE.has(row.state) && !isElsewhere(row.id)).map(({ id }) => id)
  if (ids.length === 0) return false
  const mine = await sql<Pick<Row, 'id' | 'url'>[]>`
    update hai.endpoint set heard_at = now(), looked_at = now()
    where id = any(${ids}) and state <> 'ready'
      and (looked_at is null or looked_at < heard_at or looked_at <= now() - make_interval(secs => ${LOOK_SECONDS}))
    returning id, url`
  const seen = await Promise.all(mine.map(async ({ id, url }) => ((await answers(url)) ? [id] : [])))
  const well = seen.flat()
  if (well.length > 0) await recovered(sql, well)
  return mine.length > 0
}

/** Any answer will do, but for those of a server that can't answer yet. Without a key: whether it is taken is not asked. */
async function answers(url: string): Promise<boolean> {
  if (!URL.canParse(url)) return workerEnvironment().has('claude')
  try {
    const response = await fetch(`${url}/models`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(LOOK_MS),
    })
    await response.body?.cancel()
    return ![502, 503, 504].includes(response.status)
  } catch {
    // as before, for whatever reason: that is told with what the last call met
    return false
  }
}

async function recovered(sql: Sql, ids: string[]): Promise<void> {
  await sql`
    update hai.endpoint
    set state = 'ready', since = now(), until = null, message = null, next_step = null, heard_at = now()
    where id = any(${ids}) and state = any(${[...VISIBLE]})`
}

/** Sees whether the servers for which tasks wait answer again. */
export async function lookAgain(sql: Sql): Promise<void> {
  const rows = await known(sql, null)
  if (rows.length === 0) return
  const awaited = await sql<{ id: string }[]>`
    select id from hai.endpoint e
    where id = any(${rows.map(({ id }) => id)}) and exists (
      select from hai.task_queue t where t.state = 'pending' and t.waits_for = e.id)`
  await look(
    sql,
    rows.filter(({ id }) => awaited.some((one) => one.id === id)),
  )
}

/** `ollama has been unreachable for 4 min (connect ECONNREFUSED 127.0.0.1:11434)`, `claude refused its login 3 h ago (…)` */
function sentence({ name, state, message, seconds, heard_seconds, left_seconds }: Row): string {
  const reason = message.startsWith(name) ? message.replace(/^.*?: /s, '') : message
  const [now, then] = WORDS[state] ?? [`has been ${state}`, `was ${state}`]
  const lasts = heard_seconds < FRESH_SECONDS || (left_seconds !== null && left_seconds > 0)
  const since = lasts ? `${now} for ${span(seconds)}` : `${then} ${span(heard_seconds)} ago`
  return `${name} ${since} (${reason})`
}
