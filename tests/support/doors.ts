import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, vi } from 'vitest'
import { parse } from 'yaml'
import { DEFAULT_MEMBERS, principal } from '../../f/hai/core/base/caller.ts'
import { accessFor } from '../../f/hai/core/model/access.ts'
import { work } from '../../f/hai/core/work/worker.ts'
import type { TestDatabase } from './database.ts'

export const FOLDER = join(import.meta.dirname, '../../f/hai')

/** From now on doors are called by this user's webhook, with an unlabelled token; `more` is what Windmill says otherwise. */
export function callAs(user: string, more: Record<string, string> = {}): void {
  const said = { WM_PERMISSIONED_AS: `u/${user}`, WM_USERNAME: user, WM_SCHEDULE_PATH: '', ...more }
  for (const [name, value] of Object.entries(said)) vi.stubEnv(name, value)
}

/**
 * For a whole test file: lets doors be called in its own process. What they ask Windmill for is the bundle's
 * settings with `own` laid over them, and somebody who works. No model and no cluster is found.
 */
export function doorsOn(database: TestDatabase, own: Record<string, unknown> = {}): void {
  const working = () =>
    work(database.sql, {
      ...{ worker: 'w', budgetSeconds: 5, signal: new AbortController().signal, models: accessFor },
      principal: (name) => principal(name, DEFAULT_MEMBERS, 'Europe/Berlin'),
    })
  const windmill = createServer((request, response) => {
    const url = request.url ?? ''
    const [, bundled] = /\/get_value\/f\/hai\/(\w+)$/.exec(url) ?? []
    const [, operators = ''] = /\/get_value\/u\/operator\/hai_(\w+)$/.exec(url) ?? []
    if (bundled) {
      const file = readFileSync(join(FOLDER, `${bundled}.resource.yaml`), 'utf8')
      response.end(JSON.stringify((parse(file) as { value: unknown }).value))
    } else if (operators in own) response.end(JSON.stringify(own[operators]))
    else {
      response.writeHead(request.method === 'POST' ? 201 : 404).end('""')
      if (request.method === 'POST') void working()
    }
  })
  beforeAll(async () => {
    windmill.listen(0, '127.0.0.1')
    await vi.waitUntil(() => windmill.listening)
    vi.stubEnv('BASE_URL', `http://127.0.0.1:${(windmill.address() as AddressInfo).port}`)
    vi.stubEnv('HAI_DATABASE_URL', database.url)
    vi.stubEnv('WM_WORKSPACE', 'test')
    vi.stubEnv('WM_TOKEN', 'a-token')
    callAs('operator')
    vi.stubEnv('WM_JOB_ID', '')
    vi.stubEnv('OLLAMA_HOST', '127.0.0.1:9')
  })
  afterAll(() => {
    vi.unstubAllEnvs()
    windmill.close()
  })
}
