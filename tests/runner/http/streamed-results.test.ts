import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'
import { eventsOf, follow, gather } from '../event-stream.ts'

const { root } = bundleFolder({
  'f/other/client.ts': `import { appendToResultStream, streamResult } from 'windmill-client'
export async function main(result: any) {
  console.log('before')
  appendToResultStream('one\\ntwo €')
  await streamResult((async function* () { yield ' 😀'; yield '\\n' })())
  console.log('after')
  return result
}`,
  'f/hai/yields.ts': `export async function* main(chunks: any[], fails?: boolean) {
  for (const chunk of chunks) yield chunk
  if (fails) throw new Error('the model hung up')
}`,
})

let stack: TestStack

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

function run(path: string, args: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return stack.request(`/api/w/hai/jobs/${path}`, { method: 'POST', headers, body: JSON.stringify(args) })
}

async function submit(script: string, args: object): Promise<string> {
  return (await run(`run/p/${script}`, args)).text()
}

describe('what a script streams', () => {
  it('reaches the client apart from the log when the real windmill-client prints it', async () => {
    const id = await submit('f/other/client', { result: { answer: 42 } })
    const { logs, stream, last } = await gather(follow(stack, id))
    expect({ logs, stream }).toEqual({ logs: 'before\nafter\n', stream: 'one\ntwo € 😀\n' })
    expect(last).toMatchObject({ type: 'update', running: false, completed: true, stream_offset: 12 })
    const result = { answer: 42, wm_stream: 'one\ntwo € 😀\n' }
    expect(last?.job).toMatchObject({
      type: 'CompletedJob',
      id,
      success: true,
      result,
      logs: 'before\nafter\n',
    })
  })

  it('becomes the result when there is no other, and joins only one that is an object', async () => {
    const result = async (given: unknown) => (await stack.call('f/other/client', { result: given })).body
    expect(await result(null)).toBe('one\ntwo € 😀\n')
    expect(await result({})).toEqual({ wm_stream: 'one\ntwo € 😀\n' })
    expect(await result([1])).toEqual([1])
    expect(await result({ windmill_status_code: 202, result: 1 })).toBe(1)
  })

  it('is what main yields', async () => {
    const chunks = ['a\n', 'b\\', '€', '']
    expect(await stack.call('f/hai/yields', { chunks })).toEqual({ status: 200, body: 'a\nb\\€' })
    expect((await stack.call('f/hai/yields', { chunks: [] })).body).toBe(null)
    const { body } = await stack.call('f/hai/yields', { chunks: ['a', 7] })
    expect(body).toMatchObject({ error: { message: 'main yielded a number; a stream is of strings' } })
  })

  it('stays readable when the script fails, and is no result then', async () => {
    const id = await submit('f/hai/yields', { chunks: ['half an', ' answer'], fails: true })
    const { stream, last } = await gather(follow(stack, id, 'only_result=true'))
    expect(stream).toBe('half an answer')
    expect(last?.only_result).toMatchObject({ error: { message: 'the model hung up' } })
    expect(last?.only_result).not.toHaveProperty('wm_stream')
  })
})

describe('getupdate', () => {
  it('gives the stream and the log from the offsets on, in characters', async () => {
    const id = await submit('f/other/client', {})
    await gather(follow(stack, id))
    const update = async (query: string) => {
      return (await stack.request(`/api/w/hai/jobs_u/getupdate/${id}?${query}`)).json()
    }
    const ended = { running: false, completed: true }
    expect(await update('stream_offset=10&log_offset=7')).toEqual({
      ...ended,
      new_result_stream: '😀\n',
      stream_offset: 12,
      new_logs: 'after\n',
      log_offset: 13,
    })
    expect(await update('stream_offset=11&no_logs=true')).toEqual({
      ...ended,
      new_result_stream: '\n',
      stream_offset: 12,
    })
    expect(await update('stream_offset=12&log_offset=99')).toEqual({
      ...ended,
      stream_offset: 12,
      log_offset: 13,
    })
  })
})

describe('run_and_stream', () => {
  it('runs a script and answers with its stream and result', async () => {
    const response = await run('run_and_stream/p/f/hai/yields', { chunks: ['a', 'b'] })
    const { stream, last } = await gather(eventsOf(response))
    expect([stream, last?.only_result]).toEqual(['ab', 'ab'])
  })
})
