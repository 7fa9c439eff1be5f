import { createHash } from 'node:crypto'

export type Facts = Record<string, unknown>

export type Kind = 'script' | 'flow' | 'schedule' | 'http_trigger' | 'resource' | 'resource_type'

/** One thing of the bundle on either side; its facts are what both can tell of it. */
export interface Side {
  kind: Kind
  path: string
  facts: Facts
  /** Who changed it last, and when; only a server knows. */
  changed?: string
}

export interface Difference {
  state: 'changed' | 'missing' | 'extra'
  kind: Kind
  path: string
  /** Hashes of what is compared, a dash where there is nothing. */
  git: string
  live: string
  changed: string
}

/** What differs between Git and a server: only what Git says counts, as servers add defaults of their own. */
export function compare(git: Side[], live: Side[]): Difference[] {
  const key = ({ kind, path }: Side) => `${path} ${kind}`
  const lives = new Map(live.map((side) => [key(side), side]))
  const gits = new Set(git.map(key))
  const differing = git.flatMap((side): Difference[] => {
    const other = lives.get(key(side))
    const [wanted, found] = [hashOf(side.facts), other ? hashOf(projected(other.facts, side.facts)) : '-']
    if (wanted === found) return []
    const state = other ? 'changed' : 'missing'
    return [
      { state, kind: side.kind, path: side.path, git: wanted, live: found, changed: other?.changed ?? '' },
    ]
  })
  const extra = live
    .filter((side) => !gits.has(key(side)))
    .map(({ kind, path, facts, changed = '' }): Difference => {
      return { state: 'extra', kind, path, git: '-', live: hashOf(facts), changed }
    })
  return [...differing, ...extra].sort((a, b) => a.path.localeCompare(b.path))
}

/** The differences as a table, a line each. */
export function driftTable(differences: Difference[]): string {
  const title = {
    state: 'STATE',
    kind: 'KIND',
    path: 'PATH',
    git: 'GIT',
    live: 'LIVE',
    changed: 'LAST CHANGED',
  }
  const rows = [title, ...differences].map(({ state, kind, path, git, live, changed }) => {
    return [state, kind, path, git, live, changed]
  })
  const widths = Object.keys(title).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function hashOf(facts: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(facts)) ?? '')
    .digest('hex')
    .slice(0, 12)
}

/** The part of a value for which the pattern has a key. */
function projected(value: unknown, pattern: unknown): unknown {
  if (isRecord(value) && isRecord(pattern)) {
    return Object.fromEntries(Object.keys(pattern).map((key) => [key, projected(value[key], pattern[key])]))
  }
  const pairwise = Array.isArray(value) && Array.isArray(pattern) && value.length === pattern.length
  return pairwise ? value.map((item, index) => projected(item, pattern[index])) : value
}

/** Keys in order, and without what says nothing: to Windmill an empty text, or a last line break, is no difference. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.length > 0 ? value.map(canonical) : undefined
  if (typeof value === 'string') return value.trimEnd() || undefined
  if (!isRecord(value)) return value === null || value === false ? undefined : value
  const entries = Object.keys(value)
    .sort()
    .map((key) => [key, canonical(value[key])] as const)
    .filter(([, inner]) => inner !== undefined)
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}

const isRecord = (value: unknown): value is Facts =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
