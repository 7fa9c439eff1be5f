import assert from 'node:assert/strict'
import type { Case } from '../server.ts'

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
      for (const query of ['', '?wrap_body=true']) {
        const list = await server.wait('sent', [1, 2], { query })
        assert.deepEqual(list.json, { body: [1, 2], raw_string: null })
      }
      const blank = await server.wait('sent', ' {"n":1}')
      assert.deepEqual(blank.json, { body: { n: 1 }, raw_string: null })
    },
  },
  {
    name: 'hands a body of no known type on as its text, and in base64 what is none',
    async run(server) {
      for (const type of ['text/csv', 'application/octet-stream', 'text/plain']) {
        const headers = { 'content-type': type }
        const { json } = await server.wait('sent', 'a,b', { headers })
        assert.deepEqual(json, { body: null, raw_string: 'a,b' }, type)
        const wrapped = await server.wait('sent', 'a,b', { headers, query: '?wrap_body=true' })
        assert.deepEqual(wrapped.json, { body: {}, raw_string: 'a,b' }, type)
        const event = await server.wait('prepared', 'a,b', { headers })
        assert.equal((event.json as { raw: string }).raw, 'a,b')
      }
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
      const none = await server.wait('echo', { a: 1 }, { query: '?include_query=b&include_header=b' })
      assert.deepEqual(none.json, { a: 1, b: 'default', date: false })
      const twice = await server.wait('echo', {}, { query: '?include_query=a&a=1&a=2' })
      assert.equal((twice.json as { a: string }).a, '2')
    },
  },
  {
    name: 'takes the payload of a GET, and breaks at none that says JSON and brings none',
    async run(server) {
      const payload = encodeURIComponent(Buffer.from('{"n":4}').toString('base64'))
      const path = `jobs/run_wait_result/p/${server.path('double')}?payload=${payload}`
      assert.deepEqual((await server.call(path)).json, { twice: 8 })
      const headers = { 'content-type': 'application/json' }
      // refused by releases before August 2026
      assert.ok([200, 400].includes((await server.call(path, { headers })).status))
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
      const { json } = await server.wait(
        'prepared',
        { seen: 'direct' },
        {
          query: '?a=b',
          headers: { 'x-one': 'c' },
        },
      )
      const { kind, body, query, header, raw } = json as Record<string, unknown>
      assert.deepEqual(
        [kind, body, (query as { a: string }).a, header, raw],
        ['webhook', { seen: 'direct' }, 'b', 'c', null],
      )
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
    name: 'hands a token of the caller’s own user to whoever names it beside a reference',
    async run(server) {
      const path = server.path('beside')
      const variable = { path, value: 'kept', is_secret: false, description: '' }
      assert.equal((await server.call('variables/create', { body: variable })).status, 201)
      server.cleanUp(() => server.call(`variables/delete/${path}`, { method: 'DELETE' }))
      const a = { opens: `$var:${path}`, token: '$WM_TOKEN' }
      assert.equal((await server.wait('asks', { a })).json, server.username)
      assert.equal((await server.wait('asks', { a: { token: '$WM_TOKEN' } })).json, 401)
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
