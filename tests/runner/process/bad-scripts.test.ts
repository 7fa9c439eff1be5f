import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const { root, write } = bundleFolder({
  'f/hai/fine.ts': 'export async function main() { return "fine" }',
  'f/hai/broken.ts': 'export async function main() { return 1 +  }',
  'f/hai/importing.ts': "import { gone } from './gone.ts'\nexport async function main() { return gone }",
  'f/hai/leaks.ts':
    'export async function main() { const kept: Uint8Array[] = []; for (;;) { kept.push(new Uint8Array(8 << 20).fill(1)); await new Promise((r) => setTimeout(r, 5)) } }',
  'f/hai/five.schedule.yaml':
    'schedule: "* * * * *"\ntimezone: Etc/UTC\ncron_version: v2\nscript_path: f/hai/fine\nis_flow: false\nenabled: true\n',
  'f/hai/dangling.schedule.yaml':
    'schedule: "* * * * * *"\ntimezone: Etc/UTC\ncron_version: v2\nscript_path: f/hai/fine\nis_flow: false\nenabled: true\nargs: { a: $var:f/hai/none }\n',
})

let stack: TestStack

beforeAll(async () => {
  const env = { HAI_JOB_MEMORY_MB: '300' }
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl'), env })
})

async function failure(script: string, args: object = {}): Promise<{ name: string; message: string }> {
  const { status, body } = await stack.call<{ error: { name: string; message: string } }>(script, args)
  expect(status).toBe(422)
  return body.error
}

const log = () => readFileSync(join(stack.instance.data_dir, 'logs', 'runner.log'), 'utf8')

it('fails the calls of a script that does not compile with the compiler’s words, and no others', async () => {
  expect((await failure('f/hai/broken')).message).toMatch(
    /(Unexpected|Expected) .* \(\S+f\/hai\/broken\.ts:1:\d+\)$/,
  )
  expect((await failure('f/hai/importing')).message).toContain('./gone.ts')
  expect(await stack.call('f/hai/fine')).toEqual({ status: 200, body: 'fine' })
})

it('picks up a script as soon as it is mended', async () => {
  write('f/hai/broken.ts', 'export async function main() { return "mended" }')
  await expect.poll(async () => (await stack.call('f/hai/broken')).body).toBe('mended')
})

it('ends a script that takes more memory than is allowed, and says how to allow more', async () => {
  expect((await failure('f/hai/leaks')).message).toContain('more than 300 MB of memory; HAI_JOB_MEMORY_MB')
  expect((await stack.call('f/hai/fine')).body).toBe('fine')
})

it('names a reference in an argument that leads nowhere', async () => {
  expect((await failure('f/hai/fine', { a: '$res:f/hai/none' })).message).toContain(
    'Resource f/hai/none not found for `a`',
  )
})

it('runs no schedule of five fields, and says why; one with a dangling reference says so each time', async () => {
  expect(log()).toMatch(/schedule f\/hai\/five does not run: .*"\* \* \* \* \*" has not six fields/)
  await expect
    .poll(log)
    .toMatch(/schedule f\/hai\/dangling: job .* failed: .*Variable f\/hai\/none not found for `a`/)
  const listed = await stack.request('/api/w/hai/jobs/list?schedule_path=f/hai/five')
  expect(await listed.json()).toEqual([])
})
