/** Half of a surrogate pair without its other half. */
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

const whole = (text: string): string => text.replace(HALF, '\ufffd')

/**
 * Text as PostgreSQL can hold it: a NUL and half of a character become U+FFFD. For what a model, a program or another
 * server said, as that was paid for; a caller's NUL is refused instead. Pieces of a stream are joined first: a character
 * may be cut in two between them.
 */
export const storable = (text: string): string => whole(text.replaceAll('\0', '\ufffd'))

/** A value that becomes JSON, with all its text so, names of fields included. */
export function storableJson(value: unknown): unknown {
  if (typeof value === 'string') return storable(value)
  if (Array.isArray(value)) return value.map(storableJson)
  if (typeof value !== 'object' || value === null) return value
  if ('toJSON' in value && typeof value.toJSON === 'function') return storableJson(value.toJSON())
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [storable(key), storableJson(one)]))
}

/**
 * A value with each half of a character in its texts as U+FFFD, names of fields included; the same value where there is
 * none. A program that cuts a text to a length leaves half an emoji at its end, and means nothing by it.
 */
export function wholeCharacters<T>(value: T): T {
  return repaired(value) as T
}

function repaired(value: unknown): unknown {
  if (typeof value === 'string') return whole(value)
  if (Array.isArray(value)) {
    const items = value.map(repaired)
    return items.every((item, at) => item === value[at]) ? value : items
  }
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  const entries = Object.entries(value)
  const fields = entries.map(([name, one]) => [whole(name), repaired(one)] as const)
  const isSame = fields.every(([name, one], at) => name === entries[at]![0] && one === entries[at]![1])
  return isSame ? value : Object.fromEntries(fields)
}

/** Whether a NUL stands in a text of this value, or in the name of a field. */
export function hasNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0')
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, one]) => name.includes('\0') || hasNul(one))
}

/** What stands between a URL's `://` and its host, up to the last @ that does. */
const USER_INFO = /:\/\/[^\s/?#"'<>]*@/g

/**
 * Text without the user and the password of any URL in it: for whatever shows an address, or what a program said of one.
 * The answer of a model is not such a text.
 */
export const withoutPasswords = (text: string): string => text.replace(USER_INFO, '://')

/** The same of a value and of all that it holds. */
export function withoutPasswordsIn<T>(value: T): T {
  if (typeof value === 'string') return withoutPasswords(value) as T
  if (Array.isArray(value)) return value.map(withoutPasswordsIn) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutPasswordsIn(one)])) as T
}

/** The word that was likely meant: the one that differs in the fewest letters, and in few; undefined when none is near. */
export function nearest(
  word: string,
  known: readonly string[],
  limit = Math.min(2, Math.floor(word.length / 3)),
): string | undefined {
  const meant = word.toLowerCase()
  const [best] = known
    .map((name) => ({ name, away: distance(meant, name.toLowerCase()) }))
    .filter(({ away }) => away <= limit)
    .sort((a, b) => a.away - b.away)
  return best?.name
}

/** How many letters are to be added, removed, replaced or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
          ? before[j - 2]! + 1
          : Number.POSITIVE_INFINITY
      row.push(Math.min(last[j]! + 1, row[j - 1]! + 1, replaced, swapped))
    }
    before = last
    last = row
  }
  return last[b.length]!
}
