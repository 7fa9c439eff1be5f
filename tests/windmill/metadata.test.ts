import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { projectRoot } from '../../runner/root.ts'
import { generateMetadata } from '../../windmill/metadata.ts'
import { bundlePaths } from '../../windmill/scripts.ts'
import { recordedHashes, staleItems } from '../../windmill/staleness.ts'
import { wmill } from '../../windmill/wmill.ts'
import { bundleFolder } from '../runner/bundle-folder.ts'

const ADD = [
  "import { z } from 'zod'",
  "import type { LanguageModelV3 } from '@ai-sdk/provider'",
  "import { connect } from './core/db.ts'",
  '/** Adds a note. It is kept for ever. */',
  "export async function main(body: string, tags: string[] = [], kind?: 'a' | 'b') {",
  '  return connect(z.string().parse(body), tags, kind) as LanguageModelV3 | undefined',
  '}',
].join('\n')
const { root, write } = bundleFolder({
  'wmill.yaml': 'defaultTs: bun\nincludes: [f/hai/**]\nnonDottedPaths: true\n',
  'f/hai/folder.meta.yaml': 'summary: hai\ndisplay_name: hai\nowners: []\nextra_perms: {}\n',
  'f/hai/add.ts': ADD,
  'f/hai/core/db.ts':
    "export async function connect(...all: unknown[]) {\n  const { default: postgres } = await import('postgres')\n  return void [postgres, all]\n}\n",
  'f/hai/alone.ts': 'export async function main() {}\n',
  'f/hai/alone.script.yaml': "summary: Written by hand\ndescription: ''\nkind: script\ntag: hai-work\n",
  'f/hai/ask__flow/flow.yaml':
    "summary: Ask\nvalue:\n  modules:\n    - id: a\n      value: { type: rawscript, language: bun, content: '!inline step.ts', input_transforms: {} }\n",
  'f/hai/ask__flow/step.ts':
    "import { ulid } from 'ulid'\nexport async function main() {\n  return ulid()\n}\n",
})

const yaml = (path: string) => parse(readFileSync(join(root, path), 'utf8'))
const lock = (path: string) => readFileSync(join(root, path), 'utf8')
const snapshot = () =>
  Object.fromEntries(bundlePaths(root).map((path) => [path, readFileSync(join(root, path), 'utf8')]))
const generate = () => generateMetadata(root, () => {})

describe('the metadata of a bundle', () => {
  beforeAll(async () => {
    copyFileSync(join(projectRoot(), 'package-lock.json'), join(root, 'package-lock.json'))
    await generate()
  })

  it('holds the schema of main, and the summary that its docstring gives or somebody wrote', () => {
    expect(yaml('f/hai/add.script.yaml')).toMatchObject({
      summary: 'Adds a note',
      description: 'It is kept for ever.',
      kind: 'script',
      lock: '!inline f/hai/add.script.lock',
      schema: {
        type: 'object',
        required: ['body'],
        properties: { body: { type: 'string' }, tags: { type: 'array' }, kind: { enum: ['a', 'b'] } },
      },
    })
    expect(yaml('f/hai/alone.script.yaml')).toMatchObject({ summary: 'Written by hand', tag: 'hai-work' })
  })

  it('locks what a script and its imports need, at the versions of package-lock.json, and no types', () => {
    const { packages } = JSON.parse(readFileSync(join(projectRoot(), 'package-lock.json'), 'utf8'))
    const version = (name: string) => packages[`node_modules/${name}`].version
    const [manifest, lockfile] = lock('f/hai/add.script.lock').split('\n//bun.lock\n')
    expect(JSON.parse(manifest!)).toEqual({
      dependencies: { postgres: version('postgres'), zod: version('zod') },
    })
    expect(lockfile).toContain(`"zod@${version('zod')}"`)
    expect(lock('f/hai/alone.script.lock')).toBe('{\n  "dependencies": {}\n}\n//bun.lock\n<empty>')
    expect(lock('f/hai/ask__flow/step.lock')).toContain(`"ulid": "${version('ulid')}"`)
  })

  it('passes the linter of the official CLI', async () => {
    const linted = await wmill(['lint', '--locks-required'], { cwd: root, configDir: root })
    expect(linted.stdout + linted.stderr).toContain('Lint passed')
    expect(linted.code).toBe(0)
  })

  it('stays as it is when it is made again', async () => {
    const before = snapshot()
    await generate()
    expect(snapshot()).toEqual(before)
  })

  it('goes stale with the script, with its metadata, with a library’s packages and with a flow’s step', async () => {
    expect(await staleItems(root)).toEqual([])
    write('f/hai/add.ts', ADD.replace("kind?: 'a' | 'b'", 'kind?: string'))
    write('f/hai/alone.script.yaml', lock('f/hai/alone.script.yaml').replace('hai-work', 'other'))
    write('f/hai/core/db.ts', 'export const connect = (...all: unknown[]) => void all\n')
    write('f/hai/ask__flow/step.ts', 'export async function main() {}\n')
    write('f/hai/new.ts', 'export async function main() {}\n')
    expect((await staleItems(root)).map(({ path }) => path)).toEqual([
      'f/hai/add',
      'f/hai/alone',
      'f/hai/core/db',
      'f/hai/new',
      'f/hai/ask__flow',
    ])
    await generate()
    expect(await staleItems(root)).toEqual([])
    expect(yaml('f/hai/add.script.yaml').schema.properties.kind.enum).toBeUndefined()
    expect(lock('f/hai/add.script.lock')).not.toContain('postgres')
  })

  it('follows package-lock.json, of which the official CLI knows nothing', async () => {
    const file = join(root, 'package-lock.json')
    const before = readFileSync(file, 'utf8')
    const pinned = JSON.parse(before)
    pinned.packages['node_modules/zod'].version = '4.0.0'
    write('package-lock.json', JSON.stringify(pinned))
    expect((await staleItems(root)).map(({ path }) => path)).toEqual(['f/hai/add'])
    await generate()
    expect(lock('f/hai/add.script.lock')).toContain('"zod@4.0.0"')
    write('package-lock.json', before)
    await generate()
  })

  it('forgets a script that is gone, and names a package that package.json lacks', async () => {
    for (const ending of ['ts', 'script.yaml', 'script.lock']) rmSync(join(root, `f/hai/new.${ending}`))
    await generate()
    expect(Object.keys(recordedHashes(root))).not.toContain('f/hai/new')
    write('f/hai/odd.ts', "import 'left-pad'\nexport async function main() {}\n")
    await expect(generate()).rejects.toThrow('imports left-pad, which package-lock.json lacks')
  })
})
