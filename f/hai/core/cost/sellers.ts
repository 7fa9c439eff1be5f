import type { Models } from '../base/backends.ts'
import { own } from '../base/own.ts'
import type { PriceList } from './prices.ts'

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
