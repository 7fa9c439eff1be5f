import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { readText } from '../../runner/files.ts'
import { FOLDERS, isOwn, readBundle, readScripts, SERVICE_USER } from '../bundle.ts'
import type { WindmillServer } from '../server.ts'
import type { Facts, Kind, Side } from './compare.ts'

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
  // a door has its caller's rights: with another's, every text of the caller's could name what that one may read
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
const TRIGGER = [
  'summary',
  'script_path',
  'is_flow',
  'route_path',
  'http_method',
  'request_type',
  'authentication_method',
  'authentication_resource_path',
  'is_static_website',
  'workspaced_route',
  'wrap_body',
  'raw_string',
  'mode',
  // whose rights a caller's request has
  'permissioned_as',
]
const RESOURCE = ['resource_type', 'value', 'description']
const RESOURCE_TYPE = ['schema', 'description']
const TYPE_FILE = '.resource-type.yaml'

const scriptFacts = (from: Facts) => facts(from, [...SCRIPT, ...LIMITS])
const flowFacts = (from: Facts) => facts(from, FLOW)
const scheduleFacts = (from: Facts) => facts(from, [...SCHEDULE, ...EXTRAS])

/** A key that is not there is a fact as well. */
function facts(from: Facts, keys: string[]): Facts {
  return Object.fromEntries(keys.map((key) => [key, from[key] ?? null]))
}

/** What a staged bundle holds. */
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
  const triggers = bundle.items('.http_trigger.yaml').map(({ path, content }): Side => {
    const stated = { ...content, permissioned_as: `u/${SERVICE_USER}` }
    return { kind: 'http_trigger', path, facts: facts(stated, TRIGGER) }
  })
  const resources = bundle.items('.resource.yaml').map(({ path, content }): Side => {
    return { kind: 'resource', path, facts: facts(content, RESOURCE) }
  })
  const types = readdirSync(root)
    .filter((name) => name.endsWith(TYPE_FILE))
    .map((name): Side => {
      const content = parse(readFileSync(join(root, name), 'utf8')) as Facts
      return {
        kind: 'resource_type',
        path: name.slice(0, -TYPE_FILE.length),
        facts: facts(content, RESOURCE_TYPE),
      }
    })
  return [...types, ...resources, ...scripts, ...flows, ...schedules, ...triggers]
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

/**
 * The same of a server. Resources and types are an operator's too, so of them only what the bundle has is looked at. A script
 * that was archived is there: it runs when it is called.
 */
export async function liveSides(windmill: WindmillServer, git: Side[]): Promise<Side[]> {
  const listed = async (kind: Kind, list: string) => {
    const found = await Promise.all(
      FOLDERS.map((folder) =>
        windmill.list<{ path: string }>(`${list}${list.includes('?') ? '&' : '?'}path_start=f/${folder}/`),
      ),
    )
    const paths = found.flat().map(({ path }) => path)
    return [...new Set(paths.filter(isOwn))].map((path) => ({ kind, path }))
  }
  const known = (kind: Kind) => git.filter((side) => side.kind === kind).map(({ path }) => ({ kind, path }))
  const names = await Promise.all([
    listed('script', 'scripts/list?include_without_main=true'),
    listed('flow', 'flows/list'),
    listed('schedule', 'schedules/list'),
    listed('http_trigger', 'http_triggers/list'),
    known('resource'),
    known('resource_type'),
  ])
  const archived = await listed('script', 'scripts/list?include_without_main=true&show_archived=true')
  const sides = await atOnce(names.flat(), async ({ kind, path }): Promise<Side | undefined> => {
    const [get, pick, verb] = LIVE[kind]
    const item = await windmill.find<Facts>(`${get}/${path}`)
    return item && { kind, path, facts: pick(item), changed: changed(item, verb) }
  })
  const wanted = new Set(known('script').map(({ path }) => path))
  const left = archived.filter(({ path }) => !wanted.has(path))
  return [...sides, ...left.map((name): Side => ({ ...name, facts: {}, changed: 'archived' }))]
}

const LIVE: Record<Kind, [get: string, pick: (from: Facts) => Facts, verb: 'created' | 'edited']> = {
  script: ['scripts/get/p', scriptFacts, 'created'],
  flow: ['flows/get', flowFacts, 'edited'],
  schedule: ['schedules/get', scheduleFacts, 'edited'],
  http_trigger: ['http_triggers/get', (from) => facts(from, TRIGGER), 'edited'],
  resource: ['resources/get', (from) => facts(from, RESOURCE), 'edited'],
  resource_type: ['resources/type/get', (from) => facts(from, RESOURCE_TYPE), 'edited'],
}

/** So many requests at once: a list's own rows leave the content out. */
const AT_ONCE = 8

async function atOnce<T, R>(items: T[], ask: (item: T) => Promise<R | undefined>): Promise<R[]> {
  const left = items.entries()
  const answers: (R | undefined)[] = []
  const work = async () => {
    for (const [at, item] of left) answers[at] = await ask(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return answers.filter((answer) => answer !== undefined)
}

function changed(item: Facts, verb: 'created' | 'edited'): string {
  return `${item[`${verb}_at`] ?? ''} ${item[`${verb}_by`] ?? ''}`.trim()
}
