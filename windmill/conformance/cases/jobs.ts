import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Case } from '../case.ts'

/** Jobs: starting, listing, following and ending them. */
export const JOB_CASES: Case[] = [
  {
    name: 'answers a sync call for what is not there with 404, and without a token with 401',
    async run(server) {
      assert.equal((await server.wait('is_not_there')).status, 404)
      assert.equal((await server.wait('nothing', {}, { token: 'wrong' })).status, 401)
    },
  },
  {
    name: 'shows a completed job with what clients rely on',
    async run(server) {
      const id = await server.start('double', { n: 1 })
      const completed = await server.completed(id)
      assert.equal(completed.type, undefined)
      const job = (await server.call(`jobs_u/get/${id}`)).json as Record<string, unknown>
      assert.deepEqual(
        [job.type, job.success, job.canceled, job.job_kind, job.script_path, job.is_flow_step],
        ['CompletedJob', true, false, 'script', server.path('double'), false],
      )
      for (const field of [
        'id',
        'created_by',
        'created_at',
        'started_at',
        'duration_ms',
        'permissioned_as',
        'tag',
      ]) {
        assert.ok(job[field] !== undefined, `${field} is missing`)
      }
    },
  },
  {
    name: 'refuses a job id that was used',
    async run(server) {
      const id = randomUUID()
      const query = `?job_id=${id}`
      assert.equal(await server.start('nothing', {}, query), id)
      const again = await server.call(`jobs/run/p/${server.path('nothing')}${query}`, { body: {} })
      assert.equal(again.status, 400, again.text)
    },
  },
  {
    name: 'holds a job until its time, and cancels it before',
    async run(server) {
      const id = await server.start('nothing', {}, '?scheduled_in_secs=3600')
      const { json } = await server.call(`jobs_u/get/${id}`)
      const job = json as { type: string; running: boolean }
      assert.deepEqual([job.type, job.running], ['QueuedJob', false])
      assert.equal((await server.call(`jobs_u/completed/get/${id}`)).status, 404)
      const cancelled = await server.call(`jobs_u/queue/cancel/${id}`, { body: { reason: 'not needed' } })
      assert.equal(cancelled.status, 200)
      const { result, canceled } = (await server.completed(id)) as {
        result: { error: { name: string } }
        canceled: boolean
      }
      assert.deepEqual([canceled, result.error.name], [true, 'Canceled'])
    },
  },
  {
    name: 'lists jobs newest first, by path and by outcome',
    async run(server) {
      const good = await server.start('double', { n: 1 })
      const bad = await server.start('throws', {})
      await server.completed(good)
      await server.completed(bad)
      const ids = async (query: string) => {
        const { json } = await server.call(`jobs/list?per_page=50&${query}`)
        return (json as { id: string }[]).map(({ id }) => id)
      }
      assert.ok((await ids(`script_path_exact=${server.path('double')}`)).includes(good))
      const failed = await ids('success=false')
      assert.deepEqual([failed.includes(bad), failed.includes(good)], [true, false])
      const { json } = await server.call('jobs/completed/list?per_page=2')
      const [first, second] = json as { created_at: string }[]
      assert.ok(first!.created_at >= second!.created_at)
    },
  },
  {
    name: 'ends the job when the caller of the sync route hangs up',
    async run(server) {
      const known = await server.call(`jobs/list?script_path_exact=${server.path('waits')}`)
      const before = (known.json as unknown[]).length
      const hanging = new AbortController()
      const call = server.wait('waits', {}, { signal: hanging.signal }).catch(() => undefined)
      let job: { id: string; running?: boolean } | undefined
      await server.until(async () => {
        const { json } = await server.call(`jobs/list?script_path_exact=${server.path('waits')}`)
        const jobs = json as { id: string; running?: boolean }[]
        job = jobs[0]
        return jobs.length > before && job?.running === true
      }, 'the job runs')
      hanging.abort()
      await call
      assert.equal((await server.completed(job!.id)).canceled, true)
    },
  },
  {
    name: 'ends a script that takes longer than its timeout',
    async run(server) {
      const { status, json } = await server.wait('limited')
      const { error } = json as { error: { message: string } }
      assert.ok(status >= 400)
      assert.match(error.message, /terminated due to timeout after exceeding job-specific duration limit/)
    },
  },
  {
    name: 'gives each of many calls at once its own answer',
    async run(server) {
      const numbers = Array.from({ length: 20 }, (_, n) => n)
      const replies = await Promise.all(numbers.map((n) => server.wait('double', { n })))
      assert.deepEqual(
        replies.map(({ json }) => (json as { twice: number }).twice),
        numbers.map((n) => 2 * n),
      )
    },
  },
  {
    name: 'knows previews, hashes and scripts by path',
    async run(server) {
      const { json } = await server.call(`scripts/get/p/${server.path('double')}`)
      const { hash, content } = json as { hash: string; content: string }
      const byHash = await server.call(`jobs/run/h/${hash}`, { body: { n: 2 } })
      assert.deepEqual((await server.completed(byHash.text)).result, { twice: 4 })
      const body = { content, language: 'bun', args: { n: 3 }, path: server.path('preview') }
      const preview = await server.call('jobs/run/preview', { body })
      assert.deepEqual((await server.completed(preview.text)).result, { twice: 6 })
    },
  },
]
