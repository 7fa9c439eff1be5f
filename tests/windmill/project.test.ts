import { expect, it } from 'vitest'
import { projectRoot } from '../../runner/root.ts'
import { checkProject } from '../../windmill/metadata.ts'

it('has a bundle that runs on a server, its metadata made of what it holds now: else npm run metadata', async () => {
  expect(await checkProject(projectRoot())).toEqual([])
})
