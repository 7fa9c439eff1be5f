import { dirname, join } from 'node:path'
import { build, type Plugin, transform } from 'esbuild'
import { loadParser } from '../runner/signature.ts'
import { importsOf, withoutImports } from './door-imports.ts'

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

/**
 * A door as Windmill gets it: one file, in which all that it imports of the bundle stands, so that the server has no
 * libraries whose versions could mix. Packages stay imports. The door's own text is kept to the letter, since Windmill
 * hands arguments over by their names; what it calls stands below it, in a function of its own, where no name can clash.
 */
export async function stageDoor(root: string, path: string, code: string): Promise<string> {
  const imports = await importsOf(code)
  if (typeof imports === 'string') throw new UnfitDoor(path, imports)
  const own = withoutImports(code)
  const { chunk, packages, exported } = await bundled(root, path, imports)
  const given = imports.flatMap(({ names }) => names.map(({ local }) => local))
  const results = given.map((name) => (exported.get(name) === name ? name : `${name}: ${exported.get(name)}`))
  const staged = [
    HEADER,
    `// @ts-nocheck made by npm run bundle from ${path}.ts`,
    ...packages,
    '',
    own.trim(),
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
  await refuseChanged(path, code, staged)
  return staged
}

interface Bundled {
  chunk: string
  /** Import statements, each on a line of its own. */
  packages: string[]
  /** What the chunk calls each name that it exports. */
  exported: Map<string, string>
}

type Imports = Exclude<Awaited<ReturnType<typeof importsOf>>, string>

async function bundled(root: string, path: string, imports: Imports): Promise<Bundled> {
  const entry = imports
    .map(({ names, from }) => {
      const listed = names.map(({ imported, local }) => `${imported} as ${local}`).join(', ')
      return `export { ${listed} } from ${JSON.stringify(from)}`
    })
    .join('\n')
  const { outputFiles, metafile } = await build({
    stdin: { contents: entry, resolveDir: join(root, dirname(path)), loader: 'ts' },
    // its comments name files relative to this: the text is the same wherever it is made
    absWorkingDir: root,
    outfile: 'door.mjs',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    metafile: true,
    write: false,
    plugins: [PACKAGES_STAY],
  })
  const text = outputFiles[0]!.text
  const statements = [...text.matchAll(/^import [^;]*? from "([^"]+)";$|^import "([^"]+)";$/gm)]
  const wanted = Object.values(metafile.outputs)[0]!
    .imports.filter(({ kind }) => kind === 'import-statement')
    .map((one) => one.path)
  const found = statements.map(([, from, bare]) => from ?? bare!)
  if (found.toSorted().join() !== wanted.toSorted().join()) {
    throw new UnfitDoor(path, `it imports ${wanted.join(', ')}, of which only ${found.join(', ')} were found`)
  }
  const { chunk, exported } = withoutExports(path, text)
  return {
    chunk: statements.reduce((left, [statement]) => left.replace(`${statement}\n`, ''), chunk),
    packages: statements.map(([statement]) => statement),
    exported,
  }
}

/** A package that nobody uses is no import: it would stand in the lock. */
const PACKAGES_STAY: Plugin = {
  name: 'packages stay',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^[^./]/ }, ({ path }) => ({ path, external: true, sideEffects: false })),
}

/** The bundler may have renamed what it exports, where two files use one name. */
function withoutExports(path: string, text: string): Pick<Bundled, 'chunk' | 'exported'> {
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
