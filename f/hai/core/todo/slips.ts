import { nearest } from '../base/text.ts'

const LONG = [
  'wednesday',
  'thursday',
  'saturday',
  'february',
  'september',
  'november',
  'december',
  'tomorrow',
]
const SHORT = ['monday', 'tuesday', 'friday', 'sunday', 'january', 'august', 'october', 'tonight', 'weekend']
/** Words of their own, a letter away from a day. */
const NO_SLIPS = /^(?:tomm?orr?ow|sundry|sundae|augusta|.*(?:days|bers|nights|ends|arys?|augusts|morrows))$/

/** The day or the month that `word` (lower case) is a slip of; undefined of what is one, and of what is none. */
export function slipOf(word: string): string | undefined {
  if (!/^\p{L}{5,11}$/u.test(word) || NO_SLIPS.test(word)) return undefined
  const meant = nearest(word, SHORT, 1) ?? nearest(word, LONG, 2)
  // the first letter is rarely the wrong one
  return meant !== word && meant?.[0] === word[0] ? meant : undefined
}
