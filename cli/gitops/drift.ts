import type { Drift, KubeObject } from './judge.ts'

const SHOWN = 60
const DURATION = /^(\d+h)?(\d+m)?(\d+(\.\d+)?s)?$/

/**
 * The fields that were generated and live with another value. What the cluster adds is no drift; a list that has more is.
 * A variable stands for whatever Flux filled in, and 5m is 5m0s.
 */
export function driftOf(generated: KubeObject, live: KubeObject): Drift[] {
  const { status: _, metadata, ...fields } = generated
  const { labels, annotations } = metadata
  return compare({ ...fields, metadata: { labels, annotations } }, live, '')
}

function compare(ours: unknown, live: unknown, path: string): Drift[] {
  if (ours === undefined || ours === null) return []
  if (Array.isArray(ours)) {
    if (!Array.isArray(live) || live.length !== ours.length) return [drift(path, ours, live)]
    return ours.flatMap((item, index) => compare(item, live[index], `${path}.${index}`))
  }
  if (typeof ours === 'object') {
    if (typeof live !== 'object' || live === null) return [drift(path, ours, live)]
    return Object.entries(ours).flatMap(([key, value]) =>
      compare(value, (live as Record<string, unknown>)[key], path ? `${path}.${key}` : key),
    )
  }
  return same(ours, live) ? [] : [drift(path, ours, live)]
}

function same(ours: unknown, live: unknown): boolean {
  if (ours === live) return true
  if (typeof ours !== 'string' || typeof live !== 'string') return false
  if (/\$\{\w+\}/.test(ours)) return filledIn(ours).test(live)
  const [a, b] = [seconds(ours), seconds(live)]
  return a !== undefined && a === b
}

function filledIn(text: string): RegExp {
  const parts = text.split(/\$\{\w+\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.+')}$`, 's')
}

/** Seconds of a duration as Go writes it; undefined for other text. */
function seconds(text: string): number | undefined {
  const match = text === '' ? null : DURATION.exec(text)
  if (!match) return undefined
  const [, hours = '0', minutes = '0', rest = '0'] = match
  return Number.parseInt(hours, 10) * 3600 + Number.parseInt(minutes, 10) * 60 + Number.parseFloat(rest)
}

function drift(path: string, ours: unknown, live: unknown): Drift {
  return { path, generated: shown(ours), live: shown(live) }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text
}
