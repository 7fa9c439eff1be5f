/** How lengths of time, days, counts and money are written, alike in the terminal, on the page, in notices and in errors. */

export const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A length of time as a sentence needs it: `40 s`, `4 min`, `3 h`, `2 days`. */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}

/** USD to the cent; what is less than a cent says so instead of being nothing. */
export function dollars(usd: number): string {
  const shown = usd.toFixed(2)
  return usd > 0 && shown === '0.00' ? '<$0.01' : `$${shown}`
}

/** USD of a single call, which is often less than a cent. */
export function fineDollars(usd: number): string {
  if (usd >= 1 || usd === 0) return dollars(usd)
  const shown = usd.toFixed(4)
  return shown === '0.0000' ? '<$0.0001' : `$${shown}`
}

export function shortNumber(value: number): string {
  if (value < 1000) return String(Math.round(value))
  if (value < 999_500) return `${digits(value / 1000)}k`
  if (value < 999_500_000) return `${digits(value / 1_000_000)}M`
  return `${digits(value / 1_000_000_000)}G`
}

const digits = (value: number) => (value < 99.95 ? value.toFixed(1) : value.toFixed(0)).replace(/\.0$/, '')

/** `1 call`, `2 calls`. */
export function count(value: number, one: string): string {
  return `${value} ${value === 1 ? one : `${one}s`}`
}

/** A share as whole percent; what is not nothing is at least 1, and what is not all at most 99. */
export function percent(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return '0 %'
  if (part >= whole) return '100 %'
  return `${Math.min(99, Math.max(1, Math.round((part / whole) * 100)))} %`
}

/** `5 h`, `3 days`, `week`. */
export function hoursText(hours: number): string {
  if (hours === 168) return 'week'
  return hours % 24 === 0 && hours > 24 ? `${hours / 24} days` : `${hours} h`
}

/** `15 min`, `24 h`. */
export const spanText = (minutes: number) => (minutes >= 60 ? `${minutes / 60} h` : `${minutes} min`)

/** `2026-11-27 Fri`. */
export function dayText(day: string): string {
  return `${day} ${WEEKDAYS[new Date(`${day}T00:00:00Z`).getUTCDay()]}`
}
