import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { parseAllDocuments } from 'yaml'
import { type KubeObject, pluralOf } from '../charts/manifest-file.ts'
import { Refused } from '../config/read.ts'
import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

/** The part of a CustomResourceDefinition that matters here. */
export interface Crd {
  spec: {
    group: string
    names: { kind: string }
    versions: { name: string; served?: boolean; schema?: { openAPIV3Schema?: unknown } }[]
  }
}

interface CrdReport {
  problems: Problem[]
  /** Kinds that were held against the definition of a cluster or a folder. */
  covered: string[]
  /** Custom kinds for which there was none. */
  uncovered: string[]
}

/** The definitions in the YAML files of a folder; other documents are passed over. */
export function crdsIn(folder: string): Crd[] {
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .flatMap((name) => parseAllDocuments(readFileSync(join(folder, name), 'utf8')))
    .map((document) => document.toJS() as (Crd & { kind?: string }) | null)
    .filter(
      (crd): crd is Crd => crd !== null && (crd as { kind?: string }).kind === 'CustomResourceDefinition',
    )
}

/** Holds every custom object against its definition, after the substitution that Flux will make. Each is compiled once. */
export function crdCheck(crds: readonly Crd[]): (tree: Tree) => CrdReport {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: false })
  const compiled = new Map<string, ValidateFunction | undefined>()
  const validator = (key: string, object: KubeObject) => {
    if (!compiled.has(key)) {
      const schema = schemaOf(object, crds)
      compiled.set(key, schema ? ajv.compile(strictSchema(schema)) : undefined)
    }
    return compiled.get(key)
  }
  return ({ entries }) => {
    const problems: Problem[] = []
    const covered = new Set<string>()
    const uncovered = new Set<string>()
    for (const { object } of entries.filter(({ object: { apiVersion } }) => isCustom(apiVersion))) {
      const key = `${object.apiVersion} ${object.kind}`
      const validate = validator(key, object)
      ;(validate ? covered : uncovered).add(key)
      if (!validate || validate(substituted(object))) continue
      const where = shown(object)
      problems.push(...(validate.errors ?? []).map((error) => ({ where, what: told(error) })))
    }
    return { problems, covered: [...covered], uncovered: [...uncovered] }
  }
}

const BUILT_IN = /^(v1|apps\/v1|batch\/v1)$/
const isCustom = (apiVersion: string): boolean => !BUILT_IN.test(apiVersion)

function schemaOf({ apiVersion, kind }: KubeObject, crds: readonly Crd[]): unknown {
  const [group, version] = apiVersion.split('/')
  const crd = crds.find(({ spec }) => spec.group === group && spec.names.kind === kind)
  const found = crd?.spec.versions.find(({ name, served }) => name === version && served !== false)
  if (crd && !found) return { not: {}, description: `${group} does not serve ${version}` }
  return found?.schema?.openAPIV3Schema
}

/** The domain as Flux fills it in: a host name with the variable in it is none before. */
const substituted = (object: KubeObject): unknown =>
  JSON.parse(JSON.stringify(object).replaceAll(/\$\{[A-Z][A-Z0-9_]*\}/g, 'example.com'))

function told({ instancePath, message, params }: ErrorObject): string {
  const extra = 'additionalProperty' in params ? ` (${String(params.additionalProperty)})` : ''
  return `${instancePath || '/'} ${message}${extra}`
}

type Schema = Record<string, unknown>

/**
 * The schema of a custom resource as ajv takes it: unknown fields refused wherever fields are named, integers or strings
 * as both, and without the patterns of Go that JavaScript can't read.
 */
function strictSchema(openApi: unknown): Schema {
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

/** What the library falls back to when there is nothing to load. */
const NOWHERE = 'http://localhost:8080'

/** The definitions that the cluster of the current kubeconfig context has for the tree's kinds, and those it lacks. */
export async function crdsOfCluster({
  entries,
}: Tree): Promise<{ crds: Crd[]; problems: Problem[]; context: string }> {
  const { CustomObjectsApi, KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    config.loadFromDefault()
  } catch (error) {
    throw new Refused(`the kubeconfig can't be read: ${(error as Error).message}`)
  }
  const server = config.getCurrentCluster()?.server
  if (!server || server === NOWHERE) {
    throw new Refused(
      'no cluster is known here; expected KUBECONFIG or ~/.kube/config with a current context',
    )
  }
  const api = config.makeApiClient(CustomObjectsApi)
  const definitions = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' }
  const crds: Crd[] = []
  const problems: Problem[] = []
  for (const name of namesOf(entries)) {
    try {
      const found = (await api.getClusterCustomObject({ ...definitions, name })) as Partial<Crd>
      if (found.spec?.versions) crds.push(found as Crd)
      else problems.push({ where: name, what: 'is no CustomResourceDefinition, says the cluster' })
    } catch (error) {
      problems.push({ where: name, what: reason(error, server) })
    }
  }
  return { crds, problems, context: config.getCurrentContext() }
}

function namesOf(entries: Tree['entries']): string[] {
  const custom = entries.filter(({ object: { apiVersion } }) => isCustom(apiVersion))
  return [
    ...new Set(custom.map(({ object }) => `${pluralOf(object.kind)}.${object.apiVersion.split('/')[0]}`)),
  ]
}

/** What the cluster answered; when it did not, there is no use in asking on. */
function reason(error: unknown, server: string): string {
  const { code, message } = error as { code?: unknown; message: string }
  if (code === 404) return 'is not installed in the cluster'
  if (code === 401 || code === 403) {
    return 'may not be read with this kubeconfig; customresourcedefinitions: get is needed'
  }
  throw new Refused(`${server} can't be asked: ${message.split('\n')[0]}`)
}
