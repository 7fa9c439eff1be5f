import { ApiError } from '../api-error.ts'

/** What references lead to. Both throw an `ApiError` where there is nothing, or nothing for whom they are resolved. */
export interface Reader {
  variable: (path: string) => string
  /** Its value as it is stored. */
  resource: (path: string) => unknown
}

/** What a text stands for. `name` is the argument's, or that of the field it stands in. */
type Meaning = (text: string, name: string, depth: number) => unknown

/** How far Windmill 1.721 looks. */
const MOST_DEPTH = 50
const ARRAY_DEPTH = 2
const ARRAY_LENGTH = 1000

const REFERENCE = /^\$(var|jsonvar|res|encrypted):(.*)$/s
const SOMEWHERE = /\$(?:var|jsonvar|res|encrypted):/

/**
 * A job's arguments as Windmill's worker hands them to a script. An argument in whose JSON a reference stands anywhere is
 * opened: every text in it that begins with a reference is replaced, and every one that is `$` and the name of one of the
 * job's `variables`. The other arguments stay as they are. Throws an `ApiError` that tells no value for what leads nowhere.
 */
export function resolveArguments(
  args: Record<string, unknown>,
  reader: Reader,
  variables: Record<string, string>,
): Record<string, unknown> {
  const meaning: Meaning = (text, name) => {
    const [, kind, path = ''] = REFERENCE.exec(text) ?? []
    if (kind === undefined) return ofJob(text, variables)
    if (kind === 'encrypted') throw new ApiError(500, `Internal: ${name} holds nothing that was encrypted`)
    const what = kind === 'res' ? 'Resource' : 'Variable'
    if (kind === 'res' && !path.includes('/'))
      throw new ApiError(500, `Internal: Argument \`${name}\` is an invalid resource path: ${path}`)
    try {
      if (kind === 'res') return resolveResource(reader.resource(path), reader, variables)
      const value = reader.variable(path)
      return kind === 'var' ? value : parsed(value)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      throw new ApiError(404, `${what} ${path} not found for \`${name}\`: ${error.message}`)
    }
  }
  const resolved = Object.entries(args).map(([name, value]) => {
    const isOpen = SOMEWHERE.test(JSON.stringify(value) ?? '')
    return [name, isOpen ? walked(value, { name, depth: 0 }, meaning) : value]
  })
  return Object.fromEntries(resolved)
}

/** A resource's value with its references resolved, as Windmill's API does it: for a job, or for nobody's. */
export function resolveResource(
  value: unknown,
  reader: Reader,
  variables: Record<string, string> = {},
  from = 0,
): unknown {
  const meaning: Meaning = (text, _name, depth) => {
    const [, kind, path = ''] = REFERENCE.exec(text) ?? []
    if (kind === 'var') return reader.variable(path)
    if (kind === 'jsonvar') return parsed(reader.variable(path))
    if (kind === 'res') return resolveResource(reader.resource(path), reader, variables, depth + 1)
    return text.startsWith('$WM_') ? ofJob(text, variables) : text
  }
  return walked(value, { name: 'value', depth: from }, meaning)
}

function walked(value: unknown, { name, depth }: { name: string; depth: number }, meaning: Meaning): unknown {
  if (depth >= MOST_DEPTH)
    throw new ApiError(
      500,
      `Internal: Maximum resource/variable interpolation depth (${MOST_DEPTH}) exceeded for \`${name}\`; this usually indicates a circular \`$res:\` or \`$var:\` reference`,
    )
  if (typeof value === 'string') return value.startsWith('$') ? meaning(value, name, depth) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    if (depth > ARRAY_DEPTH || value.length > ARRAY_LENGTH) return value
    return value.map((item) => walked(item, { name, depth: depth + 1 }, meaning))
  }
  const entries = Object.entries(value)
  return Object.fromEntries(
    entries.map(([field, item]) => [field, walked(item, { name: field, depth: depth + 1 }, meaning)]),
  )
}

function ofJob(text: string, variables: Record<string, string>): string {
  const name = text.slice(1)
  return Object.hasOwn(variables, name) ? variables[name]! : text
}

/** Says nothing of what the variable holds, as the parser's own error would. */
function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    throw new ApiError(500, 'Internal: Failed to parse $jsonvar value as JSON')
  }
}
