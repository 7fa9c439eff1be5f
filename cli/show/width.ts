/** Letters of one column each: ASCII, Latin, the space that keeps words together, dashes, quotes, the ellipsis and arrows. */
const SINGLE = /^[\x20-\x7e\u00a0-\u00ac\u00ae-\u02ff\u2010-\u2015\u2018-\u201f\u2026\u2190-\u2193]*$/

type Measure = (text: string) => number
let measureWide: Measure | undefined

/**
 * Makes `width`, `fit` and `pad` ready for these texts. What measures CJK, emoji and combining marks takes a tenth of
 * the start-up time to load, so it is loaded only for a text that has some.
 */
export async function prepareWidths(texts: string[]): Promise<void> {
  if (measureWide || texts.every((text) => SINGLE.test(text))) return
  measureWide = (await import('string-width')).default
}

/** Whether each of its letters takes one column, and is one character. */
export function isSingle(text: string): boolean {
  return SINGLE.test(text)
}

/** How many terminal columns the text takes: 2 for CJK and emoji, 0 for combining marks. */
export function width(text: string): number {
  if (SINGLE.test(text)) return text.length
  if (!measureWide) throw new Error(`prepareWidths was not given ${JSON.stringify(text)}`)
  return measureWide(text)
}

/** The text cut to so many columns, ending in `…` when something was left out. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text
  if (columns < 1) return ''
  let kept = ''
  let used = 0
  const letters = SINGLE.test(text) ? text : new Intl.Segmenter().segment(text)
  for (const letter of letters) {
    const segment = typeof letter === 'string' ? letter : letter.segment
    used += width(segment)
    if (used > columns - 1) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}

/** The text followed by spaces up to so many columns. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)))
}

/**
 * Text that may go to a terminal: line breaks and tabs stay, escape sequences and the controls that
 * reverse text are shown as `�`, so that a task's content cannot redraw the screen.
 */
export function harmless(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, '�')
}

/** The same on one line. */
export function oneLine(text: string): string {
  return harmless(text.replace(/\s+/g, ' ').trim())
}
