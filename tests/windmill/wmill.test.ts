import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { configureWmill, wmill } from '../../windmill/wmill.ts'
import { bundleFolder } from '../runner/bundle-folder.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const { root } = bundleFolder({
  'wmill.yaml': 'defaultTs: bun\nincludes: [f/hai/**]\nincludeSchedules: true\nnonDottedPaths: true\n',
  'f/hai/add.ts':
    "import { half } from './lib.ts'\nexport async function main(title: string, n: number = 4) {\n  console.log('adding')\n  if (n < 0) throw new RangeError('too small')\n  return { title, half: half(n) }\n}\n",
  'f/hai/lib.ts': 'export const half = (n: number) => n / 2\n',
  'f/hai/greeting.variable.yaml': 'value: hello\nis_secret: false\ndescription: a greeting\n',
  'f/hai/chat.resource.yaml': 'resource_type: c_chat\nvalue: { room: general }\n',
  'f/hai/nightly.schedule.yaml':
    'schedule: 0 0 3 * * *\ntimezone: Etc/UTC\ncron_version: v2\nscript_path: f/hai/add\nis_flow: false\nenabled: true\nargs: { title: a }\n',
  'f/hai/two__flow/flow.yaml':
    "summary: Two\nvalue:\n  modules:\n    - id: a\n      value: { type: script, path: f/hai/add, input_transforms: { title: { type: javascript, expr: flow_input.title } } }\n    - id: b\n      value: { type: rawscript, language: bun, content: '!inline b.ts', input_transforms: { h: { type: javascript, expr: results.a.half } } }\n",
  'f/hai/two__flow/b.ts': 'export async function main(h: number) { return { h } }\n',
})
const configDir = mkdtempSync(join(tmpdir(), 'hai-wmill-'))
afterAll(() => rmSync(configDir, { recursive: true, force: true }))

let stack: TestStack

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
  configureWmill(configDir, stack)
})

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await wmill(args, { cwd: root, configDir })
  if (code !== 0) throw new Error(`wmill ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
  return stripVTControlCharacters(stdout)
}

const ARGS = ['-s', '-d', '{"title":"a"}']

it('runs a script, and says when it fails', async () => {
  expect(JSON.parse(await run('script', 'run', 'f/hai/add', ...ARGS))).toEqual({ title: 'a', half: 2 })
  expect(await run('script', 'run', 'f/hai/add', '-d', '{"title":"a"}')).toContain('adding')
  await expect(run('script', 'run', 'f/hai/add', '-d', '{"title":"a","n":-1}')).rejects.toThrow('too small')
})

it('previews a script as it lies in the folder, with what it imports', async () => {
  expect(await run('script', 'preview', 'f/hai/add.ts', ...ARGS)).toContain('"half":2')
})

it('runs a flow step by step, and previews it', async () => {
  const output = await run('flow', 'run', 'f/hai/two', '-d', '{"title":"a"}')
  expect(output).toMatch(
    /==== a ====[\s\S]*adding[\s\S]*==== b ====[\s\S]*Flow ran to completion[\s\S]*"h": 2/,
  )
  expect(await run('flow', 'preview', 'f/hai/two__flow', ...ARGS)).toContain('"h":2')
})

it('lists and shows jobs', async () => {
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', headers, body: '{"title":"seen"}' }
  const id = await (await stack.request('/api/w/hai/jobs/run/p/f/hai/add', request)).text()
  expect(await run('job', 'list')).toContain(id)
  expect(await run('job', 'get', id)).toContain('f/hai/add')
  expect(await run('job', 'result', id)).toContain('seen')
  expect(await run('job', 'logs', id)).toContain('adding')
})

it.each([
  [['script', 'list'], 'f/hai/lib'],
  [['flow', 'get', 'f/hai/two'], 'a: script (f/hai/add)'],
  [['schedule', 'list'], '0 0 3 * * *'],
  [['schedule', 'get', 'f/hai/nightly'], 'Etc/UTC'],
  [['resource', 'list'], 'c_chat'],
  [['resource', 'get', 'f/hai/chat'], 'general'],
  [['variable', 'list'], 'hello'],
  [['workspace', 'whoami'], 'operator@example.com'],
])('answers %j', async (args, part) => {
  expect(await run(...args)).toContain(part)
})
