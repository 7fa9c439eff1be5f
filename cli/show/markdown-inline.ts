import {
  blank,
  CLOSERS,
  closes,
  ESCAPABLE,
  hrefOf,
  LETTER,
  opens,
  SCHEME_BEGUN,
  Scan,
  SPECIAL,
  skipBlanks,
  URL_END,
  URL_TAIL,
} from './markdown-marks.ts'
import { BOLD, CODE, type InlineLook, ITALIC, LINK, type Run, STRIKE } from './markdown-run.ts'

/**
 * A mark that waits longer than this for its partner is no mark. Text from a model may be nothing but marks, and is
 * shown while it comes: neither a search nor a reader shall wait for the end of the line.
 */
const SPAN_MOST = 320
const LINK_MOST = 2000
const DEPTH_MOST = 4
const OPEN_MOST = 8
const TICKS_MOST = 16

/** How a search ended: where, not at all, or that the text is too short to tell. */
type Found<T> = T | 'none' | 'more'

/** Reads the text of a line while it comes: spans are given when no later text can change them. */
export class Inline {
  #look: InlineLook
  #base: number
  #text = ''
  #before = ''
  #scan = new Scan()

  constructor(look: InlineLook, base = 0) {
    this.#look = look
    this.#base = base
  }

  push(text: string): Run[] {
    return this.#read(this.#text + text, false)
  }

  /** What was held back. The next text begins a new line. */
  end(): Run[] {
    const runs = this.#read(this.#text, true)
    this.#before = ''
    this.#scan = new Scan()
    return runs
  }

  #read(text: string, ended: boolean): Run[] {
    const runs: Run[] = []
    const reader = new Reader(text, ended, this.#look, this.#scan)
    const at = reader.read(this.#before, this.#base, 0, runs)
    this.#before = text[at - 1] ?? this.#before
    this.#text = text.slice(at)
    this.#scan.dropped += at
    return runs
  }
}

/** The runs of a whole text. */
export function inline(text: string, look: InlineLook, base = 0): Run[] {
  const runs: Run[] = []
  new Reader(text, true, look, new Scan()).read('', base, 0, runs)
  return runs
}

class Reader {
  #text: string
  #ended: boolean
  #style: InlineLook
  #scan: Scan

  constructor(text: string, ended: boolean, style: InlineLook, scan: Scan) {
    this.#text = text
    this.#ended = ended
    this.#style = style
    this.#scan = scan
  }

  /** Gives runs up to where it has to wait, and that place. */
  read(before: string, look: number, depth: number, runs: Run[]): number {
    const text = this.#text
    let plain = 0
    let at = 0
    const say = (to: number) => {
      if (to > plain) runs.push({ text: text.slice(plain, to), look })
    }
    while (at < text.length) {
      SPECIAL.lastIndex = at
      const special = SPECIAL.exec(text)
      if (!special) break
      const found = special.index
      const spans: Run[] = []
      const end = this.#span(found, text[found - 1] ?? before, look, depth, spans)
      if (end === 'more') {
        say(found)
        return found
      }
      if (spans.length > 0) {
        say(found)
        runs.push(...spans)
        plain = end
      }
      at = end
    }
    const tail = this.#ended ? null : SCHEME_BEGUN.exec(text.slice(Math.max(at, text.length - 9)))
    // the first letter of what was found may be the one before the word
    const held = tail ? tail[0].replace(/^[^A-Za-z0-9!]/, '').length : 0
    const end = Math.max(plain, text.length - held)
    say(end)
    return end
  }

  /** Reads what begins at `at`; without a run it is text up to where it ends. */
  #span(at: number, before: string, look: number, depth: number, runs: Run[]): number | 'more' {
    const mark = this.#text[at] as string
    if (mark === '\\') return this.#escape(at, look, runs)
    if (mark === '`') return this.#code(at, look, runs)
    if (mark === '[') return this.#link(at, look, depth, runs)
    if (mark === '!') return this.#link(at + 1, look, depth, runs)
    if (mark === 'h') return LETTER.test(before) ? at + 1 : this.#address(at, look, runs)
    if (mark === '<') return this.#pointed(at, look, runs)
    return this.#emphasis(at, before, look, depth, runs)
  }

  #escape(at: number, look: number, runs: Run[]): number | 'more' {
    const next = this.#text[at + 1]
    if (next === undefined) return this.#ended ? at + 1 : 'more'
    if (!ESCAPABLE.test(next)) return at + 1
    runs.push({ text: next, look })
    return at + 2
  }

  #code(at: number, look: number, runs: Run[]): number | 'more' {
    const inner = this.#runEnd(at)
    if (inner === 'more') return 'more'
    const close = this.#ticks(inner, inner - at, inner + SPAN_MOST)
    if (close === 'more') return 'more'
    if (close === 'none') return inner
    const code = this.#text.slice(inner, close)
    const spaced = /^ .*[^ ].* $/.test(code)
    const text = this.#style.marks
      ? this.#text.slice(at, close + inner - at)
      : spaced
        ? code.slice(1, -1)
        : code
    runs.push({ text, look: look | CODE })
    return close + inner - at
  }

  /** Where a run of so many backticks closes. */
  #ticks(from: number, count: number, most: number): Found<number> {
    if (count > TICKS_MOST) return 'none'
    for (let at = from; ; ) {
      at = this.#scan.next(this.#text, '`', at)
      if (at >= most) return 'none'
      if (at >= this.#text.length) return this.#ended ? 'none' : 'more'
      const end = this.#runEnd(at)
      if (end === 'more') return 'more'
      if (end - at === count) return at
      at = end
    }
  }

  /** Where the run of one character ends; one that is too long for a mark is read in parts. */
  #runEnd(at: number): number | 'more' {
    const text = this.#text
    const most = at + TICKS_MOST + 1
    let end = at + 1
    while (end < most && text[end] === text[at]) end += 1
    if (end === most) return end
    return end === text.length && !this.#ended ? 'more' : end
  }

  /** `<https://…>`. */
  #pointed(at: number, look: number, runs: Run[]): number | 'more' {
    const begun = this.#text.slice(at + 1, at + 9)
    if (!/^(?:https?:\/\/|mailto:)/i.test(begun)) {
      const may = ['http://', 'https://', 'mailto:'].some((scheme) => scheme.startsWith(begun))
      return may && !this.#ended ? 'more' : at + 1
    }
    const close = this.#scan.next(this.#text, '>', at)
    if (close > at + LINK_MOST) return at + 1
    if (close >= this.#text.length) return this.#ended ? at + 1 : 'more'
    const address = this.#text.slice(at + 1, close)
    if (/\s/.test(address)) return at + 1
    runs.push(this.#leading(address, address, look))
    return close + 1
  }

  /** An address by itself: no mark in it is one. */
  #address(at: number, look: number, runs: Run[]): number | 'more' {
    URL_END.lastIndex = at
    const end = URL_END.exec(this.#text)?.index ?? this.#text.length
    if (end > at + LINK_MOST) {
      runs.push({ text: this.#text.slice(at, at + LINK_MOST), look })
      return at + LINK_MOST
    }
    if (end === this.#text.length && !this.#ended) return 'more'
    const whole = this.#text.slice(at, end)
    const address = whole.replace(URL_TAIL, '')
    runs.push(this.#leading(address, address, look))
    if (address !== whole) runs.push({ text: whole.slice(address.length), look })
    return end
  }

  #leading(text: string, address: string, look: number): Run {
    const href = this.#style.links ? hrefOf(address) : undefined
    return href === undefined ? { text, look } : { text, look: look | LINK, href }
  }

  /** `[text](address "title")`, and an image, of which a terminal shows the words. */
  #link(open: number, look: number, depth: number, runs: Run[]): number | 'more' {
    const text = this.#text
    const close = this.#bracket(open)
    if (close === 'more') return 'more'
    if (close === 'none') return open + 1
    if (close + 1 >= text.length && !this.#ended) return 'more'
    if (text[close + 1] !== '(') return open + 1
    const last = this.#scan.next(text, ')', close + 1)
    if (last > close + LINK_MOST) return open + 1
    if (last >= text.length) return this.#ended ? open + 1 : 'more'
    const led = this.#destination(close + 2, close + LINK_MOST)
    if (led === 'more') return 'more'
    if (led === 'none') return open + 1
    const words = text.slice(open + 1, close)
    const label = words.trim() === '' ? [{ text: led.address, look }] : this.#inner(words, look, depth)
    runs.push(...this.#led(label, led.address, look))
    return led.end
  }

  /** What stands between the round brackets of a link, and where they end. */
  #destination(from: number, most: number): Found<{ address: string; end: number }> {
    const text = this.#text.length > most ? this.#text.slice(0, most) : this.#text
    const cut = text.length === most || this.#ended ? 'none' : 'more'
    let at = skipBlanks(text, from)
    const begun = at
    const pointed = text[at] === '<'
    for (let depth = 0; at < text.length; at += 1) {
      const letter = text[at] as string
      if (pointed ? letter === '>' : blank(letter) || (letter === ')' && depth === 0)) break
      if (letter === '(') depth += 1
      if (letter === ')') depth -= 1
      if (depth > 2) return 'none'
    }
    const address = pointed ? text.slice(begun + 1, at) : text.slice(begun, at)
    at = skipBlanks(text, pointed ? at + 1 : at)
    const quote = text[at]
    if (quote === '"' || quote === "'") {
      const close = this.#scan.next(text, quote, at + 1)
      if (close >= text.length) return cut
      at = skipBlanks(text, close + 1)
    }
    if (at >= text.length) return cut
    return text[at] === ')' ? { address, end: at + 1 } : 'none'
  }

  /** A link's words, and its address where they don't tell it: one that looks like another must be seen. */
  #led(label: Run[], address: string, look: number): Run[] {
    const words = label.map((run) => run.text).join('')
    const same = words === address || `mailto:${words}` === address
    const href = this.#style.links ? hrefOf(address) : undefined
    const named = href === undefined ? label : label.map((run) => ({ ...run, look: run.look | LINK, href }))
    const pretends = !same && /^\s*(?:https?:|www\.)|^\s*[\w-]+(?:\.[\w-]+)+(?:\/|\s*$)/i.test(words)
    if (same || address === '' || (href !== undefined && !pretends)) return named
    return [...named, { text: ' (', look }, { text: address, look }, { text: ')', look }]
  }

  /** Where the bracket that opens at `open` closes. */
  #bracket(open: number): Found<number> {
    const text = this.#text
    const most = open + SPAN_MOST
    let depth = 0
    if (this.#scan.next(text, ']', open) >= most) return 'none'
    for (let at = open; at < most; at += 1) {
      if (at >= text.length) return this.#ended ? 'none' : 'more'
      const letter = text[at]
      if (letter === '\\') at += 1
      else if (letter === '[') depth += 1
      else if (letter === ']') depth -= 1
      else if (letter === '`') {
        const inner = this.#runEnd(at)
        if (inner === 'more') return 'more'
        const close = this.#ticks(inner, inner - at, most)
        if (close === 'more') return 'more'
        at = close === 'none' ? inner - 1 : close + inner - at - 1
      }
      if (depth === 0) return at
      if (depth > OPEN_MOST) return 'none'
    }
    return 'none'
  }

  #emphasis(at: number, before: string, look: number, depth: number, runs: Run[]): number | 'more' {
    const text = this.#text
    const end = this.#runEnd(at)
    if (end === 'more') return 'more'
    const mark = text[at] as string
    const count = end - at
    if (count > 3 || (mark === '~' && count !== 2)) return end
    if (!opens(mark, count, before, text[end] ?? '')) return end
    const found = this.#closer(end, mark, count)
    if (found === 'more') return 'more'
    if (found === 'none') return end
    const { close, outer } = found
    const inner = at + outer
    const style = mark === '~' ? STRIKE : ((outer & 1) * ITALIC) | (outer & 2 ? BOLD : 0)
    const words = this.#inner(text.slice(inner, close), look | style, depth)
    const marks = this.#style.marks ? [{ text: text.slice(at, inner), look }] : []
    runs.push(...marks, ...words, ...marks)
    return close + outer
  }

  #inner(words: string, look: number, depth: number): Run[] {
    if (depth >= DEPTH_MOST) return [{ text: words, look }]
    const runs: Run[] = []
    new Reader(words, true, this.#style, new Scan()).read('', look, depth + 1, runs)
    return runs
  }

  /** Where a mark of `count` characters that ends at `from` closes, and how many of them close there. */
  #closer(from: number, mark: string, count: number): Found<{ close: number; outer: number }> {
    const text = this.#text
    const most = from + SPAN_MOST
    const whole = this.#ended || text.length >= most
    const pattern = CLOSERS[mark] as RegExp
    const dropped = this.#scan.dropped
    const known = (this.#scan.unclosed.get(mark) ?? 0) - dropped
    if (known >= most) return 'none'
    const open = [count]
    let closing = false
    for (let at = Math.max(from, known); at < most; ) {
      pattern.lastIndex = at
      const found = pattern.exec(text)
      if (!found || found.index >= most) break
      const place = found.index
      const skipped = this.#skipped(found[0], place, most)
      if (skipped === 'more') return 'more'
      if (skipped !== 'none') {
        at = skipped
        continue
      }
      const end = this.#runEnd(place)
      if (end === 'more') return 'more'
      let left = end - place
      at = end
      if (left > 3 || end >= most) continue
      const [before, after] = [text[place - 1] ?? '', text[end] ?? '']
      if (closes(mark, before, after) && place > from) {
        closing = true
        if (open.includes(left)) open.length = open.lastIndexOf(left) + 1
        for (let top = open.at(-1); top !== undefined && left > 0; top = open.at(-1)) {
          const used = Math.min(top, left)
          if (used < top && top !== 3) break
          open.pop()
          if (used < top) open.push(top - used)
          left -= used
          if (open.length === 0) return { close: end - left - used, outer: used }
        }
      } else if (open.length < OPEN_MOST && opens(mark, left, before, after)) open.push(left)
    }
    if (!whole) return 'more'
    if (!closing) this.#scan.unclosed.set(mark, Math.min(most, text.length) + dropped)
    return 'none'
  }

  /** Where what no mark is looked for in ends; `none` where a mark begins. */
  #skipped(found: string, at: number, most: number): Found<number> {
    const text = this.#text
    if (found === '\\') return at + 2
    if (found === '`') {
      const inner = this.#runEnd(at)
      if (inner === 'more') return 'more'
      const close = this.#ticks(inner, inner - at, most)
      return typeof close === 'number' ? close + inner - at : close === 'more' ? 'more' : inner
    }
    if (found === '](') {
      const close = this.#scan.next(text, ')', at)
      if (close >= most) return at + 2
      if (close >= text.length) return this.#ended ? at + 2 : 'more'
      return this.#scan.next(text, ' ', at) < close ? at + 2 : close
    }
    if (found.startsWith('http')) {
      URL_END.lastIndex = at
      const end = URL_END.exec(text)?.index ?? text.length
      return end === text.length && !this.#ended && end < most ? 'more' : Math.min(end, most)
    }
    return 'none'
  }
}
