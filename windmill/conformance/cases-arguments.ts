import assert from 'node:assert/strict'
import type { Case } from './case.ts'

/** How a call becomes arguments. */
export const ARGUMENT_CASES: Case[] = [
  {
    name: 'spreads arguments by name, drops unknown ones, keeps defaults and makes dates',
    async run(server) {
      const { json } = await server.wait('echo', { zzz: 1, when: '2026-11-22T07:00:00Z', a: [1] })
      assert.deepEqual(json, { a: [1], b: 'default', date: true })
    },
  },
  {
    name: 'wraps a body that is no object, and any body on demand',
    async run(server) {
      const { json } = await server.wait('shaped', { shape: 1 }, { query: '?wrap_body=true' })
      assert.equal(json, null)
      const list = await server.wait('nothing', [1, 2])
      assert.equal(list.status, 200)
    },
  },
  {
    name: 'takes forms, and refuses broken JSON',
    async run(server) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const form = await server.wait('echo', 'a=x&b=y', { headers })
      assert.deepEqual(form.json, { a: 'x', b: 'y', date: false })
      assert.equal((await server.wait('echo', '{"a":')).status, 400)
    },
  },
  {
    name: 'adds the query parameters and headers that the query names',
    async run(server) {
      const query = '?include_query=a&a=from-query&include_header=b'
      const { json } = await server.wait('echo', {}, { query, headers: { b: 'from-header' } })
      assert.deepEqual(json, { a: 'from-query', b: 'from-header', date: false })
    },
  },
  {
    name: 'takes the payload of a GET',
    async run(server) {
      const payload = encodeURIComponent(Buffer.from('{"n":4}').toString('base64'))
      const path = `jobs/run_wait_result/p/${server.path('double')}?payload=${payload}`
      assert.deepEqual((await server.call(path)).json, { twice: 8 })
    },
  },
  {
    name: 'accepts a path whose slashes are encoded',
    async run(server) {
      const path = encodeURIComponent(server.path('double'))
      const { json } = await server.call(`jobs/run_wait_result/p/${path}`, { body: { n: 1 } })
      assert.deepEqual(json, { twice: 2 })
    },
  },
  {
    name: 'runs the preprocessor of a script for a webhook, and skips it on demand',
    async run(server) {
      const { json } = await server.wait('prepared', { seen: 'direct' }, { query: '?include_query=a&a=b' })
      const seen = json as { kind: string; body: unknown; query: { a: string } }
      assert.deepEqual([seen.kind, seen.body, seen.query.a], ['webhook', { seen: 'direct' }, 'b'])
      const skipped = await server.wait('prepared', { seen: 'direct' }, { query: '?skip_preprocessor=true' })
      assert.equal(skipped.json, 'direct')
    },
  },
  {
    name: 'resolves references to variables and resources in arguments',
    async run(server) {
      const path = server.path('variable')
      const variable = { path, value: 'kept', is_secret: true, description: '' }
      assert.equal((await server.call('variables/create', { body: variable })).status, 201)
      server.cleanUp(() => server.call(`variables/delete/${path}`, { method: 'DELETE' }))
      const reference = `$var:${path}`
      const nested = { a: reference, b: [reference, [[reference]]], c: '$WM_USERNAME', d: `$${reference}` }
      const { json } = await server.wait('echo', { a: nested, b: JSON.stringify(nested) })
      assert.deepEqual(json, {
        a: { a: 'kept', b: ['kept', [[reference]]], c: server.username, d: `$${reference}` },
        b: JSON.stringify(nested),
        date: false,
      })
      assert.equal(
        ((await server.wait('echo', { a: '$WM_USERNAME' })).json as { a: string }).a,
        '$WM_USERNAME',
      )
    },
  },
  {
    name: 'ends a job whose argument refers to nothing, and says to what',
    async run(server) {
      const { status, text } = await server.wait('echo', { a: { content: `$var:${server.path('none')}` } })
      assert.equal(status, 422)
      assert.match(text, new RegExp(`Variable ${server.path('none')} not found for .{1,4}content`))
    },
  },
]
