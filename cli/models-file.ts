import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Document, isMap, parseDocument } from 'yaml'
import { Failure } from './failure.ts'
import { configDirOf } from './paths.ts'
import { writePrivate } from './private-file.ts'

type Env = Record<string, string | undefined>

/** Where the operator's own models are on this machine. */
export function modelsFileOf(env: Env): string {
  return join(configDirOf(env), 'models.yaml')
}

/** What models.yaml says of a backend, as far as it says it. */
export interface Written {
  url?: unknown
  billing?: string
  enabled?: boolean
  models?: object
}

/** The backends that the operator's models.yaml names, unchecked; a file that is no YAML is refused. */
export function backendsIn(env: Env): Record<string, Written> {
  const { backends } = (open(modelsFileOf(env)).toJS() ?? {}) as { backends?: Record<string, Written | null> }
  return Object.fromEntries(Object.entries(backends ?? {}).map(([name, backend]) => [name, backend ?? {}]))
}

/**
 * Changes the operator's models.yaml in place, with its comments kept; true when that made a difference, else the file is
 * left alone. So is one that is not YAML: it is refused.
 */
export function editModels(env: Env, edit: (document: Document) => void): boolean {
  const file = modelsFileOf(env)
  const document = open(file)
  const before = JSON.stringify(document.toJS())
  edit(document)
  if (JSON.stringify(document.toJS()) === before) return false
  writePrivate(file, document.toString())
  return true
}

function open(file: string): Document {
  const document: Document = parseDocument(readText(file))
  const [error] = document.errors
  if (error)
    throw new Failure('usage', `${file} is not YAML: ${error.message.split('\n')[0]}; nothing was changed`)
  document.contents ??= document.createNode({})
  if (!isMap(document.contents)) {
    throw new Failure('usage', `${file}: expected a map with default and backends; nothing was changed`)
  }
  const backends = document.get('backends')
  if (backends === null) document.delete('backends')
  else if (backends !== undefined && !isMap(backends)) {
    throw new Failure('usage', `${file}: backends: expected a map of names; nothing was changed`)
  }
  return document
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new Failure('usage', `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}
