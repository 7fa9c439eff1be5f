type Schema = Record<string, unknown>

/**
 * The schema of a custom resource as ajv takes it: unknown fields refused wherever fields are named, integers or strings
 * as both, and without the patterns of Go that JavaScript can't read.
 */
export function strictSchema(openApi: unknown): Schema {
  const schema = strict(openApi) as Schema
  const properties = schema.properties as Schema | undefined
  // what every object has, and no custom resource describes
  const always = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' } }
  return { ...schema, properties: { ...properties, ...always } }
}

function strict(value: unknown, closes = true): unknown {
  if (Array.isArray(value)) return value.map((one) => strict(one, closes))
  if (typeof value !== 'object' || value === null) return value
  const schema = { ...(value as Schema) }
  if (schema['x-kubernetes-int-or-string']) return { anyOf: [{ type: 'integer' }, { type: 'string' }] }
  if (typeof schema.pattern === 'string' && !isReadable(schema.pattern)) delete schema.pattern
  const open = schema.additionalProperties !== undefined || schema['x-kubernetes-preserve-unknown-fields']
  if (closes && isSchemas(schema.properties) && !open) schema.additionalProperties = false
  return Object.fromEntries(
    Object.entries(schema).map(([key, inner]) => [
      key,
      isData(key) ? inner : strict(inner, closes && !isJunctor(key)),
    ]),
  )
}

/** Branches speak of some of the fields that the schema around them names. */
const isJunctor = (key: string) => ['allOf', 'anyOf', 'oneOf', 'not'].includes(key)

/** Words whose values are data and no schemas. */
const isData = (key: string) => key === 'default' || key === 'enum' || key === 'example'

const isSchemas = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'object')

function isReadable(pattern: string): boolean {
  try {
    new RegExp(pattern)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
