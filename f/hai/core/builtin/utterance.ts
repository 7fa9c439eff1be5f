/** Longer than any todo; what is longer is not said in passing. */
const LONGEST = 10_500

const GREETING = /^(?:(?:hey|hi|hello|ok|okay)[\s,!]+)?(?:@?hai(?:[,:!]\s*|\s+))?/i
const REQUEST = /^(?:(?:can|could|would|will) you(?: please)?|i(?:['’]d| would) like you to)[\s,]+/i
const PLEASE = /^(?:please|pls)[\s,]+/i
const FAREWELL =
  /(?:,\s*hai|[\s,]\s*(?:please|pls)|[,.!?]\s*(?:please|pls|thanks|thank you|thx|cheers))[.!?]*$/i

/** From where the marks begin: tried from each of ten thousand dots, the pattern would take seconds. */
const CLOSING_MARKS = /(?<![\s.!?…])[\s.!?…]+$/

/**
 * What was asked, without greeting and courtesy; letters and punctuation inside as typed. Undefined for more than
 * one line and for columns of blanks: pasted text is nobody's command.
 */
export function utterance(content: string): string | undefined {
  if (content.length > LONGEST) return undefined
  const whole = content.trim()
  if (/[\r\n]|\s{20}/.test(whole)) return undefined
  const greeted = whole.replace(GREETING, '').replace(FAREWELL, '').replace(FAREWELL, '')
  const asked = greeted.replace(PLEASE, '').replace(REQUEST, '').replace(PLEASE, '')
  // "could you …?" is a request: its question mark belongs to the courtesy.
  return REQUEST.test(greeted) ? asked.replace(/\s*\?+$/, '') : asked
}

/** An utterance as the question patterns read it: lower case, plain apostrophes, single spaces, no closing marks. */
export function plain(said: string): string {
  return said
    .toLowerCase()
    .replace(/[‘’ʼ]/g, "'")
    .replace(/\s+/g, ' ')
    .replace(CLOSING_MARKS, '')
    .replace(/^(?:show|tell|give) me /, '')
}

/** A pattern for the whole of an utterance: nothing may be left over. */
export function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'iu')
}
