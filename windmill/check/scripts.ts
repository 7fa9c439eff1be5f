import { transform } from 'esbuild'
import { parse } from 'yaml'
import { loadParser } from '../../runner/items/signature.ts'
import type { Problem, ScriptFiles } from '../bundle.ts'
import { type StagedDoor, UnfitDoor } from '../stage/door.ts'

/** Doors that can't go to a server as one file. */
export function checkDoors(doors: StagedDoor[]): Problem[] {
  return doors.flatMap(({ path, staged }) =>
    staged instanceof UnfitDoor ? [{ file: `${path}.ts`, what: staged.why }] : [],
  )
}

/** Windmill's worker reads TypeScript as tsx, in which `<T>(x: T) => …` and `<T>x` are no longer what they were. */
export async function checkSyntax(scripts: ScriptFiles[]): Promise<Problem[]> {
  const found = await Promise.all(
    scripts.map(async ({ path, code }): Promise<Problem[]> => {
      try {
        await transform(code, { loader: 'tsx', logLevel: 'silent' })
        return []
      } catch (error) {
        const [said] = (error as { errors?: { text: string; location?: { line: number } }[] }).errors ?? []
        if (!said) throw error
        const what = `line ${said.location?.line} can't be read as tsx, which is how Windmill reads it: ${said.text}`
        return [{ file: `${path}.ts`, what }]
      }
    }),
  )
  return found.flat()
}

interface Parsed {
  type?: 'Invalid'
  args: { name: string; typ: unknown }[]
  auto_kind: string | null
}

/** What Windmill's parser makes of main: nothing unreadable, no nameless parameter, no resource picker by accident. */
export async function checkSignatures(scripts: ScriptFiles[]): Promise<Problem[]> {
  const { parse_deno } = await loadParser()
  return scripts.flatMap(({ path, code }) => {
    const parsed = JSON.parse(parse_deno(code)) as Parsed
    return signatureProblems(parsed, code).map((what) => ({ file: `${path}.ts`, what }))
  })
}

function signatureProblems({ type, args, auto_kind: kind }: Parsed, code: string): string[] {
  if (type === 'Invalid')
    return ["main's signature cannot be read: write plain, named parameters, no ...rest"]
  if (kind === 'lib' && /^export (default|(const|let) main\b)/m.test(code)) {
    return ['Windmill does not see its main: write export async function main(']
  }
  // RT.Postgresql says that a resource is wanted; any other imported type only looks like one.
  const meant = [...code.matchAll(/\bRT\.(\w+)/g)].map(([, name]) => name!.toLowerCase())
  return args.flatMap(({ name, typ }) => {
    if (/^anon\d+$/.test(name)) return [`a parameter of main is destructured: Windmill calls it ${name}`]
    return pickers(typ)
      .filter((picker) => !meant.includes(picker))
      .map((picker) => `the type of ${name} turns into a picker of "${picker}" resources: write it out here`)
  })
}

function pickers(typ: unknown): string[] {
  if (typeof typ !== 'object' || typ === null) return []
  const { resource } = typ as { resource?: unknown }
  return typeof resource === 'string' ? [resource] : Object.values(typ).flatMap(pickers)
}

/** Of metadata that somebody has to make anew. */
export const STALE = 'it is not what its door says; run npm run metadata'

interface Argument {
  name: string
  typ: unknown
  has_default: boolean
  default?: unknown
}

interface Property {
  type?: string
  originalType?: string
  enum?: unknown[]
  default?: unknown
  items?: Property
  properties?: Record<string, Property>
}

interface Metadata {
  summary?: string
  schema?: { properties?: Record<string, Property>; required?: string[] }
}

/**
 * Doors whose metadata do not say which arguments they take, by Windmill's own parser: their names and types, what a
 * text may be, defaults, and which are required. `npm run check` asks the official CLI besides, to the letter.
 */
export async function checkSchemas(doors: ScriptFiles[]): Promise<Problem[]> {
  const { parse_deno } = await loadParser()
  return doors
    .filter(({ code, metadata }) => {
      const { type, args } = JSON.parse(parse_deno(code)) as { type?: string; args: Argument[] }
      return type !== 'Invalid' && !saysSo(parsed(metadata), args)
    })
    .map(({ path }) => ({
      file: `${path}.script.yaml`,
      what: STALE,
    }))
}

/** What can't be read is told elsewhere, and here says nothing. */
function parsed(metadata = ''): Metadata {
  try {
    return (parse(metadata) as Metadata | null) ?? {}
  } catch {
    return {}
  }
}

function saysSo({ summary, schema }: Metadata, args: Argument[]): boolean {
  const { properties = {}, required = [] } = schema ?? {}
  const wanted = args.filter((one) => !one.has_default).map(({ name }) => name)
  return (
    Boolean(summary && schema) &&
    hasKeys(
      properties,
      args.map(({ name }) => name),
    ) &&
    same(required, wanted) &&
    args.every((one) => {
      const property = properties[one.name]!
      return same(property.default ?? null, one.default ?? null) && isOf(property, one.typ)
    })
  )
}

const PLAIN: Record<string, string> = { int: 'integer', float: 'number', bool: 'boolean' }
const TEXTS = ['email', 'sql', 'yaml', 'bytes', 'datetime', 'date']

/** Whether a property has that type; of a type that the parser can't name a schema may say anything. */
function isOf(property: Property, typ: unknown): boolean {
  if (typeof typ === 'string') {
    const type = TEXTS.includes(typ) ? 'string' : PLAIN[typ]
    return !type || property.type === type
  }
  const { str, list, object, oneof } = (typ ?? {}) as {
    str?: string[] | null
    list?: unknown
    object?: { props?: { key: string; typ: unknown }[] | null }
    oneof?: unknown
  }
  if (str !== undefined) {
    // who lists a plain text by hand means it
    const listed = property.originalType === 'enum' ? (property.enum ?? null) : null
    return property.type === 'string' && same(listed, str)
  }
  if (list !== undefined) return property.type === 'array' && isListOf(property.items ?? {}, list)
  if (object) return property.type === 'object' && hasAll(property, object.props ?? [])
  return !oneof || property.type === 'object'
}

/** The CLI writes every number of a list as `number`. */
function isListOf(items: Property, typ: unknown): boolean {
  if (typ === 'int' || typ === 'float') return items.type === 'number'
  const { str, object } = (typ ?? {}) as {
    str?: string[] | null
    object?: { props?: { key: string; typ: unknown }[] }
  }
  if (str !== undefined) return items.type === 'string' && (!str || same(items.enum, str))
  const props = object?.props ?? []
  return props.length === 0 || (items.type === 'object' && hasAll(items, props))
}

function hasAll({ properties = {} }: Property, props: { key: string; typ: unknown }[]): boolean {
  return (
    hasKeys(
      properties,
      props.map(({ key }) => key),
    ) && props.every(({ key, typ }) => isOf(properties[key]!, typ))
  )
}

/** In whatever order: the CLI writes them in the alphabet's. */
const hasKeys = (properties: Record<string, Property>, names: string[]): boolean =>
  same(Object.keys(properties).toSorted(), names.toSorted())

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)
