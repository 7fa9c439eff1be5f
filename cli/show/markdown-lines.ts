/** Nobody quotes deeper. */
const QUOTES_MOST = 40
/** Nobody writes a heading, a rule or the name of a block's language longer than this; it is text. */
export const HEAD_MOST = 400
const QUOTE = /^ {0,3}> ?/
export const RULE = /^(?:(?:-[ \t]*)+|(?:\*[ \t]*)+|(?:_[ \t]*)+)$/
export const BULLET = /^[-*+](?:[ \t]+|$)/
export const ORDERED = /^\d{1,9}[.)](?:[ \t]+|$)/
const ORDERED_BEGUN = /^\d{1,9}[.)]?$/
export const TASK = /^\[([ xX])\][ \t]+/
const TASK_BEGUN = /^\[(?:[ xX](?:\](?:[ \t]+)?)?)?$/
export const FENCE = /^(?:`{3,}(?=[^`]*$)|~{3,})/
export const HEADING = /^#{1,6}[ \t]+/

/** What may still become a mark of a block. */
export function undecided(text: string): boolean {
  if (/^#{1,6}(?:$|[ \t])/.test(text)) return true
  if (/^(?:`{1,2}$|~{1,2}$)/.test(text) || FENCE.test(text)) return true
  if (RULE.test(text) || ORDERED_BEGUN.test(text)) return true
  const mark = BULLET.exec(text)?.[0] ?? ORDERED.exec(text)?.[0]
  if (mark === undefined) return false
  const rest = text.slice(mark.length)
  return rest === '' || TASK_BEGUN.test(rest) || /^[`~]{1,2}$/.test(rest) || FENCE.test(rest)
}

/** How often a line is quoted, at most so many times, and what is left of it. */
export function quotesOf(line: string, most = QUOTES_MOST): { used: number; count: number } {
  let used = 0
  let count = 0
  while (count < most) {
    const mark = QUOTE.exec(line.slice(used, used + 5))
    if (!mark) break
    used += mark[0].length
    count += 1
  }
  return { used, count }
}

/** A heading's text without the signs after it. */
export function titleOf(text: string): string {
  const words = text.replace(/#{1,400}$/, '')
  return words === '' || words.endsWith(' ') ? words.trimEnd() : text
}
