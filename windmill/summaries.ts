import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { ScriptFiles } from './scripts.ts'

interface Described {
  summary?: string
  description?: string
}

/** What the CLI fills in; it adds no dialect of its own. */
const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {},
  required: [],
}

/**
 * Gives each script that has no summary the one its docstring holds, the first sentence, the rest as description; and
 * a schema that names its dialect.
 */
export function fillSummaries(root: string, scripts: ScriptFiles[]): void {
  for (const { path, code, metadata } of scripts) {
    const written = (parse(metadata ?? '') ?? {}) as Described & { schema?: { $schema?: string } }
    if (written.summary && written.schema?.$schema) continue
    const found = written.summary ? { summary: written.summary, description: '' } : describe(path, code)
    const description = written.description || found.description
    const schema = { ...SCHEMA, ...written.schema }
    const filled = { kind: 'script', ...written, summary: found.summary, description, schema }
    writeFileSync(join(root, `${path}.script.yaml`), stringify(filled))
  }
}

function describe(path: string, code: string): Required<Described> {
  const docstring = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export async function main\(/.exec(code)?.[1]
  const text = (docstring ?? '')
    .replaceAll(/^\s*\*/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  const [, sentence = '', rest = ''] = /^(.+?[.?!])(?:\s+(.*))?$/.exec(text) ?? []
  if (sentence) return { summary: sentence.replace(/\.$/, ''), description: rest }
  return { summary: text || `The library ${path.split('/').slice(2).join('/')}`, description: '' }
}
