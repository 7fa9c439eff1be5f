import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'
import { eventsOf, follow, gather, type UpdateEvent, until } from '../event-stream.ts'

const { root } = bundleFolder({
  'f/hai/yields.ts': 'export async function* main(chunks: string[]) { yield* chunks }',
  'f/hai/nothing.ts': 'export function main() {}',
  // Goes on when the test writes the next file.
  'f/hai/steps.ts': `import { existsSync } from 'node:fs'
export async function main(folder: string, steps: number) {
  for (let n = 0; n < steps; n++) {
    while (!existsSync(folder + '/' + n)) await new Promise((r) => setTimeout(r, 2))
    console.log('WM_STREAM: step ' + n + '; ')
    console.log('log ' + n)
  }
  return 'done'
}`,
  'f/hai/chatter.ts': `export async function main(lines: number) {
  for (let n = 0; n < lines; n++) {
    process.stdout.write('WM_STREAM: ' + n + ' 😀 €\\\\n\\nlog ' + n + ' ü\\n')
    if (n % 3 === 0) await new Promise((r) => setTimeout(r, n % 7))
  }
}`,
  'f/hai/much.ts': `export async function* main(mb: number) {
  for (let n = 0; n < mb * 1024; n++) yield String(n % 10).repeat(1024)
}`,
})

let stack: TestStack
let folders = 0
const gates = mkdtempSync(join(tmpdir(), 'hai-steps-'))
let listener: AsyncGenerator<UpdateEvent>

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
  const quiet = await submit('f/hai/nothing', {}, '?scheduled_in_secs=3600')
  // Opened first and read last, as its ping takes 10 seconds.
  listener = eventsOf(await stack.request(`/api/w/hai/jobs_u/getupdate_sse/${quiet}`))
})

afterAll(() => rmSync(gates, { recursive: true }))

async function submit(script: string, args: object = {}, query = ''): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const path = `/api/w/hai/jobs/run/p/${script}${query}`
  const response = await stack.request(path, { method: 'POST', headers, body: JSON.stringify(args) })
  expect(response.status).toBe(201)
  return response.text()
}

/** A job that waits before each step until it is let go on. */
async function steps(count: number): Promise<{ id: string; go: (step: number) => void }> {
  const folder = join(gates, String(folders++))
  mkdirSync(folder)
  const id = await submit('f/hai/steps', { folder, steps: count })
  return { id, go: (step) => writeFileSync(join(folder, String(step)), '') }
}

const chatter = (lines: number) => ({
  stream: Array.from({ length: lines }, (_, n) => `${n} 😀 €\n`).join(''),
  logs: Array.from({ length: lines }, (_, n) => `log ${n} ü\n`).join(''),
})

it('sends what is new while the script runs, and ends with the job', async () => {
  const { id, go } = await steps(2)
  const events = follow(stack, id)
  expect(await until(events, ({ running }) => running)).toMatchObject({ completed: false })
  go(0)
  expect(await until(events, (event) => event.new_result_stream)).toMatchObject({
    running: true,
    new_result_stream: 'step 0; ',
    stream_offset: 8,
  })
  go(1)
  const { stream, last } = await gather(events)
  expect([stream, last?.job?.result]).toEqual(['step 1; ', 'done'])
})

it('leaves out what the query leaves out', async () => {
  const { id, go } = await steps(1)
  go(0)
  const result = await gather(follow(stack, id, 'only_result=true'))
  expect(result).toMatchObject({ logs: '', stream: 'step 0; ', last: { only_result: 'done' } })
  expect(result.last).not.toHaveProperty('job')
  expect(result.last).not.toHaveProperty('log_offset')
  const quiet = await gather(follow(stack, id, 'no_logs=true&running=true&fast=true&get_progress=true'))
  expect(quiet).toMatchObject({ logs: '', stream: 'step 0; ', count: 1, last: { completed: true } })
  expect(quiet.last?.job).not.toHaveProperty('logs')
})

it('can be cut and taken up at the offsets: nothing is lost, nothing repeated', async () => {
  const id = await submit('f/hai/chatter', { lines: 1_200 })
  const seen = { stream: '', logs: '' }
  let at = { stream_offset: 0, log_offset: 0 }
  let connections = 0
  for (let completed = false; !completed; connections++) {
    let events = 0
    for await (const event of follow(stack, id, new URLSearchParams(at as never).toString())) {
      seen.stream += event.new_result_stream ?? ''
      seen.logs += event.new_logs ?? ''
      at = { stream_offset: event.stream_offset!, log_offset: event.log_offset! }
      completed = event.completed === true
      if (++events > connections % 2) break
    }
  }
  expect(connections).toBeGreaterThan(3)
  expect(seen).toEqual(chatter(1_200))
})

it('never ends the job when the client hangs up', async () => {
  const { id, go } = await steps(1)
  const events = follow(stack, id)
  await until(events, ({ running }) => running)
  await events.return(undefined)
  go(0)
  expect((await gather(follow(stack, id, 'only_result=true'))).last?.only_result).toBe('done')
})

it('can be opened before the job has a process, and on one that is completed', async () => {
  const id = await submit('f/hai/yields', { chunks: ['late'] }, '?scheduled_in_secs=2')
  const events = follow(stack, id)
  expect((await events.next()).value).toMatchObject({ running: false, completed: false, stream_offset: 0 })
  expect((await gather(events)).stream).toBe('late')
  expect(await gather(follow(stack, id))).toMatchObject({ stream: 'late', count: 1 })
})

it('ends when the job is cancelled', async () => {
  const { id } = await steps(1)
  const events = follow(stack, id, 'only_result=true')
  await until(events, ({ running }) => running)
  await stack.request(`/api/w/hai/jobs_u/queue/cancel/${id}`, { method: 'POST', body: '{}' })
  expect((await gather(events)).last?.only_result).toMatchObject({
    error: { message: expect.stringContaining('terminated due to cancelled by operator') },
  })
})

it('serves hundreds of clients', async () => {
  const { id, go } = await steps(30)
  const clients = Array.from({ length: 300 }, () => follow(stack, id, 'no_logs=true'))
  await Promise.all(clients.map((events) => until(events, ({ running }) => running)))
  const gathered = Promise.all(clients.map(gather))
  for (let n = 0; n < 30; n++) go(n)
  const stream = Array.from({ length: 30 }, (_, n) => `step ${n}; `).join('')
  expect(new Set((await gathered).map((all) => all.stream))).toEqual(new Set([stream]))
})

it('waits for a client that reads slowly, and keeps everything for it', async () => {
  const id = await submit('f/hai/much', { mb: 6 })
  const path = `/api/w/hai/jobs_u/getupdate_sse/${id}?no_logs=true&only_result=true`
  const headers = { authorization: `Bearer ${stack.token}` }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest(`${stack.endpoint}${path}`, { headers }, resolve).on('error', reject).end()
  })
  // It reads nothing before the job is over.
  const { stream } = await gather(follow(stack, id))
  const frames = (await textOf(response)).trimEnd().split('\n\n')
  const events = frames.map((frame) => JSON.parse(frame.slice('data: '.length)) as UpdateEvent)
  expect(stream).toHaveLength(6 * 1024 * 1024)
  expect(events.map((event) => event.new_result_stream ?? '').join('') === stream).toBe(true)
  expect(events.at(-1)?.only_result === stream).toBe(true)
})

it('says that there is no such job, and what is wrong with the query', async () => {
  expect(await gather(follow(stack, 'none'))).toMatchObject({ count: 1, last: { type: 'notfound' } })
  const id = await submit('f/hai/nothing')
  const refused = await stack.request(`/api/w/hai/jobs_u/getupdate_sse/${id}?stream_offset=-1`)
  expect([refused.status, await refused.text()]).toEqual([
    400,
    expect.stringContaining('stream_offset is "-1"; expected a number of characters'),
  ])
})

it('takes the token from the header alone, and needs one', async () => {
  const id = await submit('f/hai/nothing')
  const none = { headers: { authorization: '' } }
  const path = `/api/w/hai/jobs_u/getupdate_sse/${id}?only_result=true`
  expect((await stack.request(path, none)).status).toBe(401)
  expect((await stack.request(`${path}&token=${stack.token}`, none)).status).toBe(401)
  const response = await stack.request(path)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect((await gather(eventsOf(response))).last).toMatchObject({ completed: true, only_result: null })
})

it('ends with an answer when the stack stops', async () => {
  const other = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
  const response = await other.request('/api/w/hai/jobs/run/p/f/hai/nothing?scheduled_in_secs=3600', {
    method: 'POST',
  })
  const events = follow(other, await response.text(), 'only_result=true')
  expect((await events.next()).value).toMatchObject({ completed: false })
  const [{ last }] = await Promise.all([gather(events), other.stop()])
  expect(last?.only_result).toMatchObject({
    error: { message: 'the script ended early: the local stack is stopping' },
  })
})

it('pings a client that has nothing to hear', async () => {
  expect((await listener.next()).value).toMatchObject({ type: 'update' })
  expect((await listener.next()).value).toEqual({ type: 'ping' })
  await listener.return(undefined)
})
