// Runs in Bun, whose parser drops what is imported only as a type: reads scripts as JSON from stdin, writes for each
// the packages that it and all it imports from the bundle need.
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, posix } from 'node:path'
import type { ScannedScript } from './locks.ts'

declare const Bun: {
  Transpiler: new (options: { loader: 'ts' }) => { scanImports(code: string): { path: string }[] }
}

const transpiler = new Bun.Transpiler({ loader: 'ts' })
const known = new Map<string, string[]>()

function packagesOf(root: string, script: ScannedScript): string[] {
  const packages = new Set<string>()
  const seen = new Set([script.path])
  const visit = (path: string, specifiers: string[]) => {
    for (const specifier of specifiers) {
      const local = localPath(path, specifier)
      if (local === undefined) {
        const name = packageName(specifier)
        if (name) packages.add(name)
      } else if (!seen.has(local)) {
        seen.add(local)
        visit(local, importsOf(root, local))
      }
    }
  }
  visit(script.path, scan(script.code))
  return [...packages].sort()
}

function importsOf(root: string, path: string): string[] {
  const read = known.get(path) ?? scan(readFileSync(join(root, `${path}.ts`), 'utf8'))
  known.set(path, read)
  return read
}

function scan(code: string): string[] {
  return transpiler.scanImports(code).map(({ path }) => path)
}

/** The Windmill path of what a script of the bundle is imported by; undefined for a package. */
function localPath(from: string, specifier: string): string | undefined {
  const absolute = /^\/[fu]\//.test(specifier)
  if (!absolute && !specifier.startsWith('.')) return undefined
  const path = absolute ? specifier.slice(1) : posix.join(posix.dirname(from), specifier)
  return path.replace(/\.ts$/, '')
}

function packageName(specifier: string): string | undefined {
  if (specifier.startsWith('node:') || specifier.startsWith('bun:')) return undefined
  const parts = specifier.split('/')
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return builtinModules.includes(name) ? undefined : name
}

const { root, scripts } = JSON.parse(readFileSync(0, 'utf8')) as { root: string; scripts: ScannedScript[] }
process.stdout.write(JSON.stringify(scripts.map((script) => packagesOf(root, script))))
