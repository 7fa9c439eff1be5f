import { describe, expect, it } from 'vitest'
import { Prices } from '../../../f/hai/core/base/backends.ts'
import { cost, mostOf, priceAt } from '../../../f/hai/core/cost/prices.ts'
import { tokens } from './ledger.ts'

/** platform.claude.com/docs/en/about-claude/pricing, USD per million tokens. */
const PUBLISHED = {
  'claude-opus-4-5': { input: 5, output: 25, cache_read: 0.5, cache_write: 6.25 },
  'claude-sonnet-4': { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 },
  'claude-opus-4-1': { input: 15, output: 75, cache_read: 1.5, cache_write: 18.75 },
}
type Published = keyof typeof PUBLISHED
const list = { models: PUBLISHED }
const NOW = new Date('2026-11-22T12:00:00Z')

describe('what a call costs', () => {
  it.each<[Published, Parameters<typeof tokens>[0], number]>([
    // 1 000 000 × 5
    ['claude-opus-4-5', { input: 1_000_000 }, 5],
    // 1 200 × 5 + 800 × 25 = 6 000 + 20 000
    ['claude-opus-4-5', { input: 1200, output: 800 }, 0.026],
    // (50 000 − 40 000 − 6 000) × 5 + 40 000 × 0.50 + 6 000 × 6.25 + 1 000 × 25 = 20 000 + 20 000 + 37 500 + 25 000
    ['claude-opus-4-5', { input: 50_000, cache_read: 40_000, cache_write: 6000, output: 1000 }, 0.1025],
    // 7 × 3 + 3 × 15 = 66
    ['claude-sonnet-4', { input: 7, output: 3 }, 0.000066],
    // (200 000 − 199 999) × 3 + 199 999 × 0.30 + 64 000 × 15 = 3 + 59 999.7 + 960 000
    ['claude-sonnet-4', { input: 200_000, cache_read: 199_999, output: 64_000 }, 1.0200027],
    // 123 456 × 3.75 + 789 × 15 = 462 960 + 11 835
    ['claude-sonnet-4', { input: 123_456, cache_write: 123_456, output: 789 }, 0.474795],
    // 33 333 × 15 + 7 777 × 75 = 499 995 + 583 275
    ['claude-opus-4-1', { input: 33_333, output: 7777 }, 1.08327],
    // 90 000 × 1.50 + 10 000 × 18.75 + 1 × 75 = 135 000 + 187 500 + 75
    ['claude-opus-4-1', { input: 100_000, cache_read: 90_000, cache_write: 10_000, output: 1 }, 0.322575],
  ])('is for %s what its price page says: %j', (model, used, usd) => {
    expect(cost(priceAt(list, model, NOW), tokens(used))).toBe(usd)
  })

  it('counts thoughts at their own price where there is one', () => {
    const rates = { input: 1, output: 2, reasoning: 3 }
    expect(cost({ rates, version: 'x' }, tokens({ output: 1_000_000, reasoning: 400_000 }))).toBe(2.4)
  })

  it('is never more than what was held for it', () => {
    const price = priceAt(list, 'claude-opus-4-5', NOW)
    const most = mostOf(price, { input: 1000, output: 500 })!
    for (const used of [
      { input: 1000, output: 500 },
      { input: 1000, cache_write: 1000, output: 500 },
    ])
      expect(cost(price, tokens(used))).toBeLessThanOrEqual(most)
  })
})

describe('the price of a day', () => {
  const prices = Prices.parse([
    { from: '2026-10-07', input: 2, output: 10, source: 'https://example.com/prices' },
    { from: '2026-01-01', input: 3, output: 15 },
  ])
  const dated = { models: { new: { prices, input: 9 } }, prices: { 'new-*': prices } }
  const of = (model: string, day: string) => priceAt(dated, model, new Date(`${day}T12:00:00Z`))

  it('is the newest that has come, and before the first the one without a day', () => {
    expect(of('new', '2026-10-07')?.rates.input).toBe(2)
    expect(of('new', '2026-10-06')?.rates.input).toBe(3)
    expect(of('new', '2025-12-31')?.rates.input).toBe(9)
  })

  it('is known by its day and its figures', () => {
    expect(of('new', '2026-10-07')?.version).toMatch(/^2026-10-07:[0-9a-f]{8}$/)
    expect(of('new', '2025-12-31')?.version).toMatch(/^flat:/)
  })

  it('goes by a pattern only where one is written', () => {
    expect(of('new-large', '2026-10-07')?.rates.input).toBe(2)
    expect(of('newer', '2026-10-07')).toBeUndefined()
    expect(of('another', '2026-10-07')).toBeUndefined()
  })

  it('goes by the longest pattern that fits', () => {
    const [short, long] = [1, 2].map((input) => Prices.parse([{ from: '2026-01-01', input }]))
    const list = { models: {}, prices: { 'c-*': short!, 'c-large-*': long! } }
    expect(priceAt(list, 'c-large-2', NOW)?.rates.input).toBe(2)
    expect(priceAt(list, 'c-small-2', NOW)?.rates.input).toBe(1)
  })

  it('is said once for each day', () => {
    expect(Prices.safeParse([{ from: '2026-01-01' }, { from: '2026-01-01', input: 2 }]).success).toBe(false)
    expect(Prices.safeParse([{ from: 'May' }]).success).toBe(false)
    expect(Prices.safeParse([{ from: '2026-01-01', input: -2 }]).success).toBe(false)
  })
})
