import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from '../../../f/hai/core/base/errors.ts'
import { Channels } from '../../../f/hai/core/outbox/channels.ts'
import { MAX_ATTEMPTS, type NewNotice, notify, outboxProblems } from '../../../f/hai/core/outbox/notice.ts'
import { sendNotices } from '../../../f/hai/core/outbox/send.ts'
import { testDatabase } from '../../support/database.ts'

interface Arrived {
  path: string
  headers: IncomingMessage['headers']
  body: Record<string, unknown>
}
interface Answer {
  status: number
  headers?: Record<string, string>
  body?: string
}

const TOKEN = 'tk_not_to_be_seen'
const environment = { NTFY_TOKEN: TOKEN }
const db = testDatabase()
let server: Server
let url: string
const arrived: Arrived[] = []
/** What the server answers at each path, in turn; the last for ever. Nothing: 200. */
let answers: Record<string, (Answer | Promise<Answer>)[]> = {}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = String(request.url)
    arrived.push({ path, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) })
    const left = answers[path] ?? []
    const { status, headers, body } = (await (left.length > 1 ? left.shift() : left[0])) ?? { status: 200 }
    response.writeHead(status, headers).end(body ?? '{"id":"sPs71M8A2T","event":"message"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(async () => {
  arrived.length = 0
  answers = {}
  await db.sql`delete from hai.notice`
})

/** Where nobody listens. */
async function freeAddress(): Promise<string> {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  await new Promise((resolve) => other.close(resolve))
  return `http://127.0.0.1:${port}`
}

let keys = 0
const aNotice = (fields: Partial<NewNotice> = {}) =>
  notify(db.sql, {
    kind: 'budget',
    dedup_key: `key ${++keys}`,
    title: 'cap day is 80 % full',
    text: '$24.00 of $30.00 is spent',
    priority: 'high',
    ...fields,
  })

const webhook = (path = '/hook', fields: object = {}) => ({
  kind: 'webhook',
  url: `${url}${path}`,
  ...fields,
})
const send = (channels: unknown, sql = db.sql) =>
  sendNotices(sql, parse(Channels, channels), { environment, signal: new AbortController().signal })

interface Row {
  attempts: number
  /** Seconds until it is due. */
  pause: number
  sent: boolean
  failed: boolean
  receipt: Record<string, { status: number; id?: string }> | null
  error: string | null
}
const rows = () => db.sql<Row[]>`
  select attempts, extract(epoch from next_at - clock_timestamp())::float8 as pause, sent_at is not null as sent,
    failed_at is not null as failed, receipt, error
  from hai.notice order by id`
const due = () => db.sql`update hai.notice set next_at = now() where sent_at is null and failed_at is null`

describe('what arrives', () => {
  it('is a JSON object, with the token as bearer, and the receipt is kept', async () => {
    await aNotice({ link: 'https://example.com/costs', data: { chart: '<svg/>' } })
    expect(await send({ hook: webhook('/hook', { token: '$env:NTFY_TOKEN' }) })).toMatchObject({ sent: 1 })
    expect(arrived).toHaveLength(1)
    expect(arrived[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
    expect(arrived[0]?.body).toMatchObject({
      kind: 'budget',
      title: 'cap day is 80 % full',
      text: '$24.00 of $30.00 is spent',
      priority: 'high',
      link: 'https://example.com/costs',
      chart: '<svg/>',
    })
    expect((await rows())[0]).toMatchObject({
      sent: true,
      error: null,
      receipt: { hook: { status: 200, id: 'sPs71M8A2T' } },
    })
    expect(await send({ hook: webhook() })).toMatchObject({ sent: 0 })
  })

  it('is what ntfy publishes, cut to what it takes', async () => {
    await aNotice({ text: 'ä'.repeat(3000), priority: 'urgent', link: 'https://example.com/' })
    await send({ phone: webhook('/', { format: 'ntfy', topic: 'homelab', token: '$env:NTFY_TOKEN' }) })
    const { message, ...rest } = arrived[0]!.body
    expect(rest).toEqual({
      topic: 'homelab',
      title: 'cap day is 80 % full',
      priority: 5,
      tags: ['moneybag'],
      click: 'https://example.com/',
    })
    expect(message).toMatch(/^ä+…$/)
    expect(Buffer.byteLength(String(message))).toBeLessThanOrEqual(4096)
    expect(arrived[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
  })

  it('comes once for a dedup key, and goes only where its kind is wanted', async () => {
    expect(await aNotice({ dedup_key: 'cap day 80 2026-11-22' })).toBe(true)
    expect(await aNotice({ dedup_key: 'cap day 80 2026-11-22' })).toBe(false)
    await aNotice({ kind: 'cost_report', title: 'last week' })
    const told = await send({
      caps: webhook('/caps', { notices: ['budget'] }),
      off: webhook('/off', { enabled: false }),
    })
    expect(told).toEqual({ sent: 1, later: 0, failed: 0, dropped: 1 })
    expect(arrived.map(({ path }) => path)).toEqual(['/caps'])
  })
})

describe('a channel that fails', () => {
  it('is tried again later and later, with the same key to know it by', async () => {
    answers['/hook'] = [{ status: 500 }, { status: 502 }, { status: 200 }]
    await aNotice()
    const pauses: number[] = []
    for (let attempt = 1; attempt <= 2; attempt++) {
      expect(await send({ hook: webhook() })).toMatchObject({ sent: 0, later: 1 })
      pauses.push((await rows())[0]!.pause)
      expect(await send({ hook: webhook() })).toMatchObject({ sent: 0, later: 0 })
      await due()
    }
    expect(pauses[0]).toBeGreaterThan(29)
    expect(pauses[0]).toBeLessThan(38)
    expect(pauses[1]).toBeGreaterThan(59)
    expect(await send({ hook: webhook() })).toMatchObject({ sent: 1 })
    expect((await rows())[0]).toMatchObject({ attempts: 3, sent: true, error: null })
    expect(new Set(arrived.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(arrived).toHaveLength(3)
  })

  it.each([
    ['seconds', () => ({ 'retry-after': '900' })],
    ['a date', () => ({ 'retry-after': new Date(Date.now() + 900_000).toUTCString() })],
    ['milliseconds', () => ({ 'retry-after-ms': '900000' })],
  ])(
    'is left alone for as long as it asks, for all notices, which lose no attempt by it, said in %s',
    async (_, headers) => {
      answers['/hook'] = [{ status: 429, headers: headers() }]
      await aNotice()
      await aNotice()
      expect(await send({ hook: webhook() })).toMatchObject({ later: 1 })
      expect(arrived).toHaveLength(1)
      const [first, second] = await rows()
      expect(first!.pause).toBeGreaterThan(890)
      expect(second!.pause).toBeGreaterThan(890)
      expect(second).toMatchObject({ attempts: 0, error: null })
    },
  )

  it('does not keep other channels from their notices, nor get one again that it has', async () => {
    answers['/down'] = [{ status: 503 }, { status: 503 }, { status: 200 }]
    await aNotice()
    await aNotice()
    const channels = { down: webhook('/down'), up: webhook('/up') }
    expect(await send(channels)).toMatchObject({ sent: 0, later: 2 })
    expect(arrived.map(({ path }) => path)).toEqual(['/down', '/up', '/up'])
    expect((await rows()).map(({ attempts }) => attempts)).toEqual([1, 0])
    await due()
    await send(channels)
    await due()
    expect(await send(channels)).toMatchObject({ sent: 2 })
    expect(arrived.filter(({ path }) => path === '/up')).toHaveLength(2)
  })

  it('does not take more than its notice with it when it is the notice that it refuses', async () => {
    answers['/hook'] = [{ status: 413 }, { status: 200 }]
    await aNotice()
    await aNotice()
    expect(await send({ hook: webhook() })).toMatchObject({ sent: 1, later: 1 })
  })

  it('is given up after so many attempts, which health then says', async () => {
    answers['/hook'] = [{ status: 401, body: `{"error":"unauthorized ${TOKEN}"}` }]
    await aNotice()
    for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
      expect(await send({ hook: webhook('/hook', { token: '$env:NTFY_TOKEN' }) })).toMatchObject({ later: 1 })
      await due()
    }
    expect(await outboxProblems(db.sql)).toEqual([])
    expect(await send({ hook: webhook('/hook', { token: '$env:NTFY_TOKEN' }) })).toMatchObject({ failed: 1 })
    const [problem] = await outboxProblems(db.sql)
    expect(problem).toMatch(/^1 notice could not be sent \(hook: answered 401: .*unauthorized …/)
    await due()
    expect(await send({ hook: webhook() })).toMatchObject({ sent: 0, later: 0, failed: 0 })
  })

  it.each([
    ['is not there', { gone: true }, /could not be reached \(ECONNREFUSED\)/],
    ['answers with a redirect', {}, /with a redirect, 302/],
    ['has no token', { token: '$env:MISSING' }, /hook\.token is \$env:MISSING/],
  ])(
    'says so when it %s, without its address',
    async (_, { gone, ...fields }: { gone?: boolean; token?: string }, expected) => {
      answers['/secret-path'] = [{ status: 302, headers: { location: `${url}/elsewhere` } }]
      await aNotice()
      const at = gone ? await freeAddress() : url
      await send({ hook: webhook('', { url: `${at}/secret-path`, ...fields }) })
      const [row] = await rows()
      expect(row).toMatchObject({ attempts: 1, sent: false })
      expect(row!.error).toMatch(expected)
      expect(row!.error).not.toContain('secret-path')
      expect(arrived.filter(({ path }) => path === '/elsewhere')).toEqual([])
    },
  )
})

describe('several senders', () => {
  it('never have one notice at once', async () => {
    let open: (answer: Answer) => void = () => {}
    answers['/hook'] = [new Promise<Answer>((resolve) => (open = resolve))]
    await aNotice()
    const first = send({ hook: webhook() })
    await expect.poll(() => arrived.length).toBe(1)
    const second = await send({ hook: webhook() }, db.open())
    expect(second).toEqual({ sent: 0, later: 0, failed: 0, dropped: 0 })
    open({ status: 200 })
    expect(await first).toMatchObject({ sent: 1 })
    expect(arrived).toHaveLength(1)
  })

  it('share many notices without sending one twice', async () => {
    for (let i = 0; i < 40; i++) await aNotice()
    const runs = await Promise.all([1, 2, 3, 4].map(() => send({ hook: webhook() }, db.open())))
    expect(runs.reduce((sum, { sent }) => sum + sent, 0)).toBe(40)
    expect(new Set(arrived.map(({ body }) => body.id)).size).toBe(40)
    expect(arrived).toHaveLength(40)
  })

  it('send again what a dead one had taken, when its time is over', async () => {
    let open: (answer: Answer) => void = () => {}
    answers['/hook'] = [new Promise<Answer>((resolve) => (open = resolve)), { status: 200 }]
    await aNotice()
    const late = send({ hook: webhook() })
    await expect.poll(() => arrived.length).toBe(1)
    await due()
    expect(await send({ hook: webhook() }, db.open())).toMatchObject({ sent: 1 })
    open({ status: 500 })
    await late
    expect((await rows())[0]).toMatchObject({ sent: true, error: null, attempts: 2 })
  })
})

describe('without a channel', () => {
  it('notices wait for one, but not for ever', async () => {
    await aNotice()
    await aNotice()
    expect(await send({})).toEqual({ sent: 0, later: 0, failed: 0, dropped: 0 })
    expect((await rows()).map(({ attempts }) => attempts)).toEqual([0, 0])
    await db.sql`update hai.notice set created_at = now() - interval '4 days' where id = (select min(id) from hai.notice)`
    expect(await send({ hook: webhook() })).toMatchObject({ sent: 1, dropped: 1 })
    expect(await outboxProblems(db.sql)).toEqual([])
  })
})

describe('the channels configuration', () => {
  it.each([
    ['a token of its own', { token: TOKEN }, /hook\.token.*never the secret itself/],
    ['an address that is none', { url: 'ntfy.example.com' }, /hook\.url.*http or https URL/],
    ['ntfy without a topic', { format: 'ntfy' }, /hook\.topic.*expected a topic/],
    ['an unknown field', { colour: 'red' }, /colour/],
  ])('refuses %s', (_, fields, expected) => {
    const channel = { kind: 'webhook', url: 'https://example.com/', ...fields }
    expect(() => parse(Channels, { hook: channel })).toThrow(expected)
  })
})
