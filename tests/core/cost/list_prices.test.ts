import { readFileSync } from 'node:fs'
import { calcPrice } from '@pydantic/genai-prices'
import { describe, expect, it } from 'vitest'
import { LIST_SOURCE } from '../../../f/hai/core/cost/list_prices_data.ts'
import { cost, isListPrice, mostOf, priceAt } from '../../../f/hai/core/cost/prices.ts'
import { tokens } from './ledger.ts'

const anthropic = { kind: 'anthropic', models: {} }
const DAY = new Date('2026-11-20T10:00:00Z')
const url = (url: string) => ({ kind: 'openai-compatible', url, models: {} })

describe('list prices', () => {
  it('are what the pinned package has, and are written by their script alone', async () => {
    const { listPrices } = await import(new URL('../../../windmill/list-prices.mjs', import.meta.url).href)
    const file = new URL('../../../f/hai/core/cost/list_prices_data.ts', import.meta.url)
    expect(readFileSync(file, 'utf8')).toBe(listPrices())
  })

  it.each([
    ['anthropic', anthropic, 'claude-sonnet-4-5-20250929'],
    ['anthropic', anthropic, 'claude-haiku-4-5'],
    ['anthropic', anthropic, 'claude-opus-4-6'],
    ['anthropic', { kind: 'claude-code', models: {} }, 'claude-fable-5-1-20260901'],
    ['openai', url('https://api.openai.com/v1'), 'gpt-4o'],
    ['openai', url('https://api.openai.com/v1'), 'gpt-5-mini'],
    ['google', url('https://generativelanguage.googleapis.com/v1beta/openai'), 'gemini-2.5-pro'],
    ['mistral', url('https://api.mistral.ai/v1'), 'mistral-large-latest'],
    ['groq', url('https://api.groq.com/openai/v1'), 'llama-3.3-70b-versatile'],
  ])('give for %s what the package works out: %#', (providerId, seller, model) => {
    for (const at of [DAY, new Date('2026-01-05T00:00:00Z')]) {
      for (const input of [1000, 200_000, 200_001, 300_000]) {
        const used = { input, output: 5000, cache_read: 400, cache_write: 0 }
        const usage = {
          input_tokens: input,
          output_tokens: 5000,
          cache_read_tokens: 400,
          cache_write_tokens: 0,
        }
        const theirs = calcPrice(usage, model, { providerId, timestamp: at })
        expect(cost(priceAt(seller, model, at), tokens(used))).toBeCloseTo(theirs!.total_price, 9)
      }
    }
  })

  it('have two of what is written to a cache: for minutes, and twice the input for an hour', () => {
    const price = priceAt(anthropic, 'claude-sonnet-4-5', DAY)
    const written = { input: 100_000, cache_write: 100_000 }
    expect(cost(price, tokens(written))).toBe(0.375)
    expect(cost(price, tokens({ ...written, cache_write_1h: 100_000 }))).toBe(0.6)
    expect(cost(price, tokens({ ...written, cache_write_1h: 40_000 }))).toBe(0.465)
    const own = { models: { m: { input: 3, cache_write: 3.75, output: 15 } } }
    expect(cost(priceAt(own, 'm', DAY), tokens({ ...written, cache_write_1h: 100_000 }))).toBe(0.6)
    const dear = { models: { m: { input: 3, cache_write: 3.75, cache_write_1h: 7, output: 15 } } }
    expect(cost(priceAt(dear, 'm', DAY), tokens({ ...written, cache_write_1h: 100_000 }))).toBe(0.7)
    expect(mostOf(priceAt(dear, 'm', DAY), { input: 1_000_000, output: 0 })).toBe(7)
  })

  it('give way to the operator’s own', () => {
    const own = { ...anthropic, models: { 'claude-sonnet-4-5': { input: 1, output: 2 } } }
    expect(priceAt(own, 'claude-sonnet-4-5', DAY)).toMatchObject({ rates: { input: 1, output: 2 } })
    const pattern = { ...anthropic, prices: { 'claude-*': [{ from: '2026-01-01', input: 7 }] } }
    expect(priceAt(pattern, 'claude-sonnet-4-5', DAY)).toMatchObject({ rates: { input: 7 } })
    expect(priceAt(anthropic, 'claude-sonnet-4-5', DAY)!.version).toContain(LIST_SOURCE.date)
    expect(isListPrice(priceAt(anthropic, 'claude-sonnet-4-5', DAY)!.version)).toBe(true)
    expect(isListPrice(priceAt(own, 'claude-sonnet-4-5', DAY)!.version)).toBe(false)
  })

  it.each([
    ['a model that nobody lists', anthropic, 'claude-nobody-9'],
    ['another server', url('https://models.example.com/v1'), 'gpt-4o'],
    ['a server at home', url('http://127.0.0.1:8080/v1'), 'gpt-4o'],
    ['a host that only begins like one', url('https://api.openai.com.example.com/v1'), 'gpt-4o'],
    ['another provider’s model', url('https://api.openai.com/v1'), 'claude-sonnet-4-5'],
    ['what is no name', anthropic, ''],
  ])('are not guessed for %s', (_, seller, model) => {
    expect(priceAt(seller, model, DAY)).toBeUndefined()
  })

  it('hold for what a call can cost at most, by the size of its prompt', () => {
    const price = priceAt(url('https://generativelanguage.googleapis.com/v1'), 'gemini-2.5-pro', DAY)
    const small = mostOf(price, { input: 200_000, output: 0 })!
    expect(mostOf(price, { input: 200_001, output: 0 })!).toBeGreaterThan(1.5 * small)
  })
})
