import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { meantPath } from '../../serve/paths.ts'
import { foreignness, jsonIn, requestIdOf, tokenIn } from '../../serve/requests.ts'

describe('the path that a client means', () => {
  it.each([
    ['/v1/models', '/v1/models'],
    ['/v1//models', '/v1/models'],
    ['//v1/models/', '/v1/models'],
    ['/v1/chat/completions/', '/v1/chat/completions'],
    ['/v1/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/v1/v1/models/hai', '/v1/models/hai'],
    ['/chat/completions', '/v1/chat/completions'],
    ['/models', '/v1/models'],
    ['/models/hai', '/v1/models/hai'],
    ['/api/r/hai/v1/chat/completions', '/v1/chat/completions'],
    ['/api/r/hai//v1/models', '/v1/models'],
    ['/api/r/hai/chat/completions', '/v1/chat/completions'],
    ['/api/r/hai', '/'],
    ['/api/chat/', '/api/chat'],
    ['/', '/'],
    // and no other is made of it
    ['/v1beta/v1/models', '/v1beta/v1/models'],
    ['/api/r/haiku/v1/models', '/api/r/haiku/v1/models'],
    ['/v1/modelsx', '/v1/modelsx'],
    ['/modelsx', '/modelsx'],
  ])('%s is %s', (path, meant) => expect(meantPath(path)).toBe(meant))
})

describe('the token of a request', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER  abc ', 'abc'],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer a b', undefined],
    ['Basic abc', undefined],
    ['abc', undefined],
    [undefined, undefined],
  ])('%j is %j', (header, token) => expect(tokenIn(header)).toBe(token))
})

it('gives a request a name of its own where the client’s is none', () => {
  expect(requestIdOf('abc-1.2:3')).toBe('abc-1.2:3')
  for (const bad of [undefined, '', 'a b', 'a\tb', 'ä', 'x'.repeat(129)])
    expect(requestIdOf(bad)).toMatch(/^req_[0-9a-f]{32}$/)
})

const request = (body: string | Buffer, headers: Record<string, string> = {}) =>
  Object.assign(Readable.from(body === '' ? [] : [Buffer.from(body)]), {
    headers,
  }) as unknown as IncomingMessage

describe('a body', () => {
  it.each([
    [{}],
    [{ 'content-type': 'application/json' }],
    [{ 'content-type': 'Application/JSON; Charset=UTF-8' }],
    [{ 'content-type': 'application/json;charset="utf-8"' }],
    [{ 'content-type': 'text/json' }],
    [{ 'content-type': 'application/vnd.api+json' }],
    [{ 'content-type': 'application/json', 'content-encoding': 'identity' }],
  ])('is read with %j', async (headers) => {
    expect(await jsonIn(request('{"a": 1}', headers as Record<string, string>))).toEqual({ a: 1 })
  })

  it('is read behind the mark of its bytes’ order, which is no part of it', async () => {
    expect(await jsonIn(request('\ufeff{"a": "\ufeffb"}'))).toEqual({ a: '\ufeffb' })
  })

  it.each([
    [415, 'curl -d', '{}', { 'content-type': 'application/x-www-form-urlencoded' }],
    [415, 'application/json', '{}', { 'content-type': 'text/plain' }],
    [415, 'application/json', '{}', { 'content-type': 'multipart/form-data; boundary=x' }],
    [415, 'UTF-8', '{}', { 'content-type': 'application/json; charset=utf-16' }],
    [415, 'compressed', '{}', { 'content-encoding': 'gzip' }],
    [400, 'empty', '', {}],
    [400, 'empty', ' \n', {}],
    [400, 'not valid JSON', '{"secret": ', {}],
    [400, 'UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), {}],
    [400, 'levels deep', '['.repeat(201) + ']'.repeat(201), {}],
    // parsed, this would keep everybody waiting for seconds
    [400, 'levels deep', '['.repeat(8_000_000), {}],
    [400, 'levels deep', `{"model": "hai", "tools": ${'{"a": '.repeat(300)}`, {}],
    [413, 'larger than 16 MiB', `"${'x'.repeat(16 * 1024 * 1024)}"`, {}],
  ])('is refused with %i and %j', async (status, said, body, headers) => {
    const refused = jsonIn(request(body, headers as Record<string, string>))
    await expect(refused).rejects.toMatchObject({ status, message: expect.stringContaining(said) })
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('secret') })
  })
})

describe('a request of another place', () => {
  const allowed = ['https://chat.example.com']
  const here = '127.0.0.1:4425'
  it.each([
    [here, undefined],
    ['localhost:4425', undefined],
    ['[::1]:4425', undefined],
    ['LOCALHOST', undefined],
    [here, 'http://127.0.0.1:4425'],
    [here, 'https://chat.example.com'],
    // a proxy that keeps the name under which the operator's page calls
    ['chat.example.com', 'https://chat.example.com'],
    ['chat.example.com', undefined],
  ])('is none from %s of %s', (host, origin) => {
    expect(foreignness({ host, origin }, { allowed, loopback: true })).toBeUndefined()
  })

  it.each([
    ['evil.example.com:4425', undefined],
    ['127.0.0.1.evil.example.com', undefined],
    ['', undefined],
    [here, 'https://evil.example.com'],
    [here, 'https://chat.example.com.evil.example.com'],
    [here, 'http://chat.example.com'],
    [here, 'null'],
    [here, ''],
  ])('is one from %j of %j', (host, origin) => {
    expect(foreignness({ host, origin }, { allowed, loopback: true })).toMatch(/localhost|another place/)
  })

  it('may come by any name where other machines are meant to call, and of no other page', () => {
    const elsewhere = { allowed, loopback: false }
    expect(foreignness({ host: 'nas.example.com' }, elsewhere)).toBeUndefined()
    expect(
      foreignness({ host: 'nas.example.com', origin: 'https://nas.example.com' }, elsewhere),
    ).toBeUndefined()
    expect(
      foreignness({ host: 'nas.example.com', origin: 'https://evil.example.com' }, elsewhere),
    ).toBeDefined()
  })
})
