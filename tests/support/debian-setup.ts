import type { TestProject } from 'vitest/node'
import { startDebian } from './debian-postgres.mjs'
import { provide } from './global-setup.ts'

/** Debian's server in place of the embedded one, for the tests of one project. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  return provide(project, await startDebian())
}
