import { LIST_LINES } from './list_prices_data.ts'

type Match =
  | { and: Match[] }
  | { or: Match[] }
  | { contains: string }
  | { ends_with: string }
  | { equals: string }
  | { regex: string }
  | { starts_with: string }

/** USD per million tokens; see `prices.ts`. */
type Rates = {
  [kind in 'input' | 'output' | 'cache_read' | 'cache_write' | 'cache_write_1h' | 'reasoning']?:
    | number
    | undefined
}

/** The rates of a prompt, and those of one that has more than so many tokens. */
export interface Tiered extends Rates {
  above?: (Rates & { tokens: number })[]
}

interface Listed {
  match: Match
  prices: (Tiered & { from?: string })[]
}

interface Provider {
  provider: string
  url: RegExp
  models: Listed[]
}

/** What of a backend's configuration tells whose prices it has. */
export interface Seller {
  kind?: string | undefined
  url?: string | undefined
}

let providers: Provider[] | undefined

/** Read when first needed: a worker that makes no call never pays for it. */
function all(): Provider[] {
  providers ??= read()
  return providers
}

function read(): Provider[] {
  const known: Provider[] = []
  for (const text of LIST_LINES.trim().split('\n')) {
    const line = JSON.parse(text) as { provider: string; url: string } | Listed
    if ('provider' in line) known.push({ ...line, url: address(line.url), models: [] })
    else known.at(-1)!.models.push(line)
  }
  return known
}

/** Of a whole host: what merely begins like one is somebody else's. */
function address(pattern: string): RegExp {
  const rest = pattern.endsWith('\\.') ? '[a-z]+' : ''
  return new RegExp(`^(?:${pattern})${rest}(?:[/:?#]|$)`)
}

/**
 * The list price of `model` on a day, of whoever sells it: known by the address, and where that is nobody's known by the
 * kind. Claude's own are what a subscription's calls would have cost. Undefined when the list has none.
 */
export function listed(seller: Seller, model: string, day: string): Tiered | undefined {
  const name = model.trim().toLowerCase()
  const listing = sellerOf(seller)?.models.find(({ match }) => matches(match, name))
  const begun = listing?.prices.filter(({ from = '' }) => from <= day)
  const last = begun?.sort((a, b) => ((a.from ?? '') < (b.from ?? '') ? 1 : -1)).at(0)
  if (!last) return undefined
  const { from: _, above, ...rates } = last
  return { ...whole(rates), ...(above ? { above: above.map((tier) => ({ ...tier, ...whole(tier) })) } : {}) }
}

function sellerOf({ kind, url }: Seller): Provider | undefined {
  const owner = url === undefined ? undefined : all().find((provider) => provider.url.test(url.toLowerCase()))
  const isClaude = kind === 'anthropic' || kind === 'claude-code'
  return owner ?? (isClaude ? all().find(({ provider }) => provider === 'anthropic') : undefined)
}

/** The list names what a cache gives or takes only where that has a price of its own. */
const whole = (rates: Rates): Rates => ({ cache_read: rates.input, cache_write: rates.input, ...rates })

function matches(match: Match, name: string): boolean {
  if ('and' in match) return match.and.every((one) => matches(one, name))
  if ('or' in match) return match.or.some((one) => matches(one, name))
  if ('contains' in match) return name.includes(match.contains)
  if ('ends_with' in match) return name.endsWith(match.ends_with)
  if ('starts_with' in match) return name.startsWith(match.starts_with)
  return 'equals' in match ? name === match.equals : new RegExp(match.regex).test(name)
}
