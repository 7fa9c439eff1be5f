/**
 * How many tokens a text has, without the model's own vocabulary, which no server hands out.
 *
 * Measured with the vocabularies of GPT-4o (o200k), GPT-4 (cl100k) and Qwen 2.5 on prose of fourteen languages, Markdown,
 * code, JSON, logs of journald and Kubernetes, hex, base64, tables, emoji and white space. What counts, all over, is what a
 * piece is made of. Qwen and the small models (SmolLM2, Llama 2, Gemma) take each digit for a token, so that a log with
 * identifiers and times has 1.2 to 2.2 characters a token where English prose has 4 to 5; a word that no vocabulary knows
 * falls into pieces of one to three letters, and so do capitals and what is mixed with digits. The weights below are the
 * lowest with which `most` was below none of the three anywhere; it is 1.0 to 1.7 times the highest of them, 2.5 times in
 * Hebrew, 3.5 times where white space or rules make up the text. `least` was above none: what all of them hold apart, words,
 * numbers by threes, line ends and marks between these, is a token at least. It is 0.75 to 0.95 of the lowest for English prose, code
 * and logs, half of it in base64 and other languages, and a quarter in scripts of which some vocabularies know whole words.
 */
export interface Estimate {
  /** All but certainly not fewer. */
  least: number
  /** All but certainly not more: what has to fit. */
  most: number
}

/** Letters that are looked at together, so that a text without a space can be cut as well. */
const LONGEST_PIECE = 48
/** Small letters of a word that share a token, and capitals; and letters among digits or joined to other words. */
const SMALL_PER_TOKEN = 4
const CAPITALS_PER_TOKEN = 2.4
const MIXED_PER_TOKEN = 1.4
/** Beyond so many letters, and so many consonants in a row, a word is rare, and in more pieces. */
const COMMON_LENGTH = 8
const COMMON_CONSONANTS = 2
const RARE_CONSONANT = 0.66
const ACCENTED = 1
/** As ł or č: of languages that vocabularies know less. */
const ACCENTED_RARELY = 1.9
/** A word of so many letters may be one token. */
const LONGEST_KNOWN = 12
/** Of the fewest tokens that were measured: other vocabularies may need a little less. */
const CERTAIN = 0.95

/** Time and room are linear in the length. */
export function estimate(text: string): Estimate {
  let least = 0
  let most = 0
  for (let at = 0; at < text.length; ) {
    const piece = pieceAt(text, at)
    least += piece.least
    most += piece.most
    at = piece.end
  }
  return { least: Math.floor(least * CERTAIN), most: Math.ceil(most) }
}

/** Where a text can be cut: after each piece, and what `most` comes to by then. */
export interface Ruler {
  ends: number[]
  most: number[]
}

export function ruler(text: string): Ruler {
  const ends: number[] = []
  const most: number[] = []
  let sum = 0
  for (let at = 0; at < text.length; ) {
    const piece = pieceAt(text, at)
    sum += piece.most
    at = piece.end
    ends.push(at)
    most.push(sum)
  }
  return { ends, most }
}

interface Piece extends Estimate {
  end: number
}

function pieceAt(text: string, at: number): Piece {
  const code = text.charCodeAt(at)
  if (isLetter(code)) return word(text, at)
  if (code === SPACE) return spaces(text, at)
  if (isDigit(code)) return digits(text, at)
  const end = at + 1
  const again = at > 0 && text.charCodeAt(at - 1) === code
  if (code < SPACE) return { end, least: isEnding(text, at) ? 1 : 0, most: again ? 0.25 : 1 }
  if (code < 0x80) {
    const first = at === 0 || !isMark(text.charCodeAt(at - 1))
    return { end, least: leastOfMark(text, at), most: again ? 0.125 : first ? 1 : 0.7 }
  }
  if (isPair(text, at)) return { end: at + 2, least: 0.6, most: 3.2 }
  return { end, ...ofScript(code) }
}

/** One character of a script that is not Latin, or a sign. */
function ofScript(code: number): Estimate {
  if (isAccented(code)) return { least: 0.2, most: 1 }
  if (code >= 0x400 && code < 0x530) return { least: 0.15, most: 0.5 } // Cyrillic
  if (code >= 0x600 && code < 0x700) return { least: 0.15, most: 0.85 } // Arabic
  if (code < 0x400 || (code >= 0x900 && code < 0xe00)) return { least: 0.2, most: 1.25 } // Greek; the scripts of India
  if (code < 0x2e80) return { least: 0.1, most: 1.15 }
  return { least: 0.4, most: 1.2 } // Chinese, Japanese, Korean, and half of a character
}

/** Small letters after at most one capital, or capitals. */
function word(text: string, at: number): Piece {
  const last = Math.min(text.length, at + LONGEST_PIECE)
  let end = at
  while (end < last && isCapital(text.charCodeAt(end))) end += 1
  const capitals = end - at
  let rare = 0
  if (capitals < 2) {
    let consonants = 0
    for (; end < last; end += 1) {
      const code = text.charCodeAt(end)
      if (isAccented(code)) {
        rare += code >= 0x100 && code < 0x250 ? ACCENTED_RARELY : ACCENTED
        consonants = 0
      } else if (isSmall(code)) {
        consonants = isVowel(code) ? 0 : consonants + 1
        if (consonants > COMMON_CONSONANTS) rare += RARE_CONSONANT
      } else break
    }
  }
  const length = end - at
  const mixed = isMixed(text, at, end)
  const usual = capitals < 2 ? SMALL_PER_TOKEN : CAPITALS_PER_TOKEN
  const perToken = mixed ? MIXED_PER_TOKEN : usual
  const most = Math.max(1, length / perToken) + rare + Math.max(0, length - COMMON_LENGTH) / COMMON_LENGTH
  const known = mixed ? 4 : LONGEST_KNOWN
  const least = isWithin(text, at) ? length / known : 1 + Math.max(0, length - LONGEST_KNOWN) / LONGEST_KNOWN
  return { end, least, most }
}

/** Numbers are cut into threes from their beginning, or into digits. */
function digits(text: string, at: number): Piece {
  let end = at + 1
  while (end < at + 3 && isDigit(text.charCodeAt(end))) end += 1
  return { end, least: 1, most: end - at }
}

/** A mark alone may go with the letters after it, and those of a few may be one; a space before it holds it apart. */
function leastOfMark(text: string, at: number): number {
  const before = text.charCodeAt(at - 1)
  if (!isMark(before)) {
    const after = text.charCodeAt(at + 1)
    return before !== SPACE && (isLetter(after) || after >= 0x80) ? 0 : 1
  }
  const many = [1, 2, 3].every((back) => isMark(text.charCodeAt(at - back)))
  return many && before !== text.charCodeAt(at) ? 0.25 : 0
}

/** The end of a line goes with marks and spaces before it, and never with a word or a number. */
function isEnding(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  const before = text.charCodeAt(at - 1)
  return (code === 10 || code === 13) && (isLetter(before) || isDigit(before))
}

/** In the middle of a word, or of what may be one with what is before it, as in `don't`. */
function isWithin(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1)
  return isLetter(before) || before >= 0x80 || before === 39
}

/** Beside a digit, or a few letters that follow others, as in hex and base64. */
function isMixed(text: string, at: number, end: number): boolean {
  const before = at > 0 ? text.charCodeAt(at - 1) : SPACE
  const after = end < text.length ? text.charCodeAt(end) : SPACE
  return isDigit(before) || isDigit(after) || (isLetter(before) && end - at < 4)
}

/** A single one belongs to what follows, unless that is a digit. */
function spaces(text: string, at: number): Piece {
  let end = at + 1
  while (end < text.length && text.charCodeAt(end) === SPACE) end += 1
  const length = end - at
  if (length > 1) return { end, least: text.charCodeAt(end) > SPACE ? 1 : 0, most: 1 + length / 16 }
  return { end, least: 0, most: end < text.length && isDigit(text.charCodeAt(end)) ? 1 : 0 }
}

const SPACE = 32
const isCapital = (code: number) => code >= 65 && code <= 90
const isSmall = (code: number) => code >= 97 && code <= 122
const isLetter = (code: number) => isCapital(code) || isSmall(code)
const isDigit = (code: number) => code >= 48 && code <= 57
const isMark = (code: number) => code > SPACE && code < 127 && !isLetter(code) && !isDigit(code)
const isAccented = (code: number) => (code >= 0xc0 && code < 0x250) || (code >= 0x1e00 && code < 0x1f00)
const isVowel = (code: number) => 'aeiouy'.includes(String.fromCharCode(code))
const isPair = (text: string, at: number) =>
  (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
