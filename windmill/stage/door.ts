import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type BuildFailure, build, type Plugin, transform } from 'esbuild'
import { loadParser } from '../../runner/items/signature.ts'
import { readDoors, type ScriptFiles } from '../bundle.ts'
import { importsOf, withoutImports } from './imports.ts'

/** Without it a script follows the workspace's default package.json, whenever somebody makes one. */
export const HEADER = '// package_json:'

/** A door that can't go to a server as one file; the message names it and says why. */
export class UnfitDoor extends Error {
  why: string

  constructor(path: string, why: string) {
    super(`${path}.ts: ${why}`)
    this.name = 'UnfitDoor'
    this.why = why
  }
}

/** A door, and what it is on a server; or why it can't go there. */
export interface StagedDoor extends ScriptFiles {
  staged: string | UnfitDoor
}

/** All doors of a bundle, as `stageDoors` makes them. */
export const stagedDoors = async (root: string): Promise<StagedDoor[]> => {
  const doors = readDoors(root)
  const staged = await stageDoors(root, doors)
  return doors.map((door, at) => ({ ...door, staged: staged[at]! }))
}

/**
 * Doors as Windmill gets them: each in one file, in which all that it imports of the bundle stands, so that the server has
 * no libraries whose versions could mix. Packages stay imports. A door's own text is kept to the letter, since Windmill
 * hands arguments over by their names; what it calls stands below it, in a function of its own, where no name can clash.
 */
export async function stageDoors(root: string, doors: Door[]): Promise<(string | UnfitDoor)[]> {
  const found = await Promise.all(doors.map(async ({ code }) => importsOf(code)))
  const fit = doors.flatMap(({ path }, at): Entry[] => {
    const imports = found[at]!
    return typeof imports === 'string' ? [] : [{ path, imports }]
  })
  const bundles = await bundled(root, fit)
  return Promise.all(
    doors.map(async ({ path, code }, at) => {
      const imports = found[at]!
      try {
        if (typeof imports === 'string') throw new UnfitDoor(path, imports)
        const bundle = bundles.get(path)!
        if (bundle instanceof UnfitDoor) throw bundle
        const staged = joined(path, code, imports, takenApart(path, bundle))
        await refuseChanged(path, code, staged)
        return staged
      } catch (error) {
        if (error instanceof UnfitDoor) return error
        throw error
      }
    }),
  )
}

type Door = Pick<ScriptFiles, 'path' | 'code'>
type Imports = Exclude<Awaited<ReturnType<typeof importsOf>>, string>
type Entry = { path: string; imports: Imports }

function joined(path: string, code: string, imports: Imports, { chunk, packages, exported }: Parts): string {
  const given = imports.flatMap(({ names }) => names.map(({ local }) => local))
  const results = given.map((name) => (exported.get(name) === name ? name : `${name}: ${exported.get(name)}`))
  return [
    HEADER,
    `// @ts-nocheck made by npm run bundle from ${path}.ts`,
    ...packages,
    '',
    withoutImports(code).trim(),
    '',
    ...(given.length > 0
      ? [
          `const { ${given.join(', ')} } = (() => {`,
          chunk.trim(),
          `return { ${results.join(', ')} }`,
          '})()',
          '',
        ]
      : []),
  ].join('\n')
}

/** What the bundler made of what a door imports, and the packages that it left to be imported. */
interface Bundle {
  text: string
  packages: string[]
}

/** All in one run, in which each file of core is read once; where that fails, one by one, to know which doors it is. */
async function bundled(root: string, entries: Entry[]): Promise<Map<string, Bundle | UnfitDoor>> {
  try {
    return await bundledAtOnce(root, entries)
  } catch (error) {
    const [first, ...more] = entries
    if (!first || !Array.isArray((error as Partial<BuildFailure>).errors)) throw error
    if (more.length === 0) return new Map([[first.path, unbundled(first.path, error as BuildFailure)]])
    const each = await Promise.all(entries.map((entry) => bundled(root, [entry])))
    return new Map(each.flatMap((one) => [...one]))
  }
}

function unbundled(path: string, { errors }: BuildFailure): UnfitDoor {
  const [first] = errors
  const where = first?.location ? `${first.location.file} line ${first.location.line}: ` : ''
  return new UnfitDoor(path, `what it imports can't be put into one file: ${where}${first?.text}`)
}

async function bundledAtOnce(root: string, entries: Entry[]): Promise<Map<string, Bundle>> {
  const { outputFiles, metafile } = await build({
    entryPoints: entries.map(({ path }) => ({ in: path, out: path })),
    outdir: OUT,
    // its comments name files relative to this: the text is the same wherever it is made
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    metafile: true,
    write: false,
    plugins: [importsAlone(root, entries), ONLY_WHAT_IS_USED],
  })
  const texts = new Map(outputFiles.map((file) => [file.path, file.text]))
  return new Map(
    entries.map(({ path }) => {
      const file = join(OUT, `${path}.js`)
      const packages = metafile.outputs[file]!.imports.filter(({ kind }) => kind === 'import-statement')
      return [path, { text: texts.get(join(root, file))!, packages: packages.map((one) => one.path) }]
    }),
  )
}

/** Nothing is written there. */
const OUT = 'staged'

/** The entry of a door is what it imports, and not the door. */
function importsAlone(root: string, entries: Entry[]): Plugin {
  const texts = new Map(entries.map(({ path, imports }) => [path, reexported(imports)]))
  return {
    name: 'imports alone',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, kind }) =>
        kind === 'entry-point' ? { path, namespace: 'door' } : undefined,
      )
      onLoad({ filter: /./, namespace: 'door' }, ({ path }) => {
        return { contents: texts.get(path)!, resolveDir: join(root, dirname(path)), loader: 'ts' }
      })
    },
  }
}

function reexported(imports: Imports): string {
  return imports
    .map(({ names, from }) => {
      const listed = names.map(({ imported, local }) => `${imported} as ${local}`).join(', ')
      return `export { ${listed} } from ${JSON.stringify(from)}`
    })
    .join('\n')
}

interface Parts {
  chunk: string
  /** Import statements, each on a line of its own. */
  packages: string[]
  /** What the chunk calls each name that it exports. */
  exported: Map<string, string>
}

function takenApart(path: string, { text, packages }: Bundle): Parts {
  const statements = [...text.matchAll(/^import [^;]*? from "([^"]+)";$|^import "([^"]+)";$/gm)]
  const found = statements.map(([, from, bare]) => from ?? bare!)
  if (found.toSorted().join() !== packages.toSorted().join()) {
    throw new UnfitDoor(
      path,
      `it imports ${packages.join(', ')}, of which only ${found.join(', ')} were found`,
    )
  }
  const { chunk, exported } = withoutExports(path, text.replaceAll(PURE, ''))
  return {
    chunk: statements.reduce((left, [statement]) => left.replace(`${statement}\n`, ''), chunk),
    packages: statements.map(([statement]) => (/\bimport\(/.test(chunk) ? statement : inParts(statement))),
    exported,
  }
}

/**
 * `z` has everything in it, 40 languages too, and the Bun of a Windmill worker (1.3) takes it whole: 0.7 MB that each job
 * reads anew, 30 ms. By the names that are used it is a fifth of that. Beside an `import()`, whose package brings zod along,
 * Bun then forgets to start it: such a door keeps the whole.
 */
const inParts = (statement: string): string =>
  statement.replace(
    /^import { z(?: as (\w+))? } from "zod";$/,
    (_, name = 'z') => `import * as ${name} from "zod";`,
  )

/**
 * A package that nobody uses is no import: it would stand in the lock. Nor does a file come along that nobody uses anything
 * of, nor a schema: to be loaded does nothing by itself in core (`tests/house.test.ts`), which the bundler can't know. Each
 * schema is made anew in each job.
 */
const ONLY_WHAT_IS_USED: Plugin = {
  name: 'only what is used',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path, external: true, sideEffects: false },
    )
    onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const file = resolve(resolveDir, path)
      // where there is none, the bundler says so in its own words
      return existsSync(file) ? { path: file, sideEffects: false } : undefined
    })
    onLoad({ filter: /\/f\/hai\/core\/.*\.ts$/ }, async ({ path }) => ({
      contents: withoutEffects(await readFile(path, 'utf8')),
      loader: 'ts',
    }))
  },
}

const PURE = '/* @__PURE__ */ '

/** Marks what is called to make a constant, and each schema in it, as calls that may be left out. */
const withoutEffects = (code: string): string =>
  code
    .replace(/(?<![.\w])z(?=\s*(?:\.\s*\w+)+\()/g, `${PURE}z`)
    .replace(/^((?:export )?const \w+ = )(?=\w+(?:\.\w+)*\()/gm, `$1${PURE}`)

/** The bundler may have renamed what it exports, where two files use one name. */
function withoutExports(path: string, text: string): Pick<Parts, 'chunk' | 'exported'> {
  const at = text.lastIndexOf('\nexport {')
  if (at < 0) return { chunk: text, exported: new Map() }
  const [list = '', ...more] = text.slice(at).split('};')
  if (more.join('').trim()) throw new UnfitDoor(path, 'its bundle has something below what it exports')
  const names = list
    .slice('\nexport {'.length)
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
    .map((name) => name.split(' as ') as [string, string?])
  return {
    chunk: text.slice(0, at),
    exported: new Map(names.map(([inner, outer]) => [outer ?? inner, inner])),
  }
}

/** What Windmill reads of a door (names and types of arguments, a preprocessor) has to be the same; and it loads tsx. */
async function refuseChanged(path: string, code: string, staged: string): Promise<void> {
  const { parse_deno } = await loadParser()
  if (parse_deno(code) !== parse_deno(staged)) {
    throw new UnfitDoor(path, 'on a server it would have other arguments than here')
  }
  try {
    await transform(staged, { loader: 'tsx', format: 'esm', target: 'esnext', logLevel: 'silent' })
  } catch (error) {
    throw new UnfitDoor(
      path,
      `it can't be read as tsx, which is how Windmill reads it: ${(error as Error).message}`,
    )
  }
}
