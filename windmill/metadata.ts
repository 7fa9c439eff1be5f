import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { parse, stringify } from 'yaml'
import { readText } from '../runner/files.ts'
import { serveBundle } from '../runner/stack.ts'
import { type Problem, readDoors, type ScriptFiles } from './bundle.ts'
import { checkBundle } from './check/check.ts'
import { STALE } from './check/scripts.ts'
import { stagedDoors } from './stage/door.ts'
import { withoutImports } from './stage/imports.ts'
import { configureWmill, wmill } from './wmill.ts'

/** Writes the metadata of each door that is not as its text says; gives the files. A second run changes nothing. */
export async function generateMetadata(root: string): Promise<string[]> {
  const stale = await staleMetadata(root)
  for (const [file, text] of stale) writeFileSync(join(root, file), text)
  return [...stale.keys()]
}

/**
 * All that `npm run check` finds: what would keep the bundle from running on a server, and each file that is made of others
 * and is not what they say now, by the official CLI's own reading.
 */
export async function checkProject(root: string): Promise<Problem[]> {
  const problems = await checkBundle(root, await stagedDoors(root))
  const told = new Set(problems.map(({ file }) => file))
  const stale = [...(await staleMetadata(root)).keys()].filter((file) => !told.has(file))
  return [...problems, ...stale.map((file) => ({ file, what: STALE }))]
}

/** The files of doors' metadata that are missing, or not what the official CLI makes of the doors now, with what they should be. */
export async function staleMetadata(root: string): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'hai-metadata-'))
  try {
    const made = await madeAnew(root, folder)
    return new Map([...made].filter(([file, text]) => readText(join(root, file)) !== text))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * The official CLI reads schemas off the doors, in a folder that holds nothing else; our runner answers what it asks of a
 * server. Imports have no part in a schema, and locks are made when the bundle is staged. Throws with the CLI's words.
 */
async function madeAnew(root: string, folder: string): Promise<Map<string, string>> {
  const doors = readDoors(root)
  const bundle = join(folder, 'bundle')
  for (const { path, code, metadata } of doors) {
    mkdirSync(dirname(join(bundle, path)), { recursive: true })
    writeFileSync(join(bundle, `${path}.ts`), withoutImports(code))
    if (metadata !== undefined) writeFileSync(join(bundle, `${path}.script.yaml`), metadata)
  }
  writeFileSync(join(bundle, 'wmill.yaml'), 'defaultTs: bun\nincludes: [f/**]\nnonDottedPaths: true\n')
  fillSummaries(bundle, doors)
  await runGenerator(bundle, folder)
  return new Map(
    doors.map(({ path }) => {
      const file = `${path}.script.yaml`
      return [file, (readText(join(bundle, file)) ?? '').replace(/^lock: .*\n/m, '')]
    }),
  )
}

async function runGenerator(bundle: string, folder: string): Promise<void> {
  const stack = await serveBundle({ root: bundle, dataDir: folder, log: () => {} })
  try {
    configureWmill(folder, stack)
    const ran = await wmill(['generate-metadata', '--schema-only', '--yes'], {
      cwd: bundle,
      configDir: folder,
    })
    const said = stripVTControlCharacters(ran.stderr.trim() || ran.stdout.trim())
    if (ran.code !== 0) throw new Error(`wmill generate-metadata ended with code ${ran.code}: ${said}`)
  } finally {
    await stack.close()
  }
}

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
function fillSummaries(root: string, scripts: ScriptFiles[]): void {
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
