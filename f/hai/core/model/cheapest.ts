import type { Backend, Choice, Models } from '../base/backends.ts'
import type { WorkerEnvironment } from '../base/environment.ts'
import { mostOf, priceAt } from '../cost/prices.ts'
import { choice, choose, freeChoice, lack } from './choose.ts'

/** What an errand is about, in tokens: prices are compared by it. */
const USUAL = { input: 2000, output: 100 }

const BECAUSE = 'an errand: the cheapest that can answer'

/**
 * Who answers an errand: where questions go if that costs nothing, so that no other model is loaded for it; else what is
 * free and can be reached, a subscription, what is metered, of these the model with the lowest price. What would have to be
 * loaded first comes after a subscription. As for a question, undefined when there is nothing to ask, `invalid` when the
 * configured default can't be used.
 */
export async function chooseForErrand(
  models: Models,
  around: WorkerEnvironment,
  reached?: (url: string) => Promise<boolean>,
): Promise<Choice | undefined> {
  const asked = await choose(models, around, reached)
  if (!asked || asked.backend.billing === 'local') return asked
  // without a default it has been looked for
  const free = models.default ? await freeChoice(models, around, reached) : undefined
  const plan = cheapest(models, around, 'subscription')
  const first = free?.loading ? (plan ?? free) : (free ?? plan ?? cheapest(models, around, 'metered'))
  return first ? { ...first, reason: BECAUSE } : asked
}

/** Of all models that are paid for in this way the one with the lowest price; those without a price come last. */
function cheapest(
  { backends }: Models,
  around: WorkerEnvironment,
  billing: Backend['billing'],
): Choice | undefined {
  const now = new Date()
  const able = Object.entries(backends).filter(
    ([, backend]) => backend.enabled && backend.billing === billing && !lack(backend, around),
  )
  const priced = able.flatMap(([name, backend]) =>
    Object.keys(backend.models).map((model) => ({
      chosen: choice([name, backend], BECAUSE, model),
      usd: mostOf(priceAt(backend, model, now), USUAL) ?? Number.POSITIVE_INFINITY,
    })),
  )
  // the first of those that cost the same
  const lowest = Math.min(...priced.map(({ usd }) => usd))
  return priced.find(({ usd }) => usd === lowest)?.chosen
}
