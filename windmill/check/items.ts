import { join } from 'node:path'
import { Cron } from 'croner'
import { type BundleFiles, hasRunnable, type Item, type Problem } from '../bundle.ts'
import { resourceTypes } from '../stage/resource-types.ts'

const DAY_NAMES = /^(\*|\?|(sun|mon|tue|wed|thu|fri|sat)([-,](sun|mon|tue|wed|thu|fri|sat))*)$/i

/** Schedules: what `wmill lint` lets pass and a server refuses, or reads differently. */
export function checkSchedules(bundle: BundleFiles): Problem[] {
  return bundle.items('.schedule.yaml').flatMap((item) => {
    const problems = [...checkPattern(item), ...checkTarget(bundle, item)]
    return problems.map((what) => ({ file: item.file, what }))
  })
}

function checkPattern({ content }: Item): string[] {
  const { schedule, timezone, cron_version: version } = content
  if (typeof schedule !== 'string') return ['schedule is missing: expected six cron fields, seconds first']
  const problems: string[] = []
  const fields = schedule.trim().split(/\s+/)
  if (fields.length !== 6) {
    problems.push(`schedule "${schedule}" has ${fields.length} fields; expected six, seconds first`)
  } else {
    if (!DAY_NAMES.test(fields[5]!)) {
      problems.push(
        `schedule "${schedule}": write days as names (mon-fri); their numbers depend on the version`,
      )
    }
    const error = cronError(schedule, timezone)
    if (error) problems.push(`schedule "${schedule}" in "${timezone}": ${error}`)
  }
  if (version !== 'v2') problems.push('cron_version is not v2: set cron_version: v2')
  return problems
}

function cronError(schedule: string, timezone: unknown): string | undefined {
  if (typeof timezone !== 'string') return 'timezone is missing: expected an IANA name such as Europe/Berlin'
  try {
    const cron = new Cron(schedule, { timezone, paused: true })
    return cron.nextRun() ? undefined : 'it is never due'
  } catch (error) {
    return (error as Error).message
  }
}

function checkTarget(bundle: BundleFiles, { content }: Item): string[] {
  const { script_path: path, is_flow: isFlow, enabled } = content
  const problems: string[] = []
  if (!hasRunnable(bundle, path, isFlow)) {
    problems.push(`script_path ${path} is no ${isFlow === true ? 'flow' : 'script'} of the bundle`)
  }
  if (typeof isFlow !== 'boolean') problems.push('is_flow is missing: expected true or false')
  if (typeof enabled !== 'boolean') problems.push('enabled is missing: expected true or false')
  return problems
}

const ROUTE = /^(?::?[-\w]+)(?:\/:?[-\w]+)*(?:\/\*[-\w]+)?$/
const CHOICES: Record<string, string[]> = {
  http_method: ['get', 'post', 'put', 'patch', 'delete'],
  request_type: ['sync', 'async', 'sync_sse'],
  authentication_method: ['none', 'windmill', 'api_key', 'basic_http', 'custom_script', 'signature'],
}

/** What came as it came: all else of a request Windmill may have put a secret into. */
const AS_IT_CAME = ['raw_string', 'wrap_body']

/** HTTP triggers: they lead to a script and bring it the body's text, their routes parse, and no two share one. */
export function checkTriggers(bundle: BundleFiles): Problem[] {
  const seen = new Map<string, string>()
  return bundle.items('.http_trigger.yaml').flatMap(({ file, content }) => {
    const { script_path: path, is_flow: isFlow, route_path: route, http_method: method } = content
    const problems: string[] = []
    if (!hasRunnable(bundle, path, isFlow)) problems.push(`script_path ${path} is nothing of the bundle`)
    if (typeof route !== 'string' || !ROUTE.test(route)) {
      problems.push(
        `route_path "${route}" is not accepted; expected words, :parameters and a last *rest, no leading /`,
      )
    }
    for (const [field, accepted] of Object.entries(CHOICES)) {
      if (!accepted.includes(String(content[field]))) {
        problems.push(`${field} is ${JSON.stringify(content[field])}; expected one of ${accepted.join(', ')}`)
      }
    }
    for (const field of AS_IT_CAME) {
      if (content[field] !== true)
        problems.push(
          `${field} is ${JSON.stringify(content[field])}; expected true, and main to read raw_string`,
        )
    }
    const key = `${method} ${String(route).replaceAll(/:[-\w]+/g, ':')}`
    if (seen.has(key)) problems.push(`${method} ${route} is served by ${seen.get(key)} already`)
    seen.set(key, file)
    return problems.map((what) => ({ file, what }))
  })
}

interface Module {
  id: string
  value: Record<string, unknown>
}

const RESERVED = ['failure', 'preprocessor', 'Input']

/** Flows: the scripts, flows and inline files that their steps name exist, and no two steps share an id. */
export function checkFlows(bundle: BundleFiles): Problem[] {
  return bundle.items('/flow.yaml').flatMap(({ file, content, path }) => {
    const value = (content.value ?? {}) as Record<string, unknown>
    if (!Array.isArray(value.modules)) return [{ file, what: 'value.modules is missing: expected its steps' }]
    const modules = modulesOf(value)
    const problems = [
      ...modules.flatMap((module) => checkModule(bundle, path, module)),
      ...checkIds(modulesOf(value.modules).map(({ id }) => id)),
    ]
    return problems.map((what) => ({ file, what }))
  })
}

function checkModule(bundle: BundleFiles, folder: string, { id, value }: Module): string[] {
  const { type, path, content, lock } = value
  if ((type === 'script' || type === 'flow') && !String(path).startsWith('hub/')) {
    if (!hasRunnable(bundle, path, type === 'flow'))
      return [`step ${id}: ${path} is no ${type} of the bundle`]
  }
  const inlined = [content, lock].flatMap((text) => /^!inline (.+)$/.exec(String(text))?.[1] ?? [])
  return inlined
    .filter((name) => !bundle.files.includes(join(folder, name)))
    .map((name) => `step ${id}: the inline file ${name} is not there`)
}

function checkIds(ids: string[]): string[] {
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `two steps have the id ${id}`)
  return [
    ...twice,
    ...ids.filter((id) => RESERVED.includes(id)).map((id) => `the step id ${id} is Windmill's own`),
  ]
}

/** Every step, those of branches and loops too. */
function modulesOf(node: unknown): Module[] {
  if (typeof node !== 'object' || node === null) return []
  const { id, value } = node as Partial<Module>
  const inner = Object.values(node).flatMap(modulesOf)
  return typeof id === 'string' && typeof value === 'object' ? [node as Module, ...inner] : inner
}

/** Resources have a type that the server knows or the bundle brings; variables keep no secret in Git. */
export function checkResources(bundle: BundleFiles): Problem[] {
  const types = [...resourceTypes().keys()]
  const resources = bundle.items('.resource.yaml').flatMap(({ file, content }) => {
    const { resource_type: type } = content
    if (typeof type !== 'string' || type === '') {
      return [{ file, what: 'resource_type is missing: expected the name of a type' }]
    }
    if (!type.startsWith('c_') || types.includes(type)) return []
    return [{ file, what: `its type ${type} is none of hai's settings; expected one of ${types.join(', ')}` }]
  })
  const variables = bundle.items('.variable.yaml').flatMap(({ file, content }) => {
    const written = content.is_secret === true && content.value !== undefined && content.value !== ''
    return written
      ? [{ file, what: 'it holds the value of a secret: leave value out and set it on the server' }]
      : []
  })
  return [...resources, ...variables]
}

/** Deeper arrays are left as they are by Windmill. */
const ARRAY_DEPTH = 2

/** `$var:` and `$res:` in resources, schedules, triggers and flows: each must name something, where Windmill reads it. */
export function checkReferences(bundle: BundleFiles): Problem[] {
  const endings = ['.resource.yaml', '.schedule.yaml', '.http_trigger.yaml', '/flow.yaml']
  return endings
    .flatMap((ending) => bundle.items(ending))
    .flatMap((item) => checkItem(bundle, item).map((what) => ({ file: item.file, what })))
}

function checkItem(bundle: BundleFiles, { content }: Item): string[] {
  // Summaries and descriptions may speak of references.
  const { value, args } = content
  return strings({ value, args }).flatMap(({ text, arrays }) => {
    const [, kind, path = ''] = /^\$(var|res):(.*)$/.exec(text) ?? []
    if (kind === undefined) {
      return /\$(var|res):[fu]\//.test(text) ? [`"${text}": a reference must be the whole string`] : []
    }
    if (arrays > ARRAY_DEPTH)
      return [`${text} is in arrays ${arrays} deep, where Windmill doesn't resolve it`]
    return resolves(bundle, kind as 'var' | 'res', path) ? [] : [`${text} names nothing${hint(kind, path)}`]
  })
}

function resolves({ files }: BundleFiles, kind: 'var' | 'res', path: string): boolean {
  const file = `${path}.${kind === 'var' ? 'variable' : 'resource'}.yaml`
  return files.includes(file) || path.startsWith('u/operator/')
}

function hint(kind: string, path: string): string {
  const file = `${path}.${kind === 'var' ? 'variable' : 'resource'}.yaml`
  return `: add ${file}`
}

function strings(value: unknown, arrays = 0): { text: string; arrays: number }[] {
  if (typeof value === 'string') return [{ text: value, arrays }]
  if (Array.isArray(value)) return value.flatMap((entry) => strings(entry, arrays + 1))
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap((entry) => strings(entry, arrays))
}
