import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { aHomeFolder } from './run-hai.ts'

const root = join(import.meta.dirname, '../..')
const home = aHomeFolder()
const bundle = join(home.path, 'build/hai.cjs')

beforeAll(async () => {
  mkdirSync(join(home.path, 'cli'))
  for (const file of ['cli/bin.cjs', 'cli/code-cache.cjs', 'package.json']) {
    copyFileSync(join(root, file), join(home.path, file))
  }
  await bundled(true)
})

afterAll(home.remove)

async function bundled(plainRequires: boolean): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ['cli/main.ts'],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    supported: plainRequires ? { 'dynamic-import': false } : {},
    define: { 'import.meta.url': '__entry_url' },
    banner: { js: "const __entry_url=require('node:url').pathToFileURL(__filename).href;" },
  })
}

const node = (...argv: string[]) =>
  execFileSync(process.execPath, argv, { env: home.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const hai = (...argv: string[]) => node(join(home.path, 'cli/bin.cjs'), ...argv)
const compile = () => node(join(home.path, 'cli/code-cache.cjs'), bundle)
const caches = () => readdirSync(join(home.path, 'build')).filter((name) => name.endsWith('.cache'))

it('runs the same from its compiled form, also what was not compiled yet', () => {
  const before = [hai('todo', '--help'), hai('profile', 'ls'), hai('completion', 'bash')]
  compile()
  expect(caches()).toHaveLength(1)
  hai('profile', 'add', 'nas', '--endpoint', 'https://example.com', '--workspace', 'home')
  expect(hai('profile', 'ls')).toContain('nas')
  expect([hai('todo', '--help'), before[1], hai('completion', 'bash')]).toEqual(before)
})

it('runs no compiled form that somebody else could have written', () => {
  compile()
  const [cache] = caches()
  const file = join(home.path, 'build', cache!)
  expect(statSync(file).mode & 0o022).toBe(0)
  const broken = Buffer.from('not what V8 wrote')
  writeFileSync(file, broken)
  chmodSync(file, 0o666)
  expect(hai('todo', '--help')).toContain('todo')
  const opened = node(
    '-e',
    `const fs = require('node:fs'); const read = fs.readFileSync; const seen = []
     fs.readFileSync = (file, ...rest) => { seen.push(String(file)); return read(file, ...rest) }
     require(${JSON.stringify(join(home.path, 'cli/code-cache.cjs'))}).load(${JSON.stringify(bundle)})
     console.log(seen.some((file) => file.endsWith('.cache')))`,
  )
  expect(opened.trim()).toBe('false')
})

it('never runs the compiled form of another build, even one of the same length', () => {
  compile()
  const text = readFileSync(bundle, 'utf8')
  writeFileSync(
    bundle,
    text.replaceAll('keep the list of what is to be done', 'KEEP THE LIST OF WHAT IS TO BE DONE'),
  )
  utimesSync(bundle, new Date(), new Date(Date.now() + 5_000))
  expect(hai('--help')).toContain('KEEP THE LIST')
  compile()
  expect(caches()).toHaveLength(1)
  expect(hai('--help')).toContain('KEEP THE LIST')
})

it('runs without a compiled form, and with one that Node does not take', async () => {
  await bundled(true)
  for (const name of caches()) writeFileSync(join(home.path, 'build', name), 'rubbish')
  expect(hai('--help')).toContain('keep the list')
  compile()
  for (const name of caches()) writeFileSync(join(home.path, 'build', name), 'rubbish')
  expect(hai('--help')).toContain('keep the list')
})

it('refuses a bundle with import(), which a compiled form cannot run', async () => {
  await bundled(false)
  expect(compile).toThrow(/has import\(\); build it with esbuild's supported/)
  expect(existsSync(bundle)).toBe(true)
})

it('loads what takes Node milliseconds when it is first used, and not before', async () => {
  await bundled(true)
  compile()
  const file = join(home.path, 'loaded.cjs')
  const [cache, hai] = [join(home.path, 'cli/code-cache.cjs'), bundle].map((path) => JSON.stringify(path))
  writeFileSync(
    file,
    `const io = { env: {}, stdout: { write() {} }, stderr: {} }
     require(${cache}).load(${hai}).main(['todo', '--help'], io).then(() => {
       const heavy = ['NativeModule child_process', 'NativeModule crypto']
       console.log(process.moduleLoadList.filter((name) => heavy.includes(name)).join())
     })`,
  )
  expect(node(file).trim()).toBe('')
})
