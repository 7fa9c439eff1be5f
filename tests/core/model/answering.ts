import { type Backend, type Choice, Models } from '../../../f/hai/core/base/backends.ts'
import type { WorkerEnvironment } from '../../../f/hai/core/base/environment.ts'
import type { Access } from '../../../f/hai/core/model/access.ts'
import type { WorkerOptions } from '../../../f/hai/core/work/worker.ts'
import { aCaller } from '../../support/factories.ts'

const FAKE_PRICE = { input: 1, output: 10 }

/** What a test's server is to be called as: `openai` unless `given` says otherwise. */
export const aChoice = (url: string, given: Partial<Backend> = {}, context?: number): Choice => ({
  name: given.kind === 'anthropic' ? 'claude' : 'openai',
  backend: {
    kind: 'openai-compatible',
    url: `${url}/v1`,
    billing: 'metered',
    enabled: true,
    // a metered model without a price would not be asked
    models: { 'gpt-fake': FAKE_PRICE, 'claude-fake': FAKE_PRICE },
    ...given,
  },
  model: given.kind === 'anthropic' ? 'claude-fake' : 'gpt-fake',
  context,
  reason: 'the test says so',
})

/** A way to that model, as a worker finds it at each attempt. */
export const anAccess = (choice: Choice, livenessSeconds = 20): Access => ({
  choice,
  models: Models.parse({ liveness_seconds: livenessSeconds }),
  apiKey: 'sk-fake',
})

/** A worker that asks `access` and sees everybody's tasks as their own requester would. */
export const aShift = (
  access: Access | { offers: string[] },
  given: Partial<WorkerOptions> = {},
): WorkerOptions => ({
  worker: 'w-1',
  budgetSeconds: 20,
  signal: new AbortController().signal,
  principal: (requester) => aCaller(requester === 'guest' ? 'guest' : 'operator'),
  models: async () => access,
  reader: 'operator',
  start: async () => {},
  ...given,
})

/** A machine with an Ollama at `ollamaUrl`, or with nothing at all. */
export const around = (ollamaUrl = 'http://127.0.0.1:1'): WorkerEnvironment => ({
  ollamaUrl,
  offers: [],
  environment: {},
  has: () => false,
})
