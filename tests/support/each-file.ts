// Before each file of tests: files that share a process share what one of them has changed in it, so all of that goes.
import { afterAll, vi } from 'vitest'
import './patience.ts'

// the project's own modules are read anew, the packages stay
vi.resetModules()

const environment = { ...process.env }
afterAll(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.unstubAllEnvs()
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name]
  Object.assign(process.env, environment)
})
