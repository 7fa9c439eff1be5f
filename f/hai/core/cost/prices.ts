import { createHash } from 'node:crypto'
import type { Models, Prices, Rates } from '../base/backends.ts'
import { own } from '../base/own.ts'
import { listed, type Seller } from './list_prices.ts'
import { LIST_SOURCE } from './list_prices_data.ts'
import type { Price, Tokens } from './model_call.ts'

const MILLION = 1_000_000

/** What of a backend's configuration tells its prices: its own, else the list prices of whoever it is. */
interface PriceList extends Seller {
  models: Record<string, Rates & { prices?: Prices | undefined }>
  /** By a model's name, or by the beginning of one and `*`. */
  prices?: Record<string, Prices> | undefined
}

/**
 * The prices of `model` on the day of `at`: its own of the newest day that has come, else its own without a day, else
 * those of the longest pattern that fits, else list prices. Undefined when nobody has said.
 */
export function priceAt(list: PriceList, model: string, at: Date): Price | undefined {
  const day = at.toISOString().slice(0, 10)
  const { input, output, cache_read, cache_write, cache_write_1h, reasoning, prices } =
    own(list.models, model) ?? {}
  const flat = { input, output, cache_read, cache_write, cache_write_1h, reasoning }
  return (
    newest(prices ?? [], day) ??
    (Object.values(flat).some((rate) => rate !== undefined) ? priced('flat', flat) : undefined) ??
    newest(fitting(list.prices ?? {}, model), day) ??
    byList(list, model, day)
  )
}

function byList(seller: Seller, model: string, day: string): Price | undefined {
  const { above, ...rates } = listed(seller, model, day) ?? {}
  if (rates.input === undefined) return undefined
  return { ...priced(`list ${LIST_SOURCE.date}`, rates), ...(above ? { above } : {}) }
}

/** How a reader is told where a price comes from that has this version; nothing for one that the operator has set. */
export const isListPrice = (version: string) => version.startsWith('list ')

function newest(prices: Prices, day: string): Price | undefined {
  const [last] = prices.filter(({ from }) => from <= day).sort((a, b) => (a.from < b.from ? 1 : -1))
  if (!last) return undefined
  const { from, source: _, ...rates } = last
  return priced(from, rates)
}

function priced(from: string, rates: Rates): Price {
  const known = Object.entries(rates)
    .filter(([, rate]) => rate !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const hash = createHash('sha256').update(JSON.stringify(known)).digest('hex').slice(0, 8)
  return { rates, version: `${from}:${hash}` }
}

function fitting(prices: Record<string, Prices>, model: string): Prices {
  const exact = own(prices, model)
  if (exact) return exact
  const [longest] = Object.entries(prices)
    .filter(([pattern]) => pattern.endsWith('*') && model.startsWith(pattern.slice(0, -1)))
    .sort(([a], [b]) => b.length - a.length)
  return longest?.[1] ?? []
}

/** What so many tokens cost, in USD; null when a price or a count is unknown, which is not the same as nothing. */
export function cost(price: Price | undefined, tokens: Tokens): number | null {
  const rates = ratesOf(price, tokens.input ?? 0)
  const { input, output, cache_read, cache_write, reasoning } = tokens
  const anHour = Math.min(tokens.cache_write_1h ?? 0, cache_write ?? 0)
  // a backend that counts its thinking apart has it in the output as well
  const thought = rates.reasoning === undefined ? 0 : (reasoning ?? 0)
  const parts: [number | null, number | undefined][] = [
    [input === null ? null : Math.max(0, input - (cache_read ?? 0) - (cache_write ?? 0)), rates.input],
    [output === null ? null : Math.max(0, output - thought), rates.output],
    [cache_read ?? 0, rates.cache_read],
    [(cache_write ?? 0) - anHour, rates.cache_write],
    [anHour, rates.cache_write_1h ?? (rates.input === undefined ? undefined : 2 * rates.input)],
    [thought, rates.reasoning],
  ]
  let total = 0
  for (const [count, rate] of parts) {
    if (count === 0) continue
    if (count === null || rate === undefined) return null
    total += count * rate
  }
  return dustless(total / MILLION)
}

/** For a prompt of so many tokens. */
const ratesOf = (price: Price | undefined, input: number): Rates =>
  price?.above?.findLast(({ tokens }) => input > tokens) ?? price?.rates ?? {}

/** The most that so many tokens can cost, whatever a cache makes of them; null when a price is unknown. */
export function mostOf(price: Price | undefined, most: { input: number; output: number }): number | null {
  const { input, output, cache_read, cache_write, cache_write_1h, reasoning } = ratesOf(price, most.input)
  if (input === undefined || output === undefined) return null
  const dearestIn = Math.max(input, cache_read ?? 0, cache_write ?? 0, cache_write_1h ?? 0)
  const dearestOut = Math.max(output, reasoning ?? 0)
  return dustless((most.input * dearestIn + most.output * dearestOut) / MILLION)
}

/** To a millionth of a millionth: reports add these up, and floating point's dust with them. */
const dustless = (usd: number) => Number(usd.toFixed(12))

/** Programs whose calls are known from elsewhere, too, when nobody has configured them. */
const BY_NAME: Record<string, PriceList> = {
  anthropic: { kind: 'anthropic', models: {} },
  'claude-code': { kind: 'claude-code', models: {} },
}

/** Where the prices of a backend are to be looked up, by its name; undefined for one that nobody knows. */
export const sellersOf =
  (backends: Models['backends']) =>
  (name: string): PriceList | undefined =>
    own(backends, name) ?? own(BY_NAME, name)
