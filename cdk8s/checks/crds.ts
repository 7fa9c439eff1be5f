import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../kube-object.ts'
import type { Tree } from '../tree.ts'
import { strictSchema } from './crd-schema.ts'
import { type Problem, shown } from './problem.ts'

/** The part of a CustomResourceDefinition that matters here. */
export interface Crd {
  spec: {
    group: string
    names: { kind: string }
    versions: { name: string; served?: boolean; schema?: { openAPIV3Schema?: unknown } }[]
  }
}

export interface CrdReport {
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
export const isCustom = (apiVersion: string): boolean => !BUILT_IN.test(apiVersion)

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
