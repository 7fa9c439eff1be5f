import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, vi } from 'vitest'

/**
 * For a whole test file: takes core's calls for a worker as Windmill does, and `comes` is the worker. Without one
 * nobody ever comes, as where all workers are busy waiting.
 */
export function windmillWith(comes: { worker?: (jobId: string) => Promise<unknown> }): void {
  const working: Promise<unknown>[] = []
  const server = createServer((request, response) => {
    const jobId = new URL(request.url!, 'http://localhost').searchParams.get('job_id') ?? ''
    response.writeHead(201).end(jobId)
    if (comes.worker) working.push(comes.worker(jobId))
  })
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await vi.waitUntil(() => server.listening)
    vi.stubEnv('BASE_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    vi.stubEnv('WM_WORKSPACE', 'test')
    vi.stubEnv('WM_TOKEN', 'a-token')
  })
  // who is called may come after the answer: he would meet the next test's empty tables
  afterEach(async () => {
    await Promise.all(working.splice(0))
  })
  afterAll(() => {
    vi.unstubAllEnvs()
    server.close()
  })
}
