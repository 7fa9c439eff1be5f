import { build } from 'esbuild'

/** One import statement of a door, of a file of the bundle. */
export interface DoorImport {
  from: string
  names: { imported: string; local: string }[]
}

const NAMED = /^import (type )?\{([^{}]*)\} from '(\.{1,2}\/[^']+)'\n/gm

/** A door's text without its imports. */
export const withoutImports = (code: string): string => code.replace(NAMED, '')

/**
 * What a door imports by name, types apart. A sentence that says what is wrong when it imports in any other way: packages,
 * `* as`, defaults, or for an effect, none of which would be the same in one file.
 */
export async function importsOf(code: string): Promise<DoorImport[] | string> {
  const others = await othersIn(withoutImports(code))
  if (others.length > 0) {
    return `it imports ${others.join(', ')} in another way than by name from a file of the bundle: move that into a file of core`
  }
  return [...code.matchAll(NAMED)].flatMap(([, isType, list = '', from = '']) => {
    const names = list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name && !isType && !name.startsWith('type '))
      .map((name) => {
        const [imported = '', local = imported] = name.split(' as ')
        return { imported, local }
      })
    return names.length > 0 ? [{ from, names }] : []
  })
}

/** By the bundler's own reading: a text that looks like an import is none. */
async function othersIn(code: string): Promise<string[]> {
  const found: string[] = []
  await build({
    stdin: { contents: code, loader: 'ts' },
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'silent',
    // else what is imported as a value and used as a type would pass
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    plugins: [
      {
        name: 'imports are listed',
        setup: ({ onResolve }) =>
          onResolve({ filter: /.*/ }, ({ path, kind }) => {
            if (kind === 'entry-point') return undefined
            found.push(path)
            return { path, external: true }
          }),
      },
    ],
  })
  return found
}
