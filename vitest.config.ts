import { defineConfig } from 'vitest/config'
import LongestFirst from './tests/support/longest-first.ts'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    setupFiles: ['tests/support/patience.ts'],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // most of them wait for processes and not for a core
    maxWorkers: 3,
    // for a machine that is several times slower than one that is quiet
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 90_000, interval: 20 } },
  },
})
