/**
 * The shapes that cross a webhook: what doors return and the CLI reads. Field names are the contract's.
 * Times are RFC 3339 strings in UTC, durations seconds, costs USD.
 */

/** Raised when a caller of the previous number would be misunderstood. */
export const CONTRACT = 2

/** How many there are in all of what a list shows a part of, counted by the database. */
export interface Total {
  total: number
  /** There are more than `total`; nobody counted on. */
  total_capped?: true
}

/** One of the operator's configurations as it is in force. */
export interface Setting {
  name: string
  value: unknown
  /** Where each value comes from, by its path: `caps.day.usd`. */
  origin: Record<string, string>
  /** Why the newest is not in force, and what is. */
  error?: string
}

/** What whoever compared with Git found last. */
export interface DriftReported {
  kind: 'windmill' | 'cluster'
  target: string
  compared: number
  differences: number
  /** The first of the differences, a line each. */
  examples: string[]
  reported_by: string
  reported_at: string
}

export interface ErrorBody {
  error: { code: string; message: string; details?: Record<string, unknown> }
}

/**
 * The schema that this release's doors expect: how many migrations there are. Written here, and held to the list by a test,
 * since every door asks for it, and none but `admin/migrate` has a use for their texts.
 */
export const SCHEMA_VERSION = 26
