import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { projectRoot } from '../../runner/root.ts'
import { checkBundle } from '../../windmill/check.ts'
import { staleResourceTypes } from '../../windmill/resource-types.ts'
import { wmill } from '../../windmill/wmill.ts'

const configDir = mkdtempSync(join(tmpdir(), 'hai-lint-'))
afterAll(() => rmSync(configDir, { recursive: true }))

it('has a bundle that is fit to be pushed, its metadata made of what it holds now: else npm run metadata', async () => {
  expect(staleResourceTypes(projectRoot())).toEqual([])
  expect(await checkBundle(projectRoot())).toEqual([])
})

it('has a bundle that passes the linter of the official CLI', async () => {
  const linted = await wmill(['lint', '--locks-required'], { cwd: projectRoot(), configDir })
  expect(linted.stdout + linted.stderr).toContain('Lint passed')
  expect(linted.code).toBe(0)
})
