import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TaskCost } from '../../../f/hai/core/cost/shape.ts'
import { unpriced } from '../../cost/sample-report.ts'
import { type CannedServer, cannedServer, refusal } from '../canned-server.ts'
import { aHomeFolder, runHai } from '../run-hai.ts'

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>

beforeEach(async () => {
  server = await cannedServer()
  home = aHomeFolder()
})
afterEach(async () => {
  await server.close()
  home.remove()
})

const hai = (argv: string[], columns?: number) =>
  runHai(argv, { env: { ...home.env, ...server.env }, ...(columns ? { columns } : {}) })

it.each([
  ['task', '@', '--days', '3'],
  ['--csv', 'task', '@'],
  ['cap', 'raise', '3', '--today', '--since', 'today'],
  ['import', 'claude-code', '--by', 'model'],
])('refuses what only the report knows in hai cost %s %s %s', async (...words) => {
  const ran = await hai(['cost', ...words])
  expect(ran).toMatchObject({ exit: 2, stdout: '' })
  expect(ran.stderr).toMatch(/^hai: --[a-z]+ is for the report, and means nothing to hai cost [a-z]+$/m)
  expect(server.calls).toEqual([])
})

it.each(['task', 'cap raise', 'import'])('does not offer it in the help of hai cost %s', async (verb) => {
  const { stdout } = await hai(['cost', ...verb.split(' '), '--help'])
  expect(stdout.match(/--json/g)).toHaveLength(1)
  expect(stdout).not.toMatch(/--days|--csv|--html/)
})

describe('hai cost --html', () => {
  it('writes the page for its owner only, and nothing when the report is refused', async () => {
    server.doors['cost/page'] = () => ({ result: { html: '<!doctype html><p>$4.21' } })
    const file = join(home.path, 'week.html')
    const { exit, stdout } = await hai(['cost', '--days', '7', '--html', '~/week.html'])
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '~/week.html written; a browser shows it\n' })
    expect(readFileSync(file, 'utf8')).toBe('<!doctype html><p>$4.21')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    server.doors['cost/page'] = () => refusal(400, 'invalid', 'days: expected at most 3660')
    expect((await hai(['cost', '--days', '99999', '--html', 'other.html'])).exit).toBe(2)
    expect(existsSync(join(home.path, 'other.html'))).toBe(false)
  })

  it('makes no folders, and takes nothing that a page can’t show', async () => {
    server.doors['cost/page'] = () => ({ result: { html: '' } })
    const ran = await hai(['cost', '--html', 'reports/week.html'])
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain('reports/week.html cannot be written: there is no folder ~/reports')
    expect(existsSync(join(home.path, 'reports'))).toBe(false)
    expect((await hai(['cost', '--html', 'week.html', '--by', 'model'])).exit).toBe(2)
  })

  it('says where it can’t write', async () => {
    server.doors['cost/page'] = () => ({ result: { html: '' } })
    const { exit, stderr } = await hai(['cost', '--html', home.path])
    expect({ exit, named: stderr.includes(home.path) }).toEqual({ exit: 2, named: true })
  })
})

describe('hai cost task', () => {
  const call = {
    call_id: 'c1',
    step: 'answer',
    lease_no: 1,
    at: '2026-11-22T09:00:00.000Z',
    settled_at: '2026-11-22T09:00:04.000Z',
    agent: 'general',
    route: 'anthropic',
    backend: 'anthropic',
    model: 'claude-sonnet-4-5',
    tokens: {
      input: 1200,
      output: 300,
      cache_read: 800,
      cache_write: null,
      cache_write_1h: null,
      reasoning: null,
    },
    usd: 0.0123,
    bound: 0.5,
    list_usd: null,
    price_version: '2026-01-01',
    error: null,
    ms: 4200,
    ending: 'answered' as const,
    at_least: false,
  }
  const partly = { at_least: true, tokens: { ...call.tokens, output: 12 } }
  const none = {
    input: null,
    output: null,
    cache_read: null,
    cache_write: null,
    cache_write_1h: null,
    reasoning: null,
  }
  const untold = { tokens: none, price_version: null }
  const cost: TaskCost = {
    id: '01K3V9QX2M0000000000ABCDEF',
    errand: false,
    total: unpriced(0.0123, 3, 1),
    calls: [
      { ...call, state: 'settled', billing: 'metered' },
      { ...call, state: 'settled', billing: 'metered', usd: null, price_version: null },
      { ...call, state: 'settled', billing: 'subscription', usd: null, list_usd: 0.02 },
      { ...call, ...partly, state: 'presumed', billing: 'metered', ending: 'cancelled', price_version: null },
      { ...call, ...untold, state: 'settled', billing: 'local', ending: 'stopped' },
      { ...call, ...untold, state: 'presumed', billing: 'metered', usd: null, ending: 'uncounted' },
      { ...call, ...untold, state: 'presumed', billing: 'metered', usd: null, ending: 'lost' },
      { ...call, ...untold, state: 'presumed', billing: 'local', bound: 0, usd: 0, ending: 'lost' },
      { ...call, ...untold, state: 'open', billing: 'local', bound: 0, usd: null, ending: null },
    ],
  }

  it('shows each call: what it cost, what is unknown, what may have been spent', async () => {
    server.doors['cost/task'] = () => ({ result: cost })
    const { stdout } = await hai(['cost', 'task', 'ABCDEF'], 120)
    expect(server.callsOf('cost/task')[0]?.args).toEqual({ id: 'ABCDEF' })
    expect(stdout).toMatchInlineSnapshot(`
      "AT        MODEL                          IN  CACHED  OUT            USD   TOOK  REMARK
      09:00:00  anthropic/claude-sonnet-4-5  1.2k     800  300        $0.0123  4.2 s  price of 2026-01-01
      09:00:00  anthropic/claude-sonnet-4-5  1.2k     800  300        unknown  4.2 s
      09:00:00  anthropic/claude-sonnet-4-5  1.2k     800  300   subscription  4.2 s  $0.0200 by list price, price of 2026-01…
      09:00:00  anthropic/claude-sonnet-4-5  1.2k     800  12+       $0.0123+  4.2 s  cancelled, may have cost up to $0.5000
      09:00:00  anthropic/claude-sonnet-4-5     ?       ?    ?          local  4.2 s  stopped before its end
      09:00:00  anthropic/claude-sonnet-4-5     ?       ?    ?  up to $0.5000  4.2 s  the backend told no count, may have cos…
      09:00:00  anthropic/claude-sonnet-4-5     ?       ?    ?  up to $0.5000         its worker went away without a count, m…
      09:00:00  anthropic/claude-sonnet-4-5     ?       ?    ?          local         its worker went away without a count
      09:00:00  anthropic/claude-sonnet-4-5     ?       ?    ?          local         under way

      3 calls, 3.3k tokens, $0.01 and 1 call of unknown cost
      "
    `)
  })

  it('says of an errand that it is one', async () => {
    server.doors['cost/task'] = () => ({ result: { ...cost, errand: true } })
    const { stdout } = await hai(['cost', 'task', 'ABCDEF'], 120)
    expect(stdout).toContain('1 call of unknown cost; an errand of a chat client\n')
  })

  it('prints the answer as it is, and says when there was no call', async () => {
    server.doors['cost/task'] = () => ({ result: cost })
    expect(JSON.parse((await hai(['cost', 'task', 'ABCDEF', '--json'])).stdout)).toEqual(cost)
    server.doors['cost/task'] = () => ({ result: { ...cost, calls: [] } })
    expect((await hai(['cost', 'task', 'ABCDEF'])).stdout).toBe('ABCDEF made no model calls\n')
  })
})

describe('hai cost cap raise', () => {
  it('raises once, as a repeat would raise again', async () => {
    const until = new Date(Date.now() + 3 * 3_600_000).toISOString()
    server.doors['cost/raise'] = () => ({ result: { cap: 'day', usd: 10, limit: 40, until } })
    const { exit, stdout } = await hai(['cost', 'cap', 'raise', '10', '--today', '--cap', 'day'])
    expect({ exit, stdout }).toEqual({
      exit: 0,
      stdout: 'cap day is raised by $10.00 to $40.00; ends in 3 h\n',
    })
    expect(server.callsOf('cost/raise')[0]?.args).toEqual({ usd: 10, cap: 'day' })
    server.doors['cost/raise'] = () => 'hang up'
    expect((await hai(['cost', 'cap', 'raise', '10', '--today'])).exit).toBe(5)
    expect(server.callsOf('cost/raise')).toHaveLength(2)
  })
})
