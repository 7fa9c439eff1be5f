import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readDoors } from '../../windmill/bundle.ts'
import { checkSchemas } from '../../windmill/check/scripts.ts'
import { generateMetadata, staleMetadata } from '../../windmill/metadata.ts'
import { bundleFolder } from '../runner/bundle-folder.ts'

const ADD = [
  "import { connect } from './core/db.ts'",
  '/** Adds a note. It is kept for ever. */',
  "export async function main(body: string, tags: string[] = [], kind?: 'a' | 'b') {",
  '  return connect(body, tags, kind)',
  '}',
].join('\n')
const WIDE = ADD.replace('tags:', 'at: { x: number }, all: { z: string }[], tags:')
const { root, write } = bundleFolder({
  'f/hai/add.ts': ADD,
  'f/hai/wide.ts': WIDE,
  'f/hai/core/base/db.ts': 'export const connect = (...all: unknown[]) => void all\n',
  'f/hai/alone.ts': 'export async function main() {}\n',
  'f/hai/alone.script.yaml': "summary: Written by hand\ndescription: ''\nkind: script\ntag: hai-work\n",
})

const text = (path: string) => readFileSync(join(root, path), 'utf8')
const yaml = (path: string) => parse(text(path))

describe('the metadata of doors', () => {
  beforeAll(() => generateMetadata(root))

  it('holds the schema of main, and the summary that its docstring gives or somebody wrote', () => {
    const added = yaml('f/hai/add.script.yaml')
    expect(added).toMatchObject({
      summary: 'Adds a note',
      description: 'It is kept for ever.',
      kind: 'script',
      schema: {
        type: 'object',
        required: ['body'],
        properties: { body: { type: 'string' }, tags: { type: 'array' }, kind: { enum: ['a', 'b'] } },
      },
    })
    expect(added.lock).toBeUndefined()
    expect(yaml('f/hai/alone.script.yaml')).toMatchObject({ summary: 'Written by hand', tag: 'hai-work' })
  })

  it('is of doors only', () => {
    expect(() => text('f/hai/core/db.script.yaml')).toThrow('ENOENT')
  })

  it('stays as it is when it is made again', async () => {
    expect(await generateMetadata(root)).toEqual([])
  })

  it('goes stale with the door’s arguments and where it is missing, and with nothing else', async () => {
    write('f/hai/core/base/db.ts', 'export const connect = (...all: unknown[]) => [all]\n')
    write('f/hai/add.ts', ADD.replace('  return', '  // why\n  return'))
    expect([...(await staleMetadata(root)).keys()]).toEqual([])
    write('f/hai/add.ts', ADD.replace("kind?: 'a' | 'b'", 'kind?: string'))
    write('f/hai/new.ts', 'export async function main() {}\n')
    const stale = ['f/hai/add.script.yaml', 'f/hai/new.script.yaml']
    expect([...(await staleMetadata(root)).keys()]).toEqual(stale)
    expect((await checkSchemas(readDoors(root))).map(({ file }) => file)).toEqual(stale)
    expect(await generateMetadata(root)).toEqual(stale)
    expect(yaml('f/hai/add.script.yaml').schema.properties.kind.enum).toBeUndefined()
    rmSync(join(root, 'f/hai/new.ts'))
  })

  it.each([
    ['the name of an argument', 'body: string', 'text: string'],
    ['one more', 'body: string', 'body: string, more?: number'],
    ['a type', 'tags: string[] = []', 'tags: number[] = []'],
    ['what a text may be', "'a' | 'b'", "'a' | 'c'"],
    ['a default', 'tags: string[] = []', "tags: string[] = ['x']"],
    ['what is required', 'kind?:', 'kind:'],
    ['the field of an object', 'at: { x: number }', 'at: { y: number }'],
    ['the type of a field', 'at: { x: number }', 'at: { x: string }'],
    ['the field of a list', 'all: { z: string }[]', 'all: { w: string }[]'],
  ])('is stale without the CLI too when the door changed %s', async (_, before, after) => {
    const metadata = text('f/hai/wide.script.yaml')
    const found = (code: string) => checkSchemas([{ path: 'f/hai/wide', code, metadata, lock: undefined }])
    expect(await found(WIDE)).toEqual([])
    expect(WIDE).toContain(before)
    expect(await found(WIDE.replace(before, after))).toHaveLength(1)
  })
})
