import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Api } from '../../../runner/http/context.ts'
import { streamUpdates } from '../../../runner/http/updates.ts'
import { OPERATOR } from '../../../runner/identity.ts'
import { type Job, Jobs } from '../../../runner/jobs.ts'
import { eventsOf, gather, until } from '../event-stream.ts'

const MARK = '\0end of job\n'
const logged: string[] = []
const jobs = new Jobs((line) => void logged.push(line))
let server: Server

beforeAll(async () => {
  const api = new Hono<Api>().get('/:id', (call) => {
    call.set('identity', OPERATOR)
    const wanted = { logOffset: 0, streamOffset: 0, noLogs: false, onlyResult: true }
    const stack = { workspace: 'hai', called: () => {}, jobs, log: (line: string) => void logged.push(line) }
    return streamUpdates(stack, call, jobs.get(call.req.param('id'))!, wanted)
  })
  server = createAdaptorServer({ fetch: api.fetch, overrideGlobalObjects: false }) as Server
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterAll(() => server.close())

function startJob(): { job: Job; print: (text: string) => void } {
  const job = jobs.create({ path: 'f/hai/any', args: {}, identity: OPERATOR, tag: 'bun' })!
  const { stdout } = job.output.pipes(MARK)
  jobs.start(job, 'doors-1')
  return { job, print: (text) => stdout.push(Buffer.from(text)) }
}

function listen(job: Job, signal?: AbortSignal): Promise<Response> {
  const { port } = server.address() as AddressInfo
  return fetch(`http://127.0.0.1:${port}/${job.id}`, signal ? { signal } : {})
}

const complete = (job: Job) => jobs.complete(job, { success: true, shaped: false, result: '7' })

it('forgets a client as soon as it hangs up, and goes on for the others', async () => {
  const { job, print } = startJob()
  const leaving = new AbortController()
  const [, stays] = await Promise.all([listen(job, leaving.signal), listen(job)])
  expect(job.watchers.size).toBe(2)
  leaving.abort()
  await expect.poll(() => job.watchers.size).toBe(1)
  print('WM_STREAM: still here\n')
  complete(job)
  expect(job.watchers.size).toBe(0)
  expect(await gather(eventsOf(stays))).toMatchObject({ stream: 'still here', last: { only_result: 7 } })
})

it('ends for a client to whom a result can’t be sent, and for nobody else', async () => {
  const { job } = startJob()
  const answers = eventsOf(await listen(job))
  await until(answers, ({ running }) => running)
  const { job: other } = startJob()
  const others = await listen(other)
  job.output.stream.from = () => {
    throw new RangeError('Invalid string length')
  }
  complete(job)
  await job.done
  await expect(gather(answers)).rejects.toThrow()
  expect([job.watchers.size, job.success, logged.length]).toEqual([0, true, 1])
  complete(other)
  expect(await gather(eventsOf(others))).toMatchObject({ last: { only_result: 7 } })
})

it('sends the first of a burst at once and the rest of it together', async () => {
  const { job, print } = startJob()
  const events = eventsOf(await listen(job))
  await until(events, ({ running }) => running)
  for (let n = 0; n < 100; n++) print(`WM_STREAM: ${n},\n`)
  let stream = ''
  let updates = 0
  while (!stream.endsWith('99,')) {
    const { new_result_stream } = await until(events, (event) => event.new_result_stream)
    stream += new_result_stream
    updates++
  }
  expect(stream).toBe(Array.from({ length: 100 }, (_, n) => `${n},`).join(''))
  expect(updates).toBeLessThan(10)
  complete(job)
})

it('sends nothing to a client that wants only the result when just the log grew', async () => {
  const { job, print } = startJob()
  const response = await listen(job)
  for (let n = 0; n < 100; n++) print('a line of the log\n')
  complete(job)
  expect(await gather(eventsOf(response))).toMatchObject({ count: 2, logs: '' })
})

it('loses nothing that is printed in the moment the job is completed', async () => {
  const { job, print } = startJob()
  const response = await listen(job)
  print('WM_STREAM: one\n')
  print('WM_STREAM: two\n')
  complete(job)
  expect(await gather(eventsOf(response))).toMatchObject({ stream: 'onetwo', last: { completed: true } })
})
