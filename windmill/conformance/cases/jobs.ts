import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type Case, needRoute } from '../server.ts'

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

interface Update {
  type: string
  new_logs?: string
  new_result_stream?: string
  log_offset?: number
  completed?: boolean
  only_result?: unknown
}

/** The updates of an event stream that was read to its end. */
function updatesIn(text: string): Update[] {
  return text
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: '))
    .map((frame) => JSON.parse(frame.slice('data: '.length)) as Update)
}

/** Logs and results while a job runs. */
export const STREAM_CASES: Case[] = [
  {
    name: 'tells by getupdate what is new since an offset',
    async run(server) {
      const id = await server.start('prints')
      await server.completed(id)
      const { json } = await server.call(`jobs_u/getupdate/${id}?running=false&log_offset=0`)
      const { completed, new_logs: logs = '', log_offset: offset = 0 } = json as Update
      assert.equal(completed, true)
      assert.match(logs, /line 1[\s\S]*line 2[\s\S]*line 3/)
      const rest = (await server.call(`jobs_u/getupdate/${id}?running=false&log_offset=${offset}`))
        .json as Update
      assert.equal(rest.new_logs ?? '', '')
      assert.match((await server.call(`jobs_u/get_logs/${id}`)).text, /line 3/)
    },
  },
  {
    name: 'streams a job’s updates as events, the last one with the job',
    async run(server) {
      const id = await server.start('prints')
      const { status, headers, text } = await server.call(
        `jobs_u/getupdate_sse/${id}?running=false&log_offset=0`,
      )
      needRoute(status, 'getupdate_sse')
      assert.equal(status, 200)
      assert.match(headers.get('content-type') ?? '', /^text\/event-stream/)
      const updates = updatesIn(text).filter(({ type }) => type === 'update')
      assert.equal(updates.at(-1)?.completed, true)
      assert.match(updates.map((update) => update.new_logs ?? '').join(''), /line 1[\s\S]*line 3/)
    },
  },
  {
    name: 'streams what a script streams, and makes its result of it',
    async run(server) {
      const id = await server.start('streams')
      const { status, text } = await server.call(`jobs_u/getupdate_sse/${id}?only_result=true`)
      needRoute(status, 'getupdate_sse')
      const updates = updatesIn(text)
      const streamed = updates.map((update) => update.new_result_stream ?? '').join('')
      assert.equal(streamed, 'part 1\npart 2\npart 3\n')
      assert.equal((await server.completed(id)).result, streamed)
    },
  },
  {
    name: 'runs and streams in one call',
    async run(server) {
      const path = `jobs/run_and_stream/p/${server.path('double')}`
      const { status, text } = await server.call(path, { body: { n: 5 } })
      needRoute(status, 'run_and_stream')
      assert.equal(status, 200)
      assert.deepEqual(updatesIn(text).at(-1)?.only_result, { twice: 10 })
    },
  },
]
