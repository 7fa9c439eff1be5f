import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CostReport } from '../../../f/hai/core/cost/shape.ts'
import { anAmount, aReport, spent, unpriced } from '../../cost/sample-report.ts'
import { type CannedServer, cannedServer, refusal } from '../canned-server.ts'
import { aHomeFolder, runHai } from '../run-hai.ts'

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>
let report: CostReport

beforeEach(async () => {
  report = aReport()
  server = await cannedServer({ 'cost/report': () => ({ result: report }) })
  home = aHomeFolder()
})
afterEach(async () => {
  await server.close()
  home.remove()
})

const hai = (argv: string[], columns?: number) =>
  runHai(argv, { env: { ...home.env, ...server.env }, ...(columns ? { columns } : {}) })
const shown = async (fields: Partial<CostReport> = {}, columns = 80) => {
  report = aReport(fields)
  return (await hai(['cost'], columns)).stdout
}

describe('hai cost', () => {
  it('shows costs, tokens and tasks by day, then what spent it, and the caps', async () => {
    expect(await shown()).toMatchInlineSnapshot(`
      "2026-11-16 to 2026-11-22 (Europe/Berlin): $4.21 for 312 calls, 343k tokens; 41 tasks ended
      tokens: 125k of them read from a cache
      12 % more than in the 7 days before ($3.76)

      DAY                USD  TOKENS  TASKS
      2026-11-16 Mon   $0.42     33k      6  ██████▋
      2026-11-17 Tue       -       -      -
      2026-11-18 Wed   $1.90    132k     11  ██████████████████████████████
      2026-11-19 Thu  <$0.01    4.4k      2  ▏
      2026-11-20 Fri   $0.89     66k      8  ██████████████
      2026-11-21 Sat   $1.00     99k     10  ███████████████▊
      2026-11-22 Sun       -    8.8k      4

      metered: 120 calls, 132k tokens, $4.21
      local: 192 calls, 211k tokens
      tasks: 20 local, 9 escalated, 12 without a model; 22 % escalated

      AGENT      USD  SHARE  CALLS  TOKENS
      general  $4.20   99 %    300    330k
      none     $0.01    1 %     12   13.2k

      SOURCE    USD  SHARE  CALLS  TOKENS
      cli     $4.21  100 %    312    343k

      MODEL                USD  SHARE  CALLS  TOKENS
      claude-sonnet-4-5  $4.21  100 %    120    132k
      llama3.1:8b            -    0 %    192    211k

      ROUTE                          USD  SHARE  CALLS  TOKENS
      anthropic/claude-sonnet-4-5  $4.21  100 %    120    132k
      ollama/llama3.1:8b               -    0 %    192    211k

      CAP   USED   HELD   LIMIT    LEFT  BEGINS ANEW
      day  $4.00  $0.25  $30.00  $25.75  in 13 h
      caps hold by hai's estimate: a call that its backend counts higher passes them by the difference, 6 at once at most; so far none did

      dearest tasks: hai cost task ID
        ABCDEF  $1.20  summarise the backup logs

      where models.yaml sets no price: list prices of 2026-10-01, from a-list 1.2.3
      "
    `)
  })

  it.each([80, 60, 44])('fits %i columns with its tables and bars', async (columns) => {
    const tables = (await shown({}, columns)).split('\n').filter((line) => / {2}\S/.test(line))
    expect(tables.length).toBeGreaterThan(15)
    for (const line of tables) expect(line.length).toBeLessThanOrEqual(columns)
  })

  it('draws the dearest day longest, and by tokens where no money was spent', async () => {
    const bars = (text: string) => text.split('\n').flatMap((line) => /(█\S*)$/.exec(line)?.[1] ?? [])
    const byCost = bars(await shown())
    expect(byCost[1]!.length).toBe(Math.max(...byCost.map(({ length }) => length)))
    const days = report.by_day.map((day) => ({ ...day, usd: 0, known_usd: 0 }))
    expect(bars(await shown({ by_day: days, total: spent(0, 312) })).length).toBeGreaterThan(3)
  })

  it('says what it does not know, and never that it was $0.00', async () => {
    const text = await shown({
      total: unpriced(0, 3, 3),
      by_day: [{ ...report.by_day[0]!, ...unpriced(0, 3, 3) }],
      by: {
        model: [{ key: 'gpt-x', ...unpriced(0, 3, 3) }],
        billing: [{ key: 'metered', ...unpriced(0, 3, 3) }],
      },
      unknown: [{ backend: 'openai', model: 'gpt-x', calls: 3 }],
      top_tasks: [{ ...report.top_tasks[0]!, usd: null }],
      caps: [],
    })
    expect(text).toContain('3 calls of unknown cost for 3 calls')
    expect(text).toContain('no price is known for openai/gpt-x (3); set prices in the models configuration')
    expect(text).toMatch(/2026-11-16 Mon +unknown/)
    expect(text).toMatch(/gpt-x +unknown/)
    expect(text).toMatch(/ABCDEF {2}unknown/)
    expect(text).not.toContain('$0.00')
  })

  it('says what of it was for errands of chat clients', async () => {
    const said = await shown({ errands: spent(0, 12) })
    expect(said).toContain('\nof that errands of chat clients: 12 calls, 13.2k tokens, no money\n')
    expect(await shown({})).not.toContain('errands')
  })

  it('says how calls ended that were not answered, and what may have been spent besides', async () => {
    const total = { ...spent(4.21, 312), open_calls: 2, open_usd: 0.3, presumed_calls: 1, presumed_usd: 0.12 }
    const ended = {
      failed_calls: 4,
      cancelled_calls: 2,
      uncounted_calls: 1,
      lost_calls: 10,
      untold_calls: 13,
    }
    const text = await shown({ total: { ...total, ...ended } })
    expect(text).toContain('$4.21 and up to $0.12 more for 312 calls, at least 343k tokens')
    expect(text).toContain('2 calls under way, holding up to $0.30')
    expect(text).toContain(
      '1 call whose cost is not all known may have cost up to $0.12 more, which counts against the caps',
    )
    expect(text).toContain('4 calls failed\n2 calls cancelled\n1 call without a count from the backend\n')
    expect(text).toContain('10 calls lost with their workers\n')
  })

  it('begins with the windows of a subscription, whose list price is in no sum', async () => {
    const usage = { ...spent(0, 40), list_usd: 6.4 }
    const text = await shown({
      total: usage,
      by_day: report.by_day.map((day) => ({ ...day, ...spent(0, 5), list_usd: 0.8 })),
      by: { billing: [{ key: 'subscription', ...usage }], agent: [{ key: 'general', ...usage }] },
      windows: [
        {
          window: 'claude_5h',
          backend: 'claude-code',
          hours: 5,
          calls: 23,
          tokens: 1_250_000,
          limit_calls: 200,
          limit_tokens: null,
          reserve_interactive: 0.5,
          list_usd: 3.1,
          frees_at: '2026-11-22T11:00:00.000Z',
          reported_left: null,
        },
      ],
    })
    const [header, row] = text.split('\n')
    expect(header).toMatch(/^SUBSCRIPTION +WINDOW +CALLS +TOKENS +LEFT +LIST PRICE/)
    expect(row).toMatch(/^claude-code +5 h +23 of 200 +1.3M +not reported +\$3.10/)
    expect(text).toContain(': no money for 40 calls')
    expect(text).toMatch(/2026-11-16 Mon +- +\$0.80/)
    expect(text).toContain('subscription: 40 calls, 44k tokens, $6.40 by list price')
  })

  it('says that nobody was asked instead of showing zeros', async () => {
    expect(await shown({ total: anAmount(), caps: [] })).toBe(
      'no model calls in 7 days; 41 tasks ended without one\n',
    )
    const none = { total: 0, without_model: 0, local: 0, escalated: 0 }
    const nothing = await shown({ total: anAmount(), tasks: none, caps: [], days: 1, since: '2026-11-22' })
    expect(nothing).toBe('no model calls on 2026-11-22 and no tasks\n')
    const open = { ...anAmount(), open_calls: 1, open_usd: 0.5 }
    expect(await shown({ total: open })).toContain('1 call under way')
  })

  it.each([
    ['less', spent(8.42, 9), '50 % less than in the 7 days before ($8.42)'],
    ['many times as much', spent(0.1, 1), '42 times as much as in the 7 days before ($0.10)'],
    ['as much', spent(4.22, 1), 'as much as in the 7 days before ($4.22)'],
    ['something after nothing', spent(0, 0), 'the 7 days before: $0.00'],
    ['what was not known', unpriced(1, 2, 1), 'the 7 days before: $1.00 and 1 call of unknown cost'],
  ])('compares with the days before: %s', async (_, total, expected) => {
    expect(await shown({ previous: { ...report.previous!, total } })).toContain(expected)
  })

  it('says that there is nothing to compare with', async () => {
    expect(await shown({ previous: null })).toContain('nothing older to compare with')
  })

  it('names caps that were hit and backends that fail', async () => {
    const failure = {
      backend: 'anthropic',
      route: 'claude',
      minutes: 1440,
      calls: 4,
      failed: 4,
      message: null,
    }
    const text = await shown({
      caps_hit: [{ cap: 'day', times: 3 }],
      failures: [{ ...failure, code: 'quota_exhausted' }],
    })
    expect(text).toContain('cap day refused 3 calls')
    expect(text).toContain('anthropic (claude): 4 of 4 calls failed in the last 24 h, quota_exhausted')
  })

  it('says where a setting is that is not in force', async () => {
    report = aReport({
      problems: ['budget configuration (budget.yaml, on Windmill u/operator/hai_budget): caps.day: no'],
    })
    expect((await hai(['cost'])).stderr).toContain('! u/operator/hai_budget: caps.day: no\n')
  })

  it('passes on what was asked, and prints the answer as it is', async () => {
    const asked = [
      '--since',
      'yesterday',
      '--until',
      'today',
      '--by',
      'model,agent',
      '--tz',
      'Pacific/Auckland',
    ]
    const { stdout, exit } = await hai(['cost', ...asked, '--json'])
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toEqual(report)
    expect(server.callsOf('cost/report')[0]?.args).toEqual({
      since: 'yesterday',
      until: 'today',
      by: ['model', 'agent'],
      tz: 'Pacific/Auckland',
      top: 5,
    })
  })

  it('writes a line of CSV for each day, or for each of what was asked for; unknown is empty', async () => {
    report.by_day[0] = {
      ...report.by_day[0]!,
      ...unpriced(0.4, 30, 2),
      errand_calls: 7,
      errand_usd: 0.02,
    }
    const days = (await hai(['cost', '--csv'])).stdout.trimEnd().split(/\r?\n/)
    expect(days).toHaveLength(8)
    expect(days[0]).toMatch(/^day,tasks,escalated_tasks,calls,usd,known_usd,unknown_calls,/)
    expect(days[0]).toMatch(/,untold_calls,errand_calls,errand_usd$/)
    expect(days[1]).toMatch(/^2026-11-16,6,0,30,,0.4,2,.*,7,0.02$/)
    report.by.agent = [{ key: 'odd, "name"', ...spent(1, 1) }]
    const keys = (await hai(['cost', '--csv', '--by', 'agent'])).stdout.trimEnd().split(/\r?\n/)
    expect(keys[0]).toMatch(/,untold_calls$/)
    expect(keys[1]).toMatch(/^agent,"odd, ""name""",1,1,1,0,/)
  })

  it.each([
    [['--days', '0'], 'whole number from 1'],
    [['--days', '-3'], 'whole number from 1'],
    [['--by', 'colour'], 'agent, source'],
    [['--json', '--csv'], 'cannot be used with'],
    [['cap', 'raise', '-5', '--today'], ''],
    [['cap', 'raise', '0', '--today'], 'above 0'],
    [['cap', 'raise', '10'], 'for how long'],
    [['import', 'cursor'], 'claude-code'],
  ])('refuses %j with exit 2, and asks nobody', async (argv, message) => {
    const { exit, stderr, stdout } = await hai(['cost', ...argv])
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(server.calls).toEqual([])
  })

  it('ends with 2 when the server refuses the range', async () => {
    server.doors['cost/report'] = () =>
      refusal(400, 'invalid', 'since: 2026-12-01 is after until 2026-11-01; swap them')
    const { exit, stderr } = await hai(['cost', '--since', '2026-12-01', '--until', '2026-11-01'])
    expect(exit).toBe(2)
    expect(stderr).toContain('swap them')
  })
})
