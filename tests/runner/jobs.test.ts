import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OPERATOR } from '../../runner/identity.ts'
import { argsOf, type JobRequest, Jobs } from '../../runner/jobs.ts'
import { projectRoot } from '../../runner/root.ts'
import { type BareStack, serveBundle } from '../../runner/stack.ts'

const MB = 1024 * 1024
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Heap and external memory of this process, where the API is, in MB. */
function used(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / MB
}

const dataDir = mkdtempSync(join(tmpdir(), 'hai-memory-'))
let stack: BareStack
beforeAll(async () => {
  stack = await serveBundle({ root: projectRoot(), dataDir, log: () => {} })
})
afterAll(async () => {
  await stack.close()
  rmSync(dataDir, { recursive: true })
})

const post = async (path: string, body: string) => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${stack.token}` }
  const answer = await fetch(`${stack.endpoint}${path}`, { method: 'POST', headers, body })
  await answer.arrayBuffer()
}

/** Little to send, and much of it to keep. */
const HOSTILE = [
  (n: number) => `{"body":[${'[],'.repeat(3_000)}${n}]}`,
  (n: number) => `{"body":[${'{},'.repeat(3_000)}${n}]}`,
  (n: number) => `{"body":${'['.repeat(190)}${n}${']'.repeat(190)}}`,
  (n: number) => JSON.stringify({ body: `${'€'.repeat(3_000)}${n}` }),
  (n: number) => '['.repeat(9_000) + n,
]

it.each(['/api/w/hai/jobs/run_wait_result/p/f/hai/todo/add', '/api/r/hai/inbox'])(
  'a thousand hostile bodies leave no more than 20 MB at %s',
  async (path) => {
    for (let n = 0; n < 20; n += 1) await post(path, HOSTILE[n % HOSTILE.length]!(n))
    const before = used()
    for (let n = 0; n < 1000; n += 20) {
      const twenty = Array.from({ length: 20 }, (_, i) =>
        post(path, HOSTILE[(n + i) % HOSTILE.length]!(n + i)),
      )
      await Promise.all(twenty)
    }
    expect(used() - before).toBeLessThan(20)
  },
)

describe('finished jobs', () => {
  const result = JSON.stringify({ error: { name: 'ExecutionErr', message: 'it broke' } })
  const finished = (jobs: Jobs, request: Partial<JobRequest>) => {
    const job = jobs.create({ path: 'f/hai/inbox', args: {}, identity: OPERATOR, tag: 'bun', ...request })!
    jobs.complete(job, { success: false, shaped: false, result })
    return job
  }
  const after = async (work: (jobs: Jobs) => Promise<unknown>) => {
    const jobs = new Jobs(() => {})
    const before = used()
    await work(jobs)
    return [used() - before, jobs.list().length] as const
  }

  it('are forgotten, the oldest first, before they take 20 MB, however small each is', async () => {
    const [megabytes, kept] = await after(async (jobs) => {
      for (let n = 0; n < 20_000; n += 1) await finished(jobs, {}).done
    })
    expect(megabytes).toBeLessThan(20)
    expect(kept).toBeGreaterThan(2_000)
  })

  it('keep nothing of the address that they were called by', async () => {
    const [megabytes, kept] = await after(async (jobs) => {
      for (let n = 0; n < 5_000; n += 1) {
        const id = randomUUID()
        const address = Buffer.from(`${'x'.repeat(15_000)}f/hai/todo/add?${id}&${id}`).toString()
        const [path, rest] = address.slice(15_000).split('?') as [string, string]
        await finished(jobs, { path, parentJob: rest.split('&')[0]! }).done
      }
    })
    expect(megabytes).toBeLessThan(20)
    expect(kept).toBeGreaterThan(2_000)
  })

  it('keep their arguments, but not large ones', () => {
    const jobs = new Jobs(() => {})
    const small = finished(jobs, { args: { body: { a: [1, 'b'] } } })
    expect([small.args, argsOf(small)]).toEqual([{}, { body: { a: [1, 'b'] } }])
    const large = finished(jobs, { args: { body: 'x'.repeat(2 * MB) } })
    expect(argsOf(large)).toEqual({ reason: 'WINDMILL_TOO_BIG' })
    expect(jobs.list()).toEqual([large, small])
  })
})
