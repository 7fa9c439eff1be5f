import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { startScript } from '../../../f/hai/core/base/windmill.ts'
import { wakeAt } from '../../../f/hai/core/task/wake.ts'

afterEach(() => vi.unstubAllEnvs())

it('starts its jobs so that only who started them may read them', async () => {
  const urls: URL[] = []
  const server = createServer((request, response) => {
    urls.push(new URL(request.url!, 'http://x'))
    response.writeHead(201).end('id')
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  vi.stubEnv('BASE_URL', url)
  await startScript('f/hai/worker/run', {}, { jobId: 'a' })
  await wakeAt(new Date(Date.now() + 60_000).toISOString())
  server.close()
  expect(urls.map(({ searchParams }) => searchParams.get('invisible_to_owner'))).toEqual(['true', 'true'])
})
