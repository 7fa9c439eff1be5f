import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Webhook } from '../../cli/call/webhook.ts'
import { isLeaseLost } from '../../f/hai/core/task/lease.ts'
import type { ClaimedTask } from '../../f/hai/core/task/shape.ts'
import { Doors } from '../../worker/doors.ts'
import { RemoteTask } from '../../worker/remote-task.ts'
import { type CannedServer, cannedServer, type Reply, refusal } from '../cli/canned-server.ts'

const DONE = { output: 'It is well.', agent: 'general', route: 'claude-code/default' }
const CALL = { call_id: 't:1', backend: 'claude-code', model: 'default', billing: 'subscription' } as const
const TOKENS = { input: 1, output: 2, cache_read: null, cache_write: null, reasoning: null }
const OUTAGE = refusal(503, 'unavailable', 'the database restarts', { retry_after_seconds: 0 })
const KILLED: Reply = {
  status: 422,
  body: { error: { name: 'ExecutionErr', message: 'the script ended early' } },
}

let server: CannedServer
let webhook: Webhook
let said: string[]
let draining: AbortController
let release: AbortController
beforeEach(async () => {
  server = await cannedServer()
  const { endpoint, workspace, token } = server
  webhook = new Webhook(
    { name: 'test', local: false, endpoint, workspace, token, token_from: 'test' },
    () => {},
  )
  said = []
  draining = new AbortController()
  release = new AbortController()
})
afterEach(async () => {
  webhook.close()
  await server.close()
})

function aTask(): RemoteTask {
  const doors = new Doors(webhook, (line) => said.push(line))
  const task = { id: 'task-1', lease_no: 3 } as ClaimedTask
  return new RemoteTask(doors, task, [], { draining: draining.signal, release: release.signal })
}

const lost = (state: string, lease_no: number) =>
  refusal(409, 'conflict', 'task-1 is no longer leased', { lease_lost: true, state, lease_no })

/** First those replies, one a call, then the last one for ever. */
const inTurn =
  (...replies: Reply[]) =>
  (_: unknown, call: number) =>
    replies[Math.min(call, replies.length) - 1]!

describe('a task in the hands of a worker elsewhere', () => {
  it.each([
    ['hangs up more often than a command would try', Array<Reply>(8).fill('hang up')],
    ['has no database for a while', Array<Reply>(5).fill(OUTAGE)],
    ['kills a door in the middle', [KILLED]],
  ])('tells what was paid for until it is heard, by a server that %s', async (_, replies) => {
    server.doors['worker/step'] = inTurn(...replies, { result: { state: 'finished' } })
    await aTask().finishStep({ call_id: 't:1', response: 'text' }, CALL, { tokens: TOKENS, ms: 5 })
    const { args } = server.callsOf('worker/step').at(-1)!
    expect(args).toMatchObject({ id: 'task-1', lease_no: 3, state: 'finished', response: 'text' })
    expect(args.usage).toEqual({ ...CALL, tokens: TOKENS, ms: 5, usd: null })
    expect(said).toEqual([expect.stringMatching(/trying again until it answers$/), 'the server is back'])
  })

  it('knows its own answer again when the first try stored it and only the reply was lost', async () => {
    server.doors['worker/complete'] = inTurn('hang up', lost('done', 3))
    const task = aTask()
    await task.complete(DONE)
    expect(task.outcome).toBe('done')
  })

  it.each([
    ['another holder answered', lost('done', 4)],
    ['it was cancelled', lost('cancelled', 3)],
  ])('rejects with the lost lease when %s', async (_, reply) => {
    server.doors['worker/complete'] = () => reply
    const task = aTask()
    await expect(task.complete(DONE)).rejects.toSatisfy(isLeaseLost)
    expect(task.lost.aborted).toBe(true)
  })

  it('lets go at the first piece of text that is told too late', async () => {
    server.doors['worker/event'] = () => lost('cancelled', 3)
    const task = aTask()
    await task.note('delta', 'It is ', { at: 0 })
    expect(task.lost.reason).toSatisfy(isLeaseLost)
  })

  it('is given back and has not failed when what it asked ended with its worker', async () => {
    server.doors['worker/release'] = () => ({ result: { state: 'pending' } })
    draining.abort()
    const task = aTask()
    await task.fail({ code: 'cut', message: 'claude ended', retryable: true })
    expect(task.outcome).toBe('given back')
    expect(server.callsOf('worker/fail')).toEqual([])
  })

  it('stops telling a server that is gone when its worker has to go', async () => {
    release.abort()
    server.doors['worker/release'] = () => OUTAGE
    await expect(aTask().release('its worker was told to stop')).rejects.toThrow('the database restarts')
  })
})
