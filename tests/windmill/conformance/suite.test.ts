import { beforeAll, expect, inject, it } from 'vitest'
import { Server } from '../../../windmill/conformance/server.ts'
import { isOlder, runConformance } from '../../../windmill/conformance/suite.ts'
import { bundleFolder } from '../../runner/bundle-folder.ts'
import { startStack, type TestStack } from '../../support/stack.ts'

const { root } = bundleFolder({ 'f/hai/nothing.ts': 'export async function main() {}\n' })
let stack: TestStack

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

async function count(path: string): Promise<number> {
  return ((await (await stack.request(path)).json()) as unknown[]).length
}

it('holds for the local runner in every case, and leaves nothing behind', async () => {
  const lines: string[] = []
  const report = await runConformance(new Server(stack), (line) => lines.push(line))
  expect(report.failed).toEqual([])
  expect(report.leftOut).toEqual([])
  expect(report.passed.length).toBeGreaterThan(35)
  expect(lines.at(-1)).toBe(`${report.passed.length} passed, 0 failed, 0 left out`)
  expect(await count('/api/w/hai/scripts/list')).toBe(1)
  expect(await count('/api/w/hai/flows/list')).toBe(0)
  expect(await count('/api/w/hai/schedules/list')).toBe(0)
  expect(await count('/api/w/hai/http_triggers/list')).toBe(0)
  expect(await count('/api/w/hai/variables/list')).toBe(0)
  expect(await count('/api/w/hai/resources/list')).toBe(0)
  expect(await count('/api/users/tokens/list')).toBe(0)
})

it('says so when the token is not accepted', async () => {
  const server = new Server({ ...stack, token: 'wrong' })
  await expect(runConformance(server, () => {})).rejects.toThrow(
    'the token is not accepted in workspace hai: 401',
  )
})

it.each([
  ['CE v1.698.9', '1.699.0', true],
  ['CE v1.699.0', '1.699.0', false],
  ['EE v1.1000.0-2-gabc', '1.699.0', false],
  ['CE v1.437.1', '1.437.0', false],
  ['dev', '1.699.0', false],
])('takes %s for older than %s: %s', (version, since, older) => {
  expect(isOlder(version, since)).toBe(older)
})
