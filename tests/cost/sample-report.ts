import type { Amount, CostReport, DayAmount, KeyAmount } from '../../f/hai/core/cost/shape.ts'
import { NOTHING } from '../../f/hai/core/cost/sums.ts'

/** Nothing at all; `fields` replaces what a test is about. */
export const anAmount = (fields: Partial<Amount> = {}): Amount => ({ ...NOTHING, ...fields })

/** So much was paid for so many calls of a thousand tokens in and a hundred out. */
export const spent = (usd: number, calls: number): Amount =>
  anAmount({
    calls,
    usd,
    known_usd: usd,
    tokens: {
      input: calls * 1000,
      output: calls * 100,
      cache_read: calls * 400,
      cache_write: 0,
      cache_write_1h: 0,
      reasoning: 0,
    },
    ms: calls * 900,
  })

/** What nobody could price. */
export const unpriced = (known: number, calls: number, unknown: number): Amount => ({
  ...spent(known, calls),
  usd: null,
  unknown_calls: unknown,
})

const key = (name: string, amount: Amount): KeyAmount => ({ key: name, ...amount })

const aDay = (day: string, amount: Amount, tasks: number): DayAmount => ({
  day,
  ...amount,
  tasks: { total: tasks, without_model: 0, local: tasks, escalated: 0 },
  errand_calls: 0,
  errand_usd: 0,
})

/** A week of a homelab that mostly answers by itself. */
export const aReport = (fields: Partial<CostReport> = {}): CostReport => ({
  as_of: '2026-11-22T10:00:00.000Z',
  list: { name: 'a-list', version: '1.2.3', date: '2026-10-01' },
  since: '2026-11-16',
  until: '2026-11-22',
  days: 7,
  zone: 'Europe/Berlin',
  total: spent(4.21, 312),
  errands: anAmount(),
  previous: {
    since: '2026-11-09',
    until: '2026-11-15',
    total: spent(3.76, 280),
    tasks: { total: 39, without_model: 12, local: 20, escalated: 7 },
  },
  tasks: { total: 41, without_model: 12, local: 20, escalated: 9 },
  by_day: [
    aDay('2026-11-16', spent(0.42, 30), 6),
    aDay('2026-11-17', anAmount(), 0),
    aDay('2026-11-18', spent(1.9, 120), 11),
    aDay('2026-11-19', spent(0.003, 4), 2),
    aDay('2026-11-20', spent(0.887, 60), 8),
    aDay('2026-11-21', spent(1, 90), 10),
    aDay('2026-11-22', spent(0, 8), 4),
  ],
  by: {
    agent: [key('general', spent(4.2, 300)), key('none', spent(0.01, 12))],
    source: [key('cli', spent(4.21, 312))],
    model: [key('claude-sonnet-4-5', spent(4.21, 120)), key('llama3.1:8b', spent(0, 192))],
    route: [key('anthropic/claude-sonnet-4-5', spent(4.21, 120)), key('ollama/llama3.1:8b', spent(0, 192))],
    billing: [key('metered', spent(4.21, 120)), key('local', spent(0, 192))],
  },
  margin: { at_once: 6, most_usd: 0 },
  caps: [
    {
      cap: 'day',
      per: 'all',
      period: 'day',
      key: '',
      limit: 30,
      raised: 0,
      spent: 4,
      held: 0.25,
      presumed: 0,
      left: 25.75,
      resets_at: '2026-11-22T23:00:00.000Z',
    },
  ],
  windows: [],
  unknown: [],
  top_tasks: [
    {
      id: '01K3V9QX2M0000000000ABCDEF',
      excerpt: 'summarise the backup logs',
      source: 'cli',
      agent: 'general',
      calls: 12,
      usd: 1.2,
    },
  ],
  caps_hit: [],
  failures: [],
  ...fields,
})
