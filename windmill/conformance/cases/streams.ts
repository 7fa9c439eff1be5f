import assert from 'node:assert/strict'
import { type Case, needRoute } from '../case.ts'

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
