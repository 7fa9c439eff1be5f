import type { Retry } from './value.ts'

/** Milliseconds until the next try after so many failed ones; undefined when there is none. As Windmill counts them. */
export function retryDelay(retry: Retry | undefined, failures: number): number | undefined {
  const { constant, exponential } = retry ?? {}
  const before = failures - 1
  const constants = constant?.attempts ?? 0
  if (constant && before < constants) return constant.seconds * 1000
  if (!exponential || before - constants >= exponential.attempts) return undefined
  const { multiplier, seconds, random_factor: spread = 0 } = exponential
  const delay = multiplier * seconds ** failures * 1000
  return Math.max(0, delay * (1 + (Math.random() * 2 - 1) * (spread / 100)))
}
