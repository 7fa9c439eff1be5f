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

/** Changes the operator's models.yaml in place, with its comments kept. A file that is not YAML is refused, and left alone. */
export function editModels(env: Env, edit: (document: Document) => void): void {
  const file = modelsFileOf(env)
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
  edit(document)
  writePrivate(file, document.toString())
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new Failure('usage', `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}
