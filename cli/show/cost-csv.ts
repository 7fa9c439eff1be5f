import type { Amount, Breakdown, CostReport } from '../../f/hai/core/cost/shape.ts'

const COLUMNS = [
  'calls',
  'usd',
  'known_usd',
  'unknown_calls',
  'open_usd',
  'presumed_usd',
  'list_usd',
  'failed_calls',
  'input',
  'output',
  'cache_read',
  'cache_write',
  'reasoning',
  'ms',
  // what came later comes last: a script may count columns
  'cache_write_1h',
  'presumed_calls',
  'cancelled_calls',
  'stopped_calls',
  'uncounted_calls',
  'lost_calls',
  'untold_calls',
] as const

/** The report as RFC 4180: a line for each day, or for each key of what was asked for. Unknown is empty. */
export function csvOf(report: CostReport, by: Breakdown[] | undefined): string {
  const rows = by
    ? by.flatMap((one) => (report.by[one] ?? []).map((row) => [one, row.key, ...values(row)]))
    : report.by_day.map((row) => [
        row.day,
        row.tasks.total,
        row.tasks.escalated,
        ...values(row),
        row.errand_calls,
        row.errand_usd,
      ])
  const header = [
    ...(by ? ['by', 'key'] : ['day', 'tasks', 'escalated_tasks']),
    ...COLUMNS,
    ...(by ? [] : ['errand_calls', 'errand_usd']),
  ]
  return [header, ...rows].map((row) => row.map(field).join(',')).join('\r\n')
}

function values({ tokens, ...amount }: Amount): (number | null)[] {
  const all = { ...amount, ...tokens }
  return COLUMNS.map((name) => all[name])
}

function field(value: string | number | null): string {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
