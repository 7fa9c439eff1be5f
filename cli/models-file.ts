import { join } from 'node:path'
import { type Document, isMap } from 'yaml'
import { Failure } from './failure.ts'
import { alone } from './file-lock.ts'
import { configDirOf } from './paths.ts'
import { editSettings, openSettings } from './settings-file.ts'

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
export function editModels(env: Env, edit: (document: Document) => void): Promise<boolean> {
  const file = modelsFileOf(env)
  return alone(file, () => editSettings(file, open(file), edit))
}

function open(file: string): Document {
  const document = openSettings(file, 'a map with default and backends')
  const backends = document.get('backends')
  if (backends === null) document.delete('backends')
  else if (backends !== undefined && !isMap(backends)) {
    throw new Failure('usage', `${file}: backends: expected a map of names; nothing was changed`)
  }
  return document
}
