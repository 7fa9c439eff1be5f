import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import LongestFirst from './tests/support/longest-first.ts'
import { quickFolder } from './tests/support/quick-folder.mjs'

// of all that the tests make, in whichever process
process.env.TMPDIR = quickFolder()

/** The test files below a folder in whose text that stands. */
const having = (text: RegExp, folder: string) =>
  readdirSync(join(import.meta.dirname, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .filter((file) => text.test(readFileSync(join(import.meta.dirname, file), 'utf8')))

/** What measures itself, or changes what belongs to its process: each file in one of its own. */
const APART = [
  'tests/runner/**/*.test.ts',
  'tests/core/{doors_fuzz,base/linear,model/window,task/plans,task/state_machine}.test.ts',
]
/** What starts a stack or takes long. */
const STACKS = [
  ...['evening', 'shell', 'stack', 'windmill', 'worker'].map((name) => `tests/${name}/**/*.test.ts`),
  'tests/cli/gitops/{authelia,init}.test.ts',
  ...having(/\/support\/stack\.ts'/, 'tests'),
]
/** What has to go the same way where no process runs a second job. */
const COLD = ['tests/runner/{http/stream,process/processes}.test.ts']
const PEERS = ['tests/peers/**/*.test.ts']

const common = {
  setupFiles: 'tests/support/each-file.ts',
  pool: 'forks',
  // for a machine that is several times slower than one that is quiet
  testTimeout: 180_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 90_000, interval: 20 } },
} as const

export default defineConfig({
  test: {
    // of the database server that all share
    globalSetup: ['tests/support/global-setup.ts'],
    sequence: { sequencer: LongestFirst },
    // most of them wait for processes and not for a core: two workers for each of two
    maxWorkers: 4,
    projects: [
      { test: { ...common, name: 'apart', include: APART } },
      { test: { ...common, name: 'cold', include: COLD, env: { HAI_COLD: '1' } } },
      {
        test: { ...common, name: 'stacks', include: STACKS, exclude: [...APART, ...PEERS], isolate: false },
      },
      {
        test: {
          ...common,
          name: 'together',
          include: ['tests/**/*.test.ts'],
          exclude: [...APART, ...STACKS, ...PEERS],
          isolate: false,
        },
      },
      {
        // the oldest one that hai supports: what may not read or decide alike there is SQL, so rooms that bring little of
        // their own, or what others have, stand back
        test: {
          ...common,
          name: 'postgres-15',
          include: having(/\b(testDatabase\(|inject\('databaseUrl'\))/, 'tests/core'),
          exclude: [
            ...APART,
            ...STACKS,
            'tests/core/{builtin,model,work}/**',
            'tests/core/base/!(db|drift|ids).test.ts',
            'tests/core/cost/!(caps|report).test.ts',
            'tests/core/surface/!(inbox).test.ts',
          ],
          globalSetup: ['tests/support/debian-setup.ts'],
          isolate: false,
        },
      },
      { test: { ...common, name: 'peers', include: PEERS } },
    ],
  },
})
