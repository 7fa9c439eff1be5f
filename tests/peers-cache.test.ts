import { spawn } from 'node:child_process'
import { once as happens } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it, vi } from 'vitest'
import { once } from './peers/install/cache.mjs'

const home = mkdtempSync(join(tmpdir(), 'hai-peers-cache-'))
const cache = join(home, 'hai-peers')
vi.stubEnv('XDG_CACHE_HOME', home)

const put = (text: string) => (folder: string) => writeFileSync(join(folder, 'program'), text)

beforeEach(() => rmSync(cache, { recursive: true, force: true }))
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true })
})

it('builds a program once, and again when it would come out otherwise', async () => {
  const build = vi.fn(put('one'))
  const first = await once('envoy', '1.40.0', build)
  expect(await once('envoy', '1.40.0', build)).toEqual({ folder: first.folder, ms: 0 })
  expect(build).toHaveBeenCalledTimes(1)
  const other = await once('envoy', '1.41.0', put('other'))
  expect(readFileSync(join(first.folder, 'program'), 'utf8')).toBe('one')
  expect(readFileSync(join(other.folder, 'program'), 'utf8')).toBe('other')
})

it('keeps nothing of a build that failed', async () => {
  const build = (folder: string) => {
    put('half')(folder)
    throw new Error('the network is away')
  }
  await expect(once('envoy', '1.40.0', build)).rejects.toThrow('the network is away')
  expect(readdirSync(cache)).toEqual([])
})

it('takes a build that was killed for none, and removes what it left', async () => {
  const code = `import { once } from './peers/install/cache.mjs'
    await once('envoy', '1.40.0', () => new Promise(() => setInterval(() => {}, 1000)))`
  const args = ['--input-type=module', '--eval', code]
  const killed = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: 'ignore' })
  await vi.waitUntil(() => existsSync(cache) && readdirSync(cache).length === 1)
  const alive = await once('other', '1', put('whole'))
  expect(readdirSync(cache)).toHaveLength(2)
  killed.kill('SIGKILL')
  await happens(killed, 'exit')
  const { folder } = await once('envoy', '1.40.0', put('whole'))
  expect(readFileSync(join(folder, 'program'), 'utf8')).toBe('whole')
  expect(
    readdirSync(cache)
      .map((name) => join(cache, name))
      .sort(),
  ).toEqual([alive.folder, folder].sort())
})

it('gives two who build at the same time the same whole folder', async () => {
  let wait = () => {}
  const slow = once('envoy', '1.40.0', async (folder) => {
    await new Promise<void>((go) => {
      wait = go
    })
    put('slow')(folder)
  })
  const code = `import { writeFileSync } from 'node:fs'
    import { once } from './peers/install/cache.mjs'
    await once('envoy', '1.40.0', (folder) => writeFileSync(folder + '/program', 'fast'))`
  const fast = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: import.meta.dirname })
  expect(await happens(fast, 'exit')).toEqual([0, null])
  wait()
  const { folder } = await slow
  expect(readFileSync(join(folder, 'program'), 'utf8')).toBe('fast')
  expect(readdirSync(cache)).toHaveLength(1)
})
