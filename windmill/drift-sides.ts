import { join } from 'node:path'
import { parse } from 'yaml'
import type { Facts, Side } from './drift-compare.ts'
import { readBundle } from './items.ts'
import { isOwn, readScripts, readText } from './scripts.ts'
import type { WindmillServer } from './server.ts'

const SCRIPT = [
  'content',
  'lock',
  'summary',
  'description',
  'kind',
  'schema',
  'tag',
  'timeout',
  'cache_ttl',
  'priority',
  // a door has its caller's rights: with another's, every text of his could name what that one may read
  'on_behalf_of_email',
]
const LIMITS = ['concurrent_limit', 'dedicated_worker', 'delete_after_secs', 'restart_unless_cancelled']
const FLOW = ['summary', 'description', 'value', 'schema', 'tag', 'timeout', 'priority', 'on_behalf_of_email']
const SCHEDULE = [
  'schedule',
  'timezone',
  'cron_version',
  'script_path',
  'is_flow',
  'args',
  'enabled',
  'summary',
]
const EXTRAS = ['description', 'retry', 'tag', 'no_flow_overlap', 'paused_until']

const scriptFacts = (from: Facts) => facts(from, [...SCRIPT, ...LIMITS])
const flowFacts = (from: Facts) => facts(from, FLOW)
const scheduleFacts = (from: Facts) => facts(from, [...SCHEDULE, ...EXTRAS])

/** A key that is not there is a fact as well. */
function facts(from: Facts, keys: string[]): Facts {
  return Object.fromEntries(keys.map((key) => [key, from[key] ?? null]))
}

/** The scripts, flows and schedules of a staged bundle. */
export function gitSides(root: string): Side[] {
  const bundle = readBundle(root)
  const scripts = readScripts(root).map(({ path, code, metadata, lock }): Side => {
    const stated = scriptFacts(parse(metadata ?? '{}') as Facts)
    return { kind: 'script', path, facts: { ...stated, content: code, lock } }
  })
  const flows = bundle.items('__flow/flow.yaml').map(({ path, content }): Side => {
    const whole = inlined(content, join(root, `${path}__flow`)) as Facts
    return { kind: 'flow', path, facts: flowFacts(whole) }
  })
  const schedules = bundle.items('.schedule.yaml').map(({ path, content }): Side => {
    return { kind: 'schedule', path, facts: scheduleFacts(content) }
  })
  return [...scripts, ...flows, ...schedules]
}

/** A flow with the files that it names put in their places. */
function inlined(value: unknown, folder: string): unknown {
  if (typeof value === 'string' && value.startsWith('!inline ')) {
    const name = value.slice('!inline '.length)
    return readText(join(folder, name)) ?? null
  }
  if (Array.isArray(value)) return value.map((item) => inlined(item, folder))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inlined(inner, folder)]))
}

/** The same of a server. */
export async function liveSides(windmill: WindmillServer): Promise<Side[]> {
  const below = 'path_start=f/hai'
  const scripts = await all(windmill, `scripts/list?${below}&include_without_main=true`, 'scripts/get/p')
  const flows = await all(windmill, `flows/list?${below}`, 'flows/get')
  const schedules = await all(windmill, `schedules/list?${below}`, 'schedules/get')
  return [
    ...scripts.map((script): Side => {
      const own = scriptFacts(script)
      return { kind: 'script', path: String(script.path), facts: own, changed: changed(script, 'created') }
    }),
    ...flows.map((flow): Side => {
      return {
        kind: 'flow',
        path: String(flow.path),
        facts: flowFacts(flow),
        changed: changed(flow, 'edited'),
      }
    }),
    ...schedules.map((schedule): Side => {
      const { path } = schedule
      const own = scheduleFacts(schedule)
      return { kind: 'schedule', path: String(path), facts: own, changed: changed(schedule, 'edited') }
    }),
  ]
}

/** Every item of a list, whole: a list's own rows leave the content out. */
async function all(windmill: WindmillServer, list: string, get: string): Promise<Facts[]> {
  const paths = (await windmill.list<{ path: string }>(list)).map(({ path }) => path)
  const items: Facts[] = []
  for (const path of paths.filter(isOwn)) {
    const item = await windmill.find<Facts>(`${get}/${path}`)
    if (item) items.push(item)
  }
  return items
}

function changed(item: Facts, verb: 'created' | 'edited'): string {
  return `${item[`${verb}_at`] ?? ''} ${item[`${verb}_by`] ?? ''}`.trim()
}
