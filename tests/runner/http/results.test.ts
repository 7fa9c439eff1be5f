import { beforeAll, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const { root } = bundleFolder({
  'f/hai/nothing.ts': 'export function main() {}',
  'f/hai/values.ts':
    'export function main() { return { big: 12345678901234567890n, gone: undefined, list: [undefined], nan: NaN } }',
  'f/hai/shaped.ts': 'export function main(shape: any) { return shape }',
  'f/hai/throws.ts': `export function main(what: string) {
    if (what === 'text') throw 'just text'
    throw Object.assign(new RangeError('too much'), { code: '54000', detail: { rows: 3n } })
  }`,
  'f/hai/circle.ts': 'export function main() { const a: any = {}; a.a = a; return a }',
  'f/hai/library.ts': 'export const answer = 42',
  'f/hai/rest.ts': 'export function main(...all: string[]) { return all }',
  'f/hai/broken.ts': 'export function main( {',
  'f/hai/importing.ts':
    "import { answer } from './library.ts'\nexport async function main() { return answer }",
})

let stack: TestStack
const WAIT = '/api/w/hai/jobs/run_wait_result/p/f/hai/'
const JSON_TYPE = { 'content-type': 'application/json' }

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

it('answers with the bare result as JSON', async () => {
  expect(await stack.call('f/hai/nothing')).toEqual({ status: 200, body: null })
  const { body } = await stack.call('f/hai/values')
  expect(body).toEqual({ big: '12345678901234567890', gone: null, list: [null], nan: null })
})

it('answers 422 with the error of a script that threw', async () => {
  const { status, body } = await stack.call('f/hai/throws', { what: 'error' })
  expect(status).toBe(422)
  const error = { name: 'RangeError', message: 'too much', stack: expect.stringContaining('throws.ts') }
  expect(body).toEqual({ error: { ...error, extra: { code: '54000', detail: { rows: '3' } } } })
  expect(await stack.call('f/hai/throws', { what: 'text' })).toEqual({
    status: 422,
    body: { error: { name: 'Error', message: 'just text' } },
  })
  expect((await stack.call('f/hai/circle')).body).toMatchObject({ error: { name: 'TypeError' } })
})

it('says what is wrong with a script that has no readable main', async () => {
  const message = async (script: string) => {
    const { status, body } = await stack.call<{ error: { message: string } }>(`f/hai/${script}`)
    return [status, body.error.message]
  }
  expect(await message('library')).toEqual([422, 'main function is missing'])
  expect(await message('rest')).toEqual([422, expect.stringContaining('signature of main in f/hai/rest')])
  expect(await message('broken')).toEqual([422, expect.stringContaining('f/hai/broken')])
  expect((await stack.call('f/hai/importing')).body).toBe(42)
})

it.each([
  [
    { windmill_status_code: 409, result: { error: { code: 'conflict' } } },
    409,
    '{"error":{"code":"conflict"}}',
  ],
  [{ windmill_status_code: 204 }, 204, ''],
  [{ windmill_headers: { 'x-a': 'b' }, result: 1 }, 200, '1'],
  [{ windmill_headers: { 'x-a': 'b' } }, 204, ''],
  [{ windmill_content_type: 'text/csv', result: 'a,b' }, 200, 'a,b'],
  [{ windmill_content_type: 'text/csv', result: ['a'] }, 200, '["a"]'],
  [{ windmill_status_code: 'teapot', result: 1 }, 500, 'Invalid status code: "teapot"'],
  [{ windmill_headers: { 'bad name': 'b' }, result: 1 }, 500, expect.stringContaining('Invalid headers')],
  [{ wm_failure: 'no', windmill_status_code: 400, result: { error: 1 } }, 400, '{"error":1}'],
  [{ wm_failure: ['no'], a: 1 }, 200, '{"wm_failure":["no"],"a":1}'],
  [
    { wm_failure: 'no', a: 1 },
    422,
    '{"wm_failure":"no","a":1,"error":{"name":"ManualFailure","message":"no"}}',
  ],
])('shapes the response as the result %j asks', async (shape, status, body) => {
  const response = await stack.request(`${WAIT}shaped`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ shape }),
  })
  expect([response.status, await response.text()]).toEqual([status, body])
  if ('windmill_headers' in shape && status < 300) expect(response.headers.get('x-a')).toBe('b')
  if ('windmill_content_type' in shape) expect(response.headers.get('content-type')).toBe('text/csv')
})
