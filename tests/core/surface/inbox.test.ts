import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { receive } from '../../../f/hai/core/surface/inbox.ts'
import { WORKER } from '../../../f/hai/core/task/wake.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEnvelope, aTaker, clear, FOR_A_MODEL, rowOf } from '../../support/factories.ts'

const db = testDatabase()
let windmill: Server
let asked: { url: URL; token: string | undefined; committed: number }[]

// what core needs of Windmill's API, with a look at the database at the moment of each call
beforeEach(async () => {
  await clear(db.sql)
  asked = []
  windmill = createServer(async (request, response) => {
    const [row] = await db.sql<{ n: number }[]>`select count(*)::int as n from hai.task_queue`
    const url = new URL(request.url!, 'http://localhost')
    asked.push({ url, token: request.headers.authorization, committed: row!.n })
    response.writeHead(201).end(url.searchParams.get('job_id') ?? '')
  }).listen(0, '127.0.0.1')
  await vi.waitUntil(() => windmill.listening)
  vi.stubEnv('BASE_URL', `http://127.0.0.1:${(windmill.address() as AddressInfo).port}`)
  vi.stubEnv('WM_WORKSPACE', 'test')
  vi.stubEnv('WM_TOKEN', 'a-token')
})
afterEach(() => {
  vi.unstubAllEnvs()
  windmill.close()
})

describe('receive', () => {
  it('commits, calls a worker with the caller’s token, and names its job', async () => {
    const accepted = await receive(db.sql, anEnvelope(FOR_A_MODEL), aCaller(), aTaker())
    expect(accepted).toMatchObject({ status: 'accepted', job_id: expect.any(String) })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ token: 'Bearer a-token', committed: 1 })
    expect(asked[0]!.url.pathname).toBe(`/api/w/test/jobs/run/p/${WORKER}`)
    expect(asked[0]!.url.searchParams.get('job_id')).toBe((accepted as { job_id: string }).job_id)
  })

  it('takes the requester from who is calling, never from the body', async () => {
    const accepted = await receive(db.sql, anEnvelope({ user: 'operator' }), aCaller('guest'), aTaker())
    const [row] = await db.sql`select requester, on_behalf_of from hai.task_queue`
    expect(row).toEqual({ requester: 'guest', on_behalf_of: 'operator' })
    expect(accepted).toMatchObject({ status: 'accepted' })
    await expect(
      receive(db.sql, anEnvelope({ requester: 'operator' }), aCaller('guest'), aTaker()),
    ).rejects.toThrow('unknown field requester')
  })

  it('gives a result each for a list, and calls once for each free slot and no more', async () => {
    const many = Array.from({ length: 50 }, (_, n) => anEnvelope({ content: `task ${n}` }))
    const accepted = await receive(db.sql, many, aCaller(), aTaker())
    expect(accepted).toHaveLength(50)
    expect(asked).toHaveLength(4)
    expect(new Set(asked.map((one) => one.committed))).toEqual(new Set([50]))
  })

  it('stands by its acceptance when no worker can be called, and shows no token', async () => {
    vi.stubEnv('BASE_URL', 'http://127.0.0.1:1')
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const accepted = await receive(db.sql, anEnvelope(FOR_A_MODEL), aCaller(), aTaker())
    expect(accepted).toEqual({
      task_id: expect.any(String),
      status: 'accepted',
      conversation_id: expect.any(String),
    })
    expect(await rowOf(db.sql, (accepted as { task_id: string }).task_id)).toMatchObject({ state: 'pending' })
    expect(told.mock.calls.flat().join()).not.toContain('a-token')
    told.mockRestore()
  })

  it('calls nobody for what it refused', async () => {
    await expect(receive(db.sql, anEnvelope({ content: '' }), aCaller(), aTaker())).rejects.toThrow('content')
    expect(asked).toEqual([])
  })

  it.each([[undefined], [null], ['text'], [[]], [7]])('refuses %j, which is no envelope', async (body) => {
    await expect(receive(db.sql, body, aCaller(), aTaker())).rejects.toMatchObject({ code: 'invalid' })
  })
})
