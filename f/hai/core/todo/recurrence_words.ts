import { type Clock, isDay, wallClock } from '../base/dates.ts'
import { parseDue } from '../base/due.ts'
import { MONTHS, WEEKDAYS } from '../base/words.ts'
import { type Days, isStride, type Recurrence } from './recurrence.ts'

const MOST = 1000
const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']
const ORDINALS = ['', 'first', 'second', 'third', 'fourth']
const DAY_NAMES = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
const MONTH_NAMES = 'january february march april may june july august september october november december'
const WORKDAYS = [1, 2, 3, 4, 5]
/** Of a leap year, as 29 February comes again too. */
const MONTH_LENGTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const WEEKDAY = '(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?s?'
const WEEKDAY_LIST = `${WEEKDAY}(?:(?:,? and |, ?| ?& ?|/)${WEEKDAY})*`
const MONTH = `(?:${MONTH_NAMES.split(' ')
  .map((name) => (name.length > 4 ? `${name.slice(0, 3)}(?:${name.slice(3)})?` : name))
  .join('|')}|sept)`
const ORDINAL = '(?:the )?(?:(?<date>\\d{1,2})(?:st|nd|rd|th)?|(?<last>last)(?: day)?)'
const OF_MONTH = '(?: (?:day )?(?:of|in) (?:the|each|every) month)?'

/** What stands after "every", with the same said by one word taken for it. */
const FORMS: [RegExp, (groups: Record<string, string | undefined>) => Days | undefined][] = [
  [
    whole('(?:(?<n>\\d+|\\w+) )?(?<unit>day|week|month|year)s?'),
    ({ n, unit }) => counted(n, unit as 'day' | 'week' | 'month' | 'year'),
  ],
  [whole('(?:weekday|workday|working day|business day)s?'), () => weekly(1, WORKDAYS)],
  [whole('weekends?'), () => weekly(1, [6])],
  [
    whole(`(?:(?:(?<n>\\d+|\\w+) )?weeks? (?:on )?)?(?<list>${WEEKDAY_LIST})`),
    ({ n, list }) => weekly(number(n ?? 'one'), weekdays(list!)),
  ],
  [
    whole(`(?<n>other|second|2nd) (?<day>${WEEKDAY})`),
    // "every second monday" may be one of the month
    ({ n, day }) => (n === 'other' ? weekly(2, weekdays(day!)) : undefined),
  ],
  [
    whole(
      `(?:the )?(?<nth>first|1st|second|2nd|third|3rd|fourth|4th|last) (?<day>${WEEKDAY}) (?:of|in) (?:the|each|every) month`,
    ),
    ({ nth, day }) => ({ every: 1, unit: 'month', nth: ordinal(nth!), weekday: weekdays(day!)[0]! }),
  ],
  [
    whole(
      `(?:(?<n>\\d+|\\w+) )?months? on the (?<nth>first|1st|second|2nd|third|3rd|fourth|4th|last) (?<day>${WEEKDAY})`,
    ),
    ({ n, nth, day }) =>
      inRange(number(n ?? 'one'), (every) => ({
        every,
        unit: 'month',
        nth: ordinal(nth!),
        weekday: weekdays(day!)[0]!,
      })),
  ],
  [
    whole(`(?:(?<n>\\d+|\\w+) )?months? on ${ORDINAL}`),
    ({ n, date, last }) => monthly(number(n ?? 'one'), date, last),
  ],
  // "every 3 days" has no ordinal: the number alone counts
  [
    whole(`(?:the )?(?:(?<date>\\d{1,2})(?:st|nd|rd|th)|(?<last>last) day)${OF_MONTH}`),
    ({ date, last }) => monthly(1, date, last),
  ],
  [
    whole(
      `(?:(?:(?<n>\\d+|\\w+) )?years? (?:on )?)?(?:(?:the )?(?<d1>\\d{1,2})(?:st|nd|rd|th)?(?: of)? (?<m1>${MONTH})|(?<m2>${MONTH}) (?:the )?(?<d2>\\d{1,2})(?:st|nd|rd|th)?)`,
    ),
    ({ n, d1, d2, m1, m2 }) => yearly(number(n ?? 'one'), m1 ?? m2!, Number(d1 ?? d2)),
  ],
]

/** One word for a rule, as it stands after "every". */
const ADVERBS: [RegExp, string][] = [
  [/^daily\b/, 'day'],
  [/^weekly\b/, 'week'],
  [/^(?:fortnightly|every fortnight)\b/, '2 weeks'],
  [/^monthly\b/, 'month'],
  [/^(?:quarterly|every quarter)\b/, '3 months'],
  [/^(?:yearly|annually)\b/, 'year'],
]

const AFTER =
  / after(?: (?:it(?:'s| is|’s)? )?(?:done|completion|completed|finished|finishing|that|(?:the )?last(?: time)?))?$/
const TIMED =
  /^(.+?)(?:,? (?:at|@) ?(.+)|,? (\d{1,2}(?:[:.]\d\d)? ?[ap]\.?m|\d{1,2}:\d\d|noon|midday|midnight))?$/
const EVERY = /^(?:every|each) /

/**
 * Reads a rule that fills the whole of `text`: `every monday`, `every 2 weeks on mon and thu at 18:00`, `monthly on the
 * 1st`, `yearly on 3 Dec`, `every 3 days after`. Undefined when any of it is not understood, could be read two ways or names
 * no day. The clock is for reading a time of day alone.
 */
export function parseRecurrence(text: string, clock: Clock): Recurrence | undefined {
  if (text.length > 120) return undefined
  const said = text
    .trim()
    .replace(/\s+/g, ' ')
    .toLowerCase()
    .replace(/[.,;:!]+$/, '')
  const after = AFTER.test(said)
  const [, phrase, ...times] = said.replace(AFTER, '').match(TIMED) ?? []
  const time = times.find(Boolean)
  const at = time === undefined ? undefined : timeOf(time, clock)
  if (!phrase || (time !== undefined && !at)) return undefined
  const days = daysOf(phrase)
  if (!days) return undefined
  // counted from when it was done no day of a calendar is left
  if (after && !(days.unit === 'day' || isStride(days))) return undefined
  return { ...days, ...(at && { at }), ...(after && { after }) }
}

function daysOf(phrase: string): Days | undefined {
  const adverb = ADVERBS.find(([pattern]) => pattern.test(phrase))
  const rule = adverb ? phrase.replace(adverb[0], adverb[1]) : phrase.replace(EVERY, '')
  if (!adverb && rule === phrase) return undefined
  // "every monday morning" is a day: no hour is made up
  const bare = rule.replace(new RegExp(`^(${WEEKDAY}) (?:morning|afternoon|evening|night)s?$`), '$1')
  const day = /^(?:morning|afternoon|evening|night)s?$/.test(bare) ? 'day' : bare
  for (const [pattern, read] of FORMS) {
    const groups = day.match(pattern)
    if (groups) return read(groups.groups ?? {})
  }
  return undefined
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}

function number(word: string): number {
  if (word === 'other') return 2
  const named = NUMBERS.indexOf(word)
  if (named > 0) return named
  return /^\d{1,4}$/.test(word) ? Number(word) : 0
}

function inRange<T>(every: number, made: (every: number) => T): T | undefined {
  return every >= 1 && every <= MOST ? made(every) : undefined
}

function counted(n: string | undefined, unit: 'day' | 'week' | 'month' | 'year'): Days | undefined {
  return inRange(number(n ?? 'one'), (every): Days => {
    if (unit === 'day') return { every, unit }
    if (unit === 'week') return { every, unit, on: [] }
    return unit === 'month' ? { every, unit, nth: 0 } : { every, unit, month: 0, day: 0 }
  })
}

const weekly = (n: number, on: number[]) => inRange(n, (every): Days => ({ every, unit: 'week', on }))

function monthly(n: number, date: string | undefined, last: string | undefined): Days | undefined {
  const nth = last ? -1 : Number(date)
  if (nth === 0 || nth > 31) return undefined
  return inRange(n, (every) => ({ every, unit: 'month', nth }))
}

function yearly(n: number, name: string, day: number): Days | undefined {
  const month = MONTH_NAMES.split(' ').findIndex((known) => known.startsWith(name.slice(0, 3))) + 1
  if (day < 1 || day > MONTH_LENGTHS[month - 1]!) return undefined
  return inRange(n, (every) => ({ every, unit: 'year', month, day }))
}

function weekdays(list: string): number[] {
  const named = list.match(new RegExp(WEEKDAY, 'g')) ?? []
  const days = named.map((name) => DAY_NAMES.findIndex((day) => day.startsWith(name.slice(0, 3))) + 1)
  return [...new Set(days)].toSorted((a, b) => a - b)
}

const ordinal = (word: string): number =>
  word === 'last' ? -1 : /^\d/.test(word) ? Number(word[0]) : ORDINALS.indexOf(word)

/** A time of day as dates have it; of a bare hour from one to six the afternoon is meant, as there. */
function timeOf(text: string, clock: Clock): string | undefined {
  const [, bare] = text.match(/^(\d{1,2})$/) ?? []
  const hour = Number(bare)
  if (bare && hour < 24) return `${String(hour > 0 && hour < 7 ? hour + 12 : hour).padStart(2, '0')}:00`
  const due = parseDue(`tomorrow ${/^\d/.test(text) ? `at ${text}` : text}`, clock)?.due
  if (!due || isDay(due)) return undefined
  return wallClock(new Date(due), clock.zone).toISOString().slice(11, 16)
}

/** A rule as it is kept, shown and read again: `every 2 weeks on Mon and Thu at 18:00`. */
export function recurrenceText(rule: Recurrence): string {
  const at = rule.at ? ` at ${rule.at}` : ''
  return `${daysText(rule)}${at}${rule.after ? ' after it is done' : ''}`
}

function daysText(rule: Recurrence): string {
  const { every, unit } = rule
  const stride = every === 1 ? `every ${unit}` : `every ${every} ${unit}s`
  if (rule.unit === 'day') return stride
  if (rule.unit === 'week') {
    if (rule.on.length === 0) return stride
    if (every === 1 && rule.on.join() === WORKDAYS.join()) return 'every weekday'
    const names = rule.on.map((day) => (rule.on.length > 1 ? WEEKDAYS[day % 7]! : dayName(day)))
    const list = [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' and ')
    return every === 1 ? `every ${list}` : `${stride} on ${list}`
  }
  if (rule.unit === 'month') {
    if (rule.nth === 0) return stride
    const nth = rule.nth < 0 ? 'last' : rule.weekday ? ORDINALS[rule.nth]! : nthText(rule.nth)
    return `${stride} on the ${nth}${rule.weekday ? ` ${dayName(rule.weekday)}` : rule.nth < 0 ? ' day' : ''}`
  }
  return rule.month === 0 ? stride : `${stride} on ${rule.day} ${MONTHS[rule.month - 1]}`
}

function dayName(day: number): string {
  const name = DAY_NAMES[day - 1]!
  return name[0]!.toUpperCase() + name.slice(1)
}

function nthText(n: number): string {
  const ending = n % 100 > 10 && n % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return `${n}${ending}`
}
