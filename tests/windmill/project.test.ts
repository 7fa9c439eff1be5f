import { expect, it } from 'vitest'
import { projectRoot } from '../../runner/root.ts'
import { checkBundle } from '../../windmill/check.ts'
import { staleResourceTypes } from '../../windmill/resource-types.ts'

it('has a bundle that runs on a server, its metadata made of what it holds now: else npm run metadata', async () => {
  expect(staleResourceTypes(projectRoot())).toEqual([])
  expect(await checkBundle(projectRoot())).toEqual([])
})
