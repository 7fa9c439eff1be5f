import { MONTHS, WEEKDAYS } from '../../f/hai/core/base/words.ts'

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** An instant as people say it, in local time: `3 min ago`, `in 2 h`, `yesterday 14:05`, `Fri 27 Nov`. */
export function relative(instant: string, now = new Date()): string {
  const at = new Date(instant)
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000)
  const size = Math.abs(seconds)
  if (size < 45) return seconds >= 0 ? 'just now' : 'in a moment'
  const said = (text: string) => (seconds > 0 ? `${text} ago` : `in ${text}`)
  if (size < 3570) return said(`${Math.max(1, Math.round(size / 60))} min`)
  const apart = daysApart(at, now)
  if (size < 6 * 3600 || apart === 0) return said(`${Math.round(size / 3600)} h`)
  if (Math.abs(apart) === 1) return `${apart < 0 ? 'yesterday' : 'tomorrow'} ${clock(at)}`
  return date(at, now)
}

/** How old something is, in few letters: `now`, `3 min`, `5 h`, `2 d`, and from a week on its day, `27 Nov`. */
export function ageText(instant: string, now = new Date()): string {
  const at = new Date(instant)
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000)
  if (seconds < 45) return 'now'
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min`
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`
  if (seconds < 7 * 86_400) return `${Math.floor(seconds / 86_400)} d`
  const year = at.getFullYear() === now.getFullYear() ? '' : ` ${at.getFullYear()}`
  return `${at.getDate()} ${MONTHS[at.getMonth()]}${year}`
}

/** A todo's due day, or instant, in local time: `today`, `tomorrow 17:00`, `Fri 27 Nov`. */
export function dueText(due: string, now = new Date()): string {
  const [year, month, day] = due.split('-').map(Number)
  const wholeDay = due.length === 10
  const at = wholeDay ? new Date(year ?? 0, (month ?? 1) - 1, day ?? 1) : new Date(due)
  const name = { '-1': 'yesterday', '0': 'today', '1': 'tomorrow' }[daysApart(at, now)] ?? date(at, now)
  return wholeDay ? name : `${name} ${clock(at)}`
}

/** The local time of day, `14:05:09`. */
export function timeOfDay(instant: string): string {
  const at = new Date(instant)
  return `${clock(at)}:${two(at.getSeconds())}`
}

/** A length of time, given in milliseconds: `80 ms`, `4.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const whole = Math.round(ms / 1000)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** Seconds in `90`, `90s`, `5m`, `2h`, `3d` or `1w`; undefined when it is no length of time. */
export function seconds(text: string): number | undefined {
  const [, count, unit = 's'] = /^(\d+(?:\.\d+)?)\s*([smhdw])?$/.exec(text.trim()) ?? []
  const value = Number(count) * (SECONDS[unit] ?? Number.NaN)
  return value > 0 ? value : undefined
}

/** The instant (RFC 3339) meant by `2h` (ago), `today`, `yesterday`, a day or a time; undefined when it is none. */
export function pastInstant(text: string, now = new Date()): string | undefined {
  const word = text.trim().toLowerCase()
  if (word === 'today' || word === 'yesterday') {
    const back = word === 'today' ? 0 : 1
    return new Date(now.getFullYear(), now.getMonth(), now.getDate() - back).toISOString()
  }
  if (/[smhdw]$/.test(word)) {
    const ago = seconds(word)
    return ago === undefined ? undefined : new Date(now.getTime() - ago * 1000).toISOString()
  }
  const [, year, month, day, rest] = /^(\d{4})-(\d{2})-(\d{2})(t.+)?$/.exec(word) ?? []
  if (!year) return undefined
  const local = new Date(Number(year), Number(month) - 1, Number(day))
  const at = rest ? new Date(word.toUpperCase()) : local
  const real = local.getMonth() === Number(month) - 1 && local.getDate() === Number(day)
  return real && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined
}

/** Whole local days from `now` to `at`: -1 is yesterday. */
function daysApart(at: Date, now: Date): number {
  const day = (time: Date) => Date.UTC(time.getFullYear(), time.getMonth(), time.getDate())
  return (day(at) - day(now)) / 86_400_000
}

// Intl.DateTimeFormat would cost a tenth of the start-up of a command that prints a table.
function date(at: Date, now: Date): string {
  const year = at.getFullYear() === now.getFullYear() ? '' : ` ${at.getFullYear()}`
  return `${WEEKDAYS[at.getDay()]} ${at.getDate()} ${MONTHS[at.getMonth()]}${year}`
}

function clock(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

const SHORT = 6

/** An id as people see it: its last six characters. */
export function shortId(id: string): string {
  return id.slice(-SHORT)
}

/** The same for ids shown together: as many more characters as tell all of them apart. */
export function shortIds(ids: string[]): string[] {
  const distinct = new Set(ids).size
  let length = SHORT
  while (length < 26 && new Set(ids.map((id) => id.slice(-length))).size < distinct) length++
  return ids.map((id) => id.slice(-length))
}

/** Rows of a list that have a number, which is no longer than three digits. */
export const NUMBERED = 999
