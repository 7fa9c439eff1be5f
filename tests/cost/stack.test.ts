import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../f/hai/core/base/db.ts'
import type { CostReport, Recorded } from '../../f/hai/core/cost/shape.ts'
import { lastWhole } from '../../f/hai/core/cost/tell.ts'
import { hai } from '../support/hai.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const TOKEN = 'tk_of_a_test'
const { since, until } = lastWhole('week', new Date().toISOString().slice(0, 10))
const arrived: { authorization: string | undefined; body: Record<string, unknown> }[] = []
let phone: Server
let stack: TestStack
let sessions: string

beforeAll(async () => {
  phone = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString())
    arrived.push({ authorization: request.headers.authorization, body })
    response.end('{"id":"hwQ2YpKdmg"}')
  })
  await new Promise<void>((resolve) => phone.listen(0, '127.0.0.1', resolve))
  stack = await startStack({ shared: true, env: { HAI_TEST_PHONE: TOKEN, TZ: 'UTC' } })
  const config = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  mkdirSync(config, { recursive: true })
  const url = `http://127.0.0.1:${(phone.address() as AddressInfo).port}`
  writeFileSync(
    join(config, 'channels.yaml'),
    `phone: { kind: webhook, format: ntfy, url: '${url}', topic: homelab, token: $env:HAI_TEST_PHONE }\n`,
  )
  sessions = join(stack.env.HOME!, '.claude')
  mkdirSync(join(sessions, 'projects/a'), { recursive: true })
  const lines = Array.from({ length: 1200 }, (_, n) => claudeLine(n, n % 2 ? since : until))
  writeFileSync(join(sessions, 'projects/a/1.jsonl'), `${lines.join('\n')}\n`)
})
afterAll(() => {
  phone.closeAllConnections()
  phone.close()
})

function claudeLine(n: number, day: string): string {
  const usage = { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 70 }
  const message = { id: `msg_${n}`, model: 'claude-sonnet-4-5', stop_reason: 'end_turn', usage }
  return JSON.stringify({ type: 'assistant', timestamp: `${day}T12:00:00Z`, requestId: `req_${n}`, message })
}

const run = (...argv: string[]) => hai(stack.env, argv)
const reportOf = async (...argv: string[]) =>
  JSON.parse((await run('cost', '--json', ...argv)).stdout) as CostReport

describe('hai cost on a stack', () => {
  it('counts what Claude Code did elsewhere, once, as of a subscription', async () => {
    expect((await run('cost', 'import', 'claude-code', sessions)).stdout).toBe(
      '1200 calls in 1 file: 1200 new, 0 known already\n',
    )
    expect((await run('cost', 'import', 'claude-code')).stdout).toBe(
      '1200 calls in 1 file: 0 new, 1200 known already\n',
    )
    const report = await reportOf('--since', since, '--until', until)
    expect(report.total).toMatchObject({ calls: 1200, usd: 0, unknown_calls: 0 })
    expect(report.total.tokens).toMatchObject({ input: 96_000, output: 24_000, cache_read: 84_000 })
    expect(report.by.source).toMatchObject([{ key: 'claude-code', calls: 1200 }])
    expect(report.by.billing).toMatchObject([{ key: 'subscription', calls: 1200 }])
    const { stdout } = await run('cost', '--since', since, '--until', until)
    expect(stdout).toContain(': no money for 1200 calls, 120k tokens')
  })

  it('writes down what it read as it stood there, be it like a reference', async () => {
    const models = [
      '$var:u/operator/none',
      '$$var:u/operator/none',
      '$WM_TOKEN',
      '$',
      '$$$',
      '$5',
      'a $res:f/hai/x',
    ]
    const lines = models.map((model, n) => {
      const line = JSON.parse(claudeLine(n, '2026-01-05'))
      return JSON.stringify({ ...line, message: { ...line.message, id: `dollar_${n}`, model } })
    })
    const folder = join(stack.env.HOME!, 'dollars')
    mkdirSync(join(folder, 'projects/a'), { recursive: true })
    writeFileSync(join(folder, 'projects/a/1.jsonl'), `${lines.join('\n')}\n`)
    expect((await run('cost', 'import', 'claude-code', folder)).stdout).toBe(
      `${models.length} calls in 1 file: ${models.length} new, 0 known already\n`,
    )
    const sql = connect({ url: stack.instance.database_url })
    const kept = await sql<{ model: string; route: string }[]>`
      select model, route from hai.usage where call_id like 'claude-code:dollar_%' order by call_id`
    await sql.end()
    expect([...kept]).toEqual(models.map((model) => ({ model, route: `claude-code/${model}` })))
  })

  it('adds up to the cent, keeps the unknown apart, and passes the range’s faults on', async () => {
    const call = {
      at: `${since}T01:00:00Z`,
      backend: 'x',
      model: 'y',
      billing: 'metered',
      tokens: { input: 1 },
    }
    const usd = [0.1, 0.2, 0.015, null]
    const calls = usd.map((cost, n) => ({ ...call, call_id: `paid ${n}`, usd: cost }))
    const { body } = await stack.call<Recorded>('f/hai/cost/record', { calls })
    expect(body).toEqual({ recorded: 4, known: 0, corrected: 0 })
    const { total, unknown } = await reportOf('--since', since, '--until', since)
    expect(total).toMatchObject({ usd: null, known_usd: 0.315, unknown_calls: 1 })
    expect(unknown).toEqual([{ backend: 'x', model: 'y', calls: 1 }])
    const { stdout } = await run('cost', '--since', since, '--until', since, '--by', 'model')
    expect(stdout).toMatch(/^y +\$0\.32 \+ \?/m)
    for (const [argv, message] of [
      [['--since', until, '--until', since], 'swap them'],
      [['--days', '100000'], 'days'],
      [['--tz', 'Mars/Olympus'], 'time zone'],
      [['--since', 'soon'], 'is not a day'],
    ] as const) {
      const { code, stdout, stderr } = await run('cost', ...argv)
      expect({ argv, code, stdout }).toEqual({ argv, code: 2, stdout: '' })
      expect(stderr).toContain(message)
    }
  })

  it('writes a page that holds the same figures', async () => {
    const file = join(stack.env.HOME!, 'week.html')
    const { code } = await run('cost', '--since', since, '--until', until, '--html', file)
    expect(code).toBe(0)
    const page = readFileSync(file, 'utf8')
    expect(page).toContain('$0.32 and 1 call of unknown cost')
    expect(page.match(/<svg/g)).toHaveLength(2)
  })

  it('raises a cap for the day, and names those there are when there is no such one', async () => {
    const { stdout } = await run('cost', 'cap', 'raise', '12.5', '--today')
    expect(stdout).toMatch(/^cap day is raised by \$12\.50 to \$42\.50; ends /)
    const { caps } = await reportOf()
    expect(caps.find(({ cap }) => cap === 'day')).toMatchObject({ limit: 42.5, raised: 12.5 })
    const refused = await run('cost', 'cap', 'raise', '1', '--today', '--cap', 'rainy_day')
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain('agent_day')
  })

  it('shows a task that asked no model', async () => {
    await run('task', 'add', 'help')
    expect((await run('cost', 'task', '@')).stdout).toMatch(/made no model calls\n$/)
  })
})

/** What the flow gives to look at, or says when it sends. */
interface Shown {
  render_all?: { markdown?: string; 'table-row-object'?: Record<string, unknown>[] }[]
}

describe('the flow cost_report', () => {
  const flow = async (args: object) => {
    const path = `/api/w/${stack.workspace}/jobs/run_wait_result/f/f/hai/cost_report`
    const headers = { 'content-type': 'application/json' }
    const response = await stack.request(path, { method: 'POST', headers, body: JSON.stringify(args) })
    return { status: response.status, body: (await response.json()) as Shown }
  }

  it('shows Markdown and tables, in which no unknown cost is a nought, and fails on a day that is none', async () => {
    const { status, body } = await flow({ since, until: since, period: '' })
    expect(status).toBe(200)
    const [text, days, ...spenders] = body.render_all!
    expect(text?.markdown).toContain('**$0.32 and 1 call of unknown cost**')
    expect(days?.['table-row-object']).toMatchObject([
      { day: expect.stringContaining(since), usd: '$0.32 + ?' },
    ])
    expect(spenders.map((table) => Object.keys(table['table-row-object']![0]!)[0])).toContain('source')
    const refused = await flow({ since: 'soon', until: '', period: '' })
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(JSON.stringify(refused.body)).toContain('is not a day')
  })

  it('sends one message about last week through the outbox to the phone, once', async () => {
    for (const told of [true, false]) {
      const { body } = await flow({ period: 'week' })
      expect(body).toEqual({ told, since, until })
    }
    // nobody has to ask for it: whoever put it there rings
    await expect.poll(() => arrived.length).toBeGreaterThan(0)
    const rung = await stack.request(
      `/api/w/${stack.workspace}/jobs/list?script_path_exact=f/hai/outbox/send&is_not_schedule=true`,
    )
    expect((await rung.json()) as object[]).toMatchObject([{ created_by: 'operator' }])
    await stack.call('f/hai/outbox/send')
    expect(arrived).toHaveLength(1)
    expect(arrived[0]?.authorization).toBe(`Bearer ${TOKEN}`)
    expect(arrived[0]?.body).toMatchObject({
      topic: 'homelab',
      title: 'last week: $0.32 and 1 call of unknown cost',
      priority: 2,
      tags: ['bar_chart'],
    })
  })
})
