import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { Locks } from '../../runner/items/locks.ts'
import { type BundleFiles, bundlePaths, FOLDERS, isOwn, readFlows, readScripts } from '../bundle.ts'
import { HEADER, type StagedDoor, stagedDoors, UnfitDoor } from './door.ts'
import { importsOf } from './imports.ts'
import { resourceTypes } from './resource-types.ts'

/** The tag of what answers at once; what waits or runs long has one of its own. */
const DOOR_TAG = 'hai'

interface StageOptions {
  /** For a server without worker groups: no tags. */
  onePool: boolean
  /** What was made of the doors already, to look at it before. */
  doors?: StagedDoor[]
}

type Content = Record<string, unknown>

/**
 * Writes the bundle into an empty folder as it goes to a server: each door in one file with a lock of its own, no
 * libraries, and everything with the keys that the server itself gives it, so that a second push finds nothing new.
 * `wmill sync push` and Windmill's Git sync take the folder as it is. Throws an `UnfitDoor`.
 */
export async function stageBundle(
  root: string,
  folder: string,
  { doors: made, ...options }: StageOptions,
): Promise<void> {
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const doors = (made ?? (await stagedDoors(root))).map(({ staged, ...door }) => {
    if (staged instanceof UnfitDoor) throw staged
    return { ...door, code: staged }
  })
  const steps = readFlows(root)
    .filter(({ path }) => isOwn(path))
    .flatMap(({ steps }) => steps)
  const staged = await Promise.all(
    steps.map(async (step) => ({ ...step, code: await stageStep(step.path, step.code) })),
  )
  const locks = await new Locks(root).of([...doors, ...staged])
  for (const [at, { path, code, metadata }] of doors.entries()) {
    write(`${path}.ts`, code)
    write(`${path}.script.yaml`, asYaml(scriptMetadata(path, parse(metadata ?? '{}') as Content, options)))
    write(`${path}.script.lock`, locks[at]!)
  }
  for (const [at, { path, code }] of staged.entries()) {
    write(`${path}.ts`, code)
    write(`${path}.lock`, locks[doors.length + at]!)
  }
  const types = new Set<unknown>()
  for (const file of bundlePaths(root).filter((name) => isOwn(name) && SERVED.test(name))) {
    const [, kind = ''] = SERVED.exec(file)!
    const content = parse(readFileSync(join(root, file), 'utf8')) as Content
    types.add(content.resource_type)
    const served = asServed(kind, content)
    write(file, asYaml(options.onePool ? withoutTags(served) : served))
  }
  for (const [type, text] of resourceTypes()) if (types.has(type)) write(`${type}.resource-type.yaml`, text)
  write('wmill.yaml', asYaml(SYNC))
  write('wmill-lock.yaml', asYaml({ version: 'v2', locks: hashes(folder) }))
}

/** Nothing of somebody's is written over. */
export class OccupiedFolder extends Error {}

/** The bundle as a folder for somebody else's tools: refuses one that holds something already. */
export async function writeBundle(root: string, folder: string, options: StageOptions): Promise<void> {
  if (existsSync(folder) && readdirSync(folder).some((name) => name !== '.git')) {
    throw new OccupiedFolder(`${folder} is not empty: name a new folder, or empty it first`)
  }
  await stageBundle(root, folder, options)
}

/** Other people's things in the workspace are none of its business; who may read a folder is the operator's. */
const SYNC = {
  defaultTs: 'bun',
  includes: FOLDERS.map((name) => `f/${name}/**`),
  excludes: [],
  includeSchedules: true,
  includeTriggers: true,
  nonDottedPaths: true,
  skipSecrets: true,
  skipFolders: true,
  skipWorkspaceDependencies: true,
  skipDatatableMigrations: true,
  // else schedules and triggers differ by who pushed them
  syncBehavior: 'v1',
}

const SERVED = /\.(schedule|http_trigger|resource)\.yaml$|__flow\/(flow)\.yaml$/

/** What a server adds to what it is given (1.721); without these a push takes them for changes. */
function asServed(kind: string, content: Content): Content {
  if (kind === 'schedule') return { no_flow_overlap: false, ws_error_handler_muted: false, ...content }
  if (kind === 'resource') return content
  if (kind === 'http_trigger') {
    return {
      description: null,
      authentication_resource_path: null,
      mode: 'enabled',
      static_asset_config: null,
      ...content,
      route_path_key: String(content.route_path).replaceAll(/:[-\w]+/g, ':key'),
    }
  }
  return lockedSteps(content) as Content
}

/** Its inline scripts have locks beside them, and what stops it early says no error. */
function lockedSteps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lockedSteps)
  if (typeof value !== 'object' || value === null) return value
  const inner = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, lockedSteps(one)]))
  if (inner.stop_after_if) inner.stop_after_if = { error_message: null, ...(inner.stop_after_if as Content) }
  const [, name] = /^!inline (.+)\.ts$/.exec(String(inner.content)) ?? []
  return name ? { ...inner, lock: `!inline ${name}.lock` } : inner
}

function scriptMetadata(path: string, metadata: Content, { onePool }: StageOptions): Content {
  const { tag = DOOR_TAG, ...rest } = metadata
  return { ...rest, lock: `!inline ${path}.script.lock`, ...(onePool ? {} : { tag }) }
}

/** A flow's inline script imports nothing of the bundle: in Windmill's editor it stands alone. */
async function stageStep(path: string, code: string): Promise<string> {
  const imports = await importsOf(code)
  if (typeof imports !== 'string' && imports.length === 0) return `${HEADER}\n${code}`
  throw new UnfitDoor(path, 'it is a step of a flow, and imports something of the bundle')
}

/** As the official CLI computes them: else `wmill generate-metadata` would call everything stale, and make its locks anew. */
function hashes(folder: string): Record<string, string> {
  const scripts = readScripts(folder).map(({ path, code, metadata }) => [
    path,
    sha256(`{}${code}${metadata}`),
  ])
  const flows = readFlows(folder).flatMap(({ path, steps }) => {
    const parts = steps.map((step) => [`${step.path.slice(path.length + 1)}.ts`, sha256(`${step.code}{}`)])
    const named = parts.map(([name, hash]) => [`${path}+${name}`, hash])
    return [...named, [`${path}+__flow_hash`, sha256(JSON.stringify(Object.fromEntries(parts)))]]
  })
  return Object.fromEntries([...scripts, ...flows])
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** With its keys in order, as Windmill's own pull writes them. */
const asYaml = (content: object): string => stringify(content, { sortMapEntries: true, lineWidth: 0 })

interface FlowModule {
  value?: { tag?: string; tag_override?: string; modules?: FlowModule[] }
}

interface Taggable {
  tag?: string
  value?: { modules?: FlowModule[] }
}

const KINDS = ['.script.yaml', '.schedule.yaml', '__flow/flow.yaml']

/** Every tag that jobs of the bundle wait for, with one thing that waits for it. */
export function neededTags(bundle: BundleFiles, onePool: boolean): Map<string, string> {
  const tags = new Map([['bun', 'scripts without a tag']])
  if (bundle.items('__flow/flow.yaml').length > 0) tags.set('flow', 'flows')
  const items = onePool ? [] : KINDS.flatMap((kind) => bundle.items(kind))
  for (const { path, content } of items.filter(({ path }) => isOwn(path))) {
    for (const tag of tagsOf(content)) tags.set(tag, path)
  }
  return tags
}

function tagsOf({ tag, value }: Taggable): string[] {
  const inner = modulesOf(value).flatMap((module) => [module.value?.tag, module.value?.tag_override])
  return [tag, ...inner].filter((tag) => typeof tag === 'string')
}

/** The same script, schedule or flow for workers that serve no tag of hai's. */
function withoutTags<T extends Taggable>(item: T): T {
  const plain = structuredClone(item)
  delete plain.tag
  for (const { value } of modulesOf(plain.value)) {
    delete value?.tag
    delete value?.tag_override
  }
  return plain
}

/** A flow's steps, those of its loops too. */
function modulesOf(value: { modules?: FlowModule[] } | undefined): FlowModule[] {
  const own = Array.isArray(value?.modules) ? value.modules : []
  return own.flatMap((module) => [module, ...modulesOf(module.value)])
}
