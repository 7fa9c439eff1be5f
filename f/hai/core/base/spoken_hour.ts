/** A time of day as it was said, or only the part of the day. */
export interface Hour {
  hours: number
  minutes: number
  /** Said without a word of whether it is before or after noon: it may be twelve hours later. */
  either?: true
  midnight?: true
  /** "In the evening" alone is no time. */
  part?: string
}

const NUMBERS = [
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
]
const NUMBER = `\\d{1,2}|${NUMBERS.join('|')}`
const CLOCK = '(?<h>\\d{1,2})(?:[:.](?<m>[0-5]\\d))? ?(?<half>[ap])\\.?m\\.?'
const DAY_CLOCK = '(?<h>\\d{1,2}):(?<m>[0-5]\\d)(?::[0-5]\\d)?(?: ?h)?|(?<hh>\\d{1,2})h(?<mm>[0-5]\\d)?'
const WORDS = '(?<word>noon|midday|midnight)'
const PAST = `(?<how>half past|quarter past|quarter to) (?<of>${NUMBER})`
const BARE = `(?:at|@) ?(?<bare>${NUMBER})(?: o['’]?clock)?|(?<clock>${NUMBER}) o['’]?clock`
const BEFORE_PART = '(?<bare>\\d{1,2})(?= (?:tonight|in the (?:morning|afternoon|evening)))'

const FORMS = [CLOCK, DAY_CLOCK, WORDS, PAST, BARE, BEFORE_PART].map(
  (form) =>
    new RegExp(
      `(?:^|(?<!(?:^|\\s)(?:in|within))\\s)(?:(?:at|around|about|by|@)\\s?(?=\\S))??(?:${form})(?=\\s|$)`,
    ),
)
const PART =
  /(?:^|\s)(?:in the |this |at )?(morning|afternoon|evening|night)(?=\s|$)|(?:^|\s)(tonight)(?=\s|$)/

/** The hour that a phrase names, and the phrase without it; undefined when it names an impossible one, or two. */
export function takeHour(phrase: string): { hour?: Hour; rest: string } | undefined {
  const form = FORMS.find((one) => one.test(phrase))
  const found = form?.exec(phrase)
  const without = found ? cutOut(phrase, found) : phrase
  const partly = PART.exec(without)
  const part = partly?.[1] ?? (partly ? 'night' : undefined)
  const rest = partly
    ? cutOut(without, partly, partly[2] || (/this/.test(partly[0]) && !partly[2]) ? ' today ' : ' ')
    : without
  if (!found) return part ? { hour: { hours: 0, minutes: 0, part }, rest } : { rest }
  const hour = hourOf(found.groups!, part)
  if (!hour || FORMS.some((one) => one.test(rest) && !/^\d/.test(rest))) return undefined
  return { hour, rest }
}

function cutOut(text: string, found: RegExpExecArray, instead = ' '): string {
  const after = text.slice(found.index + found[0].length)
  return `${text.slice(0, found.index)}${instead}${after}`
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^(?:on|of) | (?:at|on|by|@)$/g, '')
}

function hourOf(groups: Record<string, string | undefined>, part: string | undefined): Hour | undefined {
  const { h, m, half, hh, mm, word, how, of, bare, clock } = groups
  if (word) return word === 'midnight' ? { hours: 0, minutes: 0, midnight: true } : { hours: 12, minutes: 0 }
  const minutes = Number(
    m ?? mm ?? (how ? { half: 30, quarter: how.endsWith('to') ? 45 : 15 }[how.split(' ')[0]!] : 0),
  )
  const said = h ?? hh ?? of ?? bare ?? clock!
  const named = NUMBERS.indexOf(said) + 1 || Number(said)
  const hours = how?.endsWith('to') ? named - 1 || 12 : named
  if (half) {
    if (hours < 1 || hours > 12) return undefined
    return { hours: (hours % 12) + (half === 'p' ? 12 : 0), minutes }
  }
  if (hours > 23 || hours < 0) return undefined
  if (part && hours <= 12) return { hours: inPart(hours, part), minutes }
  if (h !== undefined || hh !== undefined || hours > 12) return { hours, minutes }
  // from one to six nobody has anything due in the night
  if (hours === 12) return { hours, minutes }
  return hours < 7 ? { hours: hours + 12, minutes } : { hours, minutes, either: true }
}

function inPart(hours: number, part: string): number {
  if (part === 'morning') return hours % 12
  return part === 'night' && hours < 5
    ? hours + 24
    : (hours % 12) + (part === 'night' && hours === 12 ? 24 : 12)
}
