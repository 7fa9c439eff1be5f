import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeLlamaCpp, fakeLlamaCpp } from '../support/models/llama-cpp.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const root = join(import.meta.dirname, '..', '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!)

/** Where the README's reader has a llama.cpp. */
const SERVER = 'http://127.0.0.1:8080'

let llama: FakeLlamaCpp
let stack: TestStack
let path: string
beforeAll(async () => {
  llama = await fakeLlamaCpp({ model: 'smollm2', n_ctx: 2048 })
  stack = await startStack()
  path = `${join(stack.env.HOME!, '.local', 'bin')}:${stack.env.PATH}`
})

afterAll(() => llama.stop())

/** As a reader would: each line typed into a shell, from a directory that is not the clone. */
async function shell(line: string): Promise<string> {
  const env = { ...stack.env, PATH: path, NO_COLOR: '1' }
  const { stdout } = await promisify(execFile)('bash', ['-ec', `exec < /dev/null; ${line}`], {
    env,
    cwd: stack.env.HOME!,
  })
  return stdout
}

describe('the README', () => {
  it('has its first commands run, as they stand, by the gate on a clean checkout', () => {
    const gate = readFileSync(join(root, '.ci', 'run'), 'utf8').split('\n')
    const lines = blocks[0]!.trim().split('\n')
    expect(lines.length).toBe(2)
    expect(gate).toEqual(expect.arrayContaining(lines))
  })

  it('puts hai on the PATH with npm run setup, and says so when it is not there', async () => {
    const setup = `node ${JSON.stringify(join(root, 'cli', 'setup.mjs'))}`
    const bin = join(stack.env.HOME!, '.local', 'bin')
    expect(await shell(setup)).not.toContain('not on your PATH')
    expect(await shell(`PATH=${JSON.stringify(stack.env.PATH)}; ${setup}`)).toContain(
      `${bin} is not on your PATH`,
    )
    expect(await shell('hai --version')).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  const lines = blocks.slice(1).flatMap((block) => block.trim().split('\n'))
  it.each(lines)('runs: %s', async (line) => {
    await shell(line.replace(SERVER, llama.url))
  })

  it('shows the lines that hai model add writes', () => {
    const [, shown] = /^```yaml\n([\s\S]*?)^```$/m.exec(readme) ?? []
    const written = readFileSync(join(stack.env.XDG_CONFIG_HOME!, 'hai', 'models.yaml'), 'utf8')
    expect(written.replace(llama.url, SERVER)).toBe(shown)
  })
})
