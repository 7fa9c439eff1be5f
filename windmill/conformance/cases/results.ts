import assert from 'node:assert/strict'
import type { Case, Server } from '../server.ts'

/** Status and value: a server writes JSON with blanks. */
async function shaped(server: Server, shape: object): Promise<[number, unknown]> {
  const { status, text, json } = await server.wait('shaped', { shape })
  return [status, text === '' ? text : json]
}

/** What becomes of what a script returns or throws. */
export const RESULT_CASES: Case[] = [
  {
    name: 'answers a sync call with the bare result as JSON',
    async run(server) {
      const nothing = await server.wait('nothing')
      assert.deepEqual([nothing.status, nothing.json], [200, null])
      assert.match(nothing.headers.get('content-type') ?? '', /^application\/json/)
      const { json } = await server.wait('values')
      assert.deepEqual(json, { big: '12345678901234567890', gone: null, list: [null] })
    },
  },
  {
    name: 'answers a sync call of a script that threw with an error status and the error',
    async run(server) {
      const { status, json } = await server.wait('throws', { what: 'error' })
      const { error } = json as { error: Record<string, unknown> }
      assert.ok(status >= 400, `status ${status}`)
      assert.deepEqual(
        [error.name, error.message, error.extra],
        ['RangeError', 'too much', { code: '54000', cause: 'a cause' }],
      )
    },
  },
  {
    name: 'says what is wrong with a script that has no main',
    async run(server) {
      const { status, text } = await server.wait('library')
      assert.ok(status >= 400)
      assert.match(text, /main/)
    },
  },
  {
    name: 'shapes the response as the result asks: status, headers, content type',
    async run(server) {
      assert.deepEqual(await shaped(server, { windmill_status_code: 409, result: { a: 1 } }), [409, { a: 1 }])
      assert.deepEqual(await shaped(server, { windmill_status_code: 204 }), [204, ''])
      const csv = await server.wait('shaped', { shape: { windmill_content_type: 'text/csv', result: 'a,b' } })
      assert.deepEqual([csv.status, csv.text], [200, 'a,b'])
      assert.match(csv.headers.get('content-type') ?? '', /^text\/csv/)
      const withHeader = { windmill_headers: { 'x-told': 'yes' }, result: 1 }
      assert.equal((await server.wait('shaped', { shape: withHeader })).headers.get('x-told'), 'yes')
    },
  },
  {
    name: 'marks a script that returns wm_failure as failed, its answer shaped on the sync route only',
    since: '1.699.0',
    async run(server) {
      const shape = {
        wm_failure: 'no such todo',
        windmill_status_code: 404,
        result: { error: { code: 'not_found' } },
      }
      assert.deepEqual(await shaped(server, shape), [404, { error: { code: 'not_found' } }])
      const job = await server.completed(await server.start('shaped', { shape }))
      assert.equal(job.success, false)
      const result = job.result as { error: object; result: object; wm_failure: string }
      assert.equal(result.wm_failure, 'no such todo')
      assert.deepEqual(result.error, { name: 'ManualFailure', message: 'no such todo' })
      assert.deepEqual(result.result, { error: { code: 'not_found' } })
    },
  },
  {
    name: 'takes a wm_failure that is no text for a field like any other',
    since: '1.699.0',
    async run(server) {
      const shape = { wm_failure: { no: 'text' } }
      assert.deepEqual(await shaped(server, shape), [200, shape])
    },
  },
  {
    name: 'gives the same results through get_result and get_result_maybe',
    async run(server) {
      const id = await server.start('double', { n: 21 })
      await server.completed(id)
      assert.deepEqual((await server.call(`jobs_u/completed/get_result/${id}`)).json, { twice: 42 })
      const maybe = (await server.call(`jobs_u/completed/get_result_maybe/${id}`)).json as Record<
        string,
        unknown
      >
      assert.deepEqual([maybe.completed, maybe.success, maybe.result], [true, true, { twice: 42 }])
    },
  },
]
