import type pc from 'picocolors'
import type { Session } from '../session.ts'
import { Inline, inline } from './markdown-inline.ts'
import {
  BULLET,
  FENCE,
  HEAD_MOST,
  HEADING,
  ORDERED,
  quotesOf,
  RULE,
  TASK,
  titleOf,
  undecided,
} from './markdown-lines.ts'
import { BOLD, CODE, ITALIC, LINK, type Run, STRIKE } from './markdown-run.ts'
import { isDelimiter, type TableText, tableLines } from './markdown-table.ts'
import { linksKnown } from './terminal-links.ts'
import { harmless, prepareWidths } from './width.ts'
import { NO_PREFIX, type Prefix, Wrap } from './wrap.ts'

type Colors = ReturnType<typeof pc.createColors>

export interface MarkdownLook {
  paint: Colors
  /** How wide the terminal is by now. */
  columns: () => number
  /** The terminal knows links. */
  links: boolean
}

const ROW_MOST = 8000
const RULE_MOST = 40
const RULE_LEAST = 3
/** An item begins within its parent when it is indented by this much, whatever the width of the parent's mark. */
const NESTED = 2
const CODE_INDENT = 4

interface Item {
  /** How far its mark is indented. */
  indent: number
  /** How wide its mark is shown. */
  mark: number
}

/** What a line is, and how much of it has been read; the rest of it is text, is shown as it is, or there is none. */
interface Begun {
  used: number
  rest: 'text' | 'raw' | 'none'
  out: string
  /** Its line break is not shown: the line waits for others. */
  waits?: boolean
}

interface Fence {
  mark: string
  quotes: number
  indent: number
  prefix: string
}

/**
 * Markdown for a terminal, as it is written: wrapped at words, with lists, quotes, tables and links. Text is held back
 * only while it is open what it will be: a word until its end, a span until its partner, a table until its last row. It
 * has to be harmless already. In whatever pieces it comes, the same is shown. Line breaks stay what they are.
 */
export class Markdown {
  #look: MarkdownLook
  #wrap: Wrap
  #inline: Inline
  /** What is not shown of the line at hand, and what it is once that is known. */
  #line = ''
  #rest: 'text' | 'raw' | undefined
  #quotes = 0
  #items: Item[] = []
  /** Whether the line before it was empty, and whether it was code that is indented. */
  #blank = true
  #indented = false
  #fence: Fence | undefined
  #table: { text: TableText; prefix: Prefix; quotes: number } | undefined

  constructor(look: MarkdownLook) {
    this.#look = look
    const dress = (run: Run) => this.#dress(run)
    this.#wrap = new Wrap({ columns: () => this.#columns, dress, wholeAddresses: true })
    this.#inline = new Inline(this.#spans)
  }

  /** What can be shown after this piece. */
  push(text: string): string {
    return this.#read(text, false)
  }

  /** What was held back; the next text begins anew. */
  end(): string {
    const out = this.#read('', true) + this.#tableEnds()
    this.#quotes = 0
    this.#items = []
    this.#blank = true
    this.#indented = false
    this.#fence = undefined
    return out
  }

  /** Somebody else ends the line on the screen: gives what belongs to it, and what comes next begins a new one. */
  interrupted(): string {
    return this.#wrap.interrupted()
  }

  get #columns(): number {
    return Math.max(1, this.#look.columns())
  }

  /** Without colours the marks of emphasis and code stay. */
  get #spans() {
    return { marks: !this.#look.paint.isColorSupported, links: this.#look.links }
  }

  #read(text: string, ended: boolean): string {
    const all = this.#line + text
    let out = ''
    let at = 0
    for (;;) {
      const found = all.indexOf('\n', at)
      const whole = found >= 0 || ended
      const end = found < 0 ? all.length : found
      let waits = false
      if (this.#rest === undefined) {
        if (at === end && found < 0) break
        const begun = this.#begin(all.slice(at, end), whole)
        if (begun === undefined) break
        out += begun.out
        at += begun.used
        waits = begun.waits ?? false
        this.#rest = begun.rest === 'none' ? undefined : begun.rest
      }
      if (this.#rest === 'raw') out += all.slice(at, end)
      if (this.#rest === 'text') out += this.#wrap.add(this.#inline.push(all.slice(at, end)))
      at = end
      if (!whole) break
      if (this.#rest === 'text') out += this.#wrap.add(this.#inline.end()) + this.#wrap.end()
      this.#rest = undefined
      if (found < 0) break
      if (!waits) out += '\n'
      at = found + 1
    }
    this.#line = all.slice(at)
    return out
  }

  /** Finds out what a line is from its beginning, or all of it; undefined while that is open. */
  #begin(line: string, whole: boolean): Begun | undefined {
    if (this.#fence) return this.#fenced(this.#fence, line, whole)
    const quoted = quotesOf(line)
    const body = line.slice(quoted.used)
    const blanks = /^[ \t]*/.exec(body.slice(0, HEAD_MOST - quoted.used))?.[0] ?? ''
    if (!whole && body.length === blanks.length && line.length <= HEAD_MOST) return undefined
    const open = !whole && line.length <= HEAD_MOST
    if (quoted.count !== this.#quotes) this.#items = []
    const text = body.slice(blanks.length)
    if (text.startsWith('|') && !whole && line.length <= ROW_MOST) return undefined
    if (open && undecided(text)) return undefined
    const indent = blanks.replaceAll('\t', '    ').length
    const used = line.length - text.length
    const isRow = text.startsWith('|') && whole && line.length <= ROW_MOST
    const goesOn = isRow && this.#table?.quotes === quoted.count
    const before = goesOn ? '' : this.#tableEnds()
    this.#quotes = quoted.count
    const begun = isRow
      ? this.#row(text, indent, quoted.count)
      : this.#block(text, { indent, whole, most: line.length <= HEAD_MOST })
    return { ...begun, out: before + begun.out, used: begun.used + used }
  }

  #block(text: string, { indent, whole, most }: { indent: number; whole: boolean; most: boolean }): Begun {
    const used = text.length
    if (text === '' && whole) {
      this.#blank = true
      return { used, rest: 'none', out: this.#quoteMarks().shown.trimEnd() }
    }
    const { dim } = this.#look.paint
    const indented = this.#items.length === 0 && indent >= CODE_INDENT && (this.#blank || this.#indented)
    this.#indented = indented
    if (indented) {
      this.#blank = false
      return { used: 0, rest: 'raw', out: this.#quoteMarks().shown + ' '.repeat(indent) }
    }
    if (whole && most) {
      if (RULE.test(text) && text.replace(/[ \t]/g, '').length >= RULE_LEAST) {
        this.#leave(indent)
        const prefix = this.#prefix()
        const size = Math.max(1, Math.min(RULE_MOST, this.#columns - prefix.columns))
        return { used, rest: 'none', out: prefix.shown + dim('─'.repeat(size)) }
      }
      if (HEADING.test(text) || /^#{1,6}$/.test(text)) {
        this.#leave(indent)
        return { used, rest: 'none', out: this.#heading(text) }
      }
      const fence = FENCE.exec(text)?.[0]
      if (fence) {
        this.#leave(indent)
        return { used, rest: 'none', out: this.#opened(text, fence, indent, this.#prefix()) }
      }
    }
    const mark = BULLET.exec(text)?.[0] ?? ORDERED.exec(text)?.[0]
    if (mark !== undefined) return this.#item(text, mark, { indent, whole, most })
    if (this.#blank) this.#leave(indent)
    this.#blank = false
    const prefix = this.#items.length > 0 ? this.#prefix() : this.#prefix(indent)
    return { used: 0, rest: 'text', out: this.#wrap.begin(prefix, prefix) }
  }

  #item(
    text: string,
    mark: string,
    { indent, whole, most }: { indent: number; whole: boolean; most: boolean },
  ): Begun {
    this.#blank = false
    this.#leave(indent)
    const outer = this.#prefix()
    const rest = text.slice(mark.length)
    const task = TASK.exec(rest)
    const number = /^\d+[.)]/.exec(mark)?.[0]
    const box = task ? (task[1] === ' ' ? '☐ ' : '☑ ') : ''
    const shown = number ? `${number} ${box}` : box || '• '
    this.#items.push({ indent, mark: shown.length })
    const hang = this.#prefix()
    const first = { shown: outer.shown + shown, columns: outer.columns + shown.length }
    const fence = whole && most ? FENCE.exec(rest)?.[0] : undefined
    if (fence) {
      return {
        used: text.length,
        rest: 'none',
        out: this.#opened(rest, fence, indent + mark.length, first, hang),
      }
    }
    const used = mark.length + (task?.[0].length ?? 0)
    if (whole && used === text.length) return { used, rest: 'none', out: first.shown.trimEnd() }
    return { used, rest: 'text', out: this.#wrap.begin(first, hang) }
  }

  /** Leaves the items to which a line with this indent does not belong. */
  #leave(indent: number): void {
    while (this.#items.length > 0 && indent < (this.#items.at(-1)?.indent ?? 0) + NESTED) this.#items.pop()
  }

  #quoteMarks(): Prefix {
    const count = Math.min(this.#quotes, Math.floor(this.#columns / 8))
    return count === 0 ? NO_PREFIX : { shown: this.#look.paint.dim('│ '.repeat(count)), columns: 2 * count }
  }

  /** What stands before a line of the item at hand, or of text with an indent of its own. */
  #prefix(indent = this.#items.reduce((all, { mark }) => all + mark, 0)): Prefix {
    const quote = this.#quoteMarks()
    const size = Math.min(indent, Math.floor((this.#columns - quote.columns) / 2))
    return { shown: quote.shown + ' '.repeat(size), columns: quote.columns + size }
  }

  #heading(text: string): string {
    this.#blank = false
    const mark = /^#{1,6}[ \t]*/.exec(text)?.[0] ?? ''
    const title = titleOf(text.slice(mark.length).trimEnd())
    const prefix = this.#prefix()
    const kept = this.#look.paint.isColorSupported ? [] : [{ text: mark, look: 0 }]
    const runs = [...kept, ...inline(title, this.#spans, BOLD)]
    return this.#wrap.begin(prefix, prefix) + this.#wrap.add(runs) + this.#wrap.end()
  }

  /** The line that opens code: the name of its language. */
  #opened(text: string, fence: string, indent: number, first: Prefix, hang = first): string {
    this.#blank = false
    this.#fence = { mark: fence, quotes: this.#quotes, indent, prefix: hang.shown }
    const language = text.slice(fence.length).trim()
    const { paint } = this.#look
    if (!paint.isColorSupported) return `${first.shown}${fence}${language}`
    return first.shown + paint.dim(language ? `╭─ ${language}` : '╭─')
  }

  /** A line of code is shown as it is; one that closes it is not. */
  #fenced(fence: Fence, line: string, whole: boolean): Begun | undefined {
    const { used, count } = quotesOf(line, fence.quotes)
    const rest = line.slice(used)
    const may = line.length <= HEAD_MOST && /^[ \t]*(?:`*|~*)[ \t]*$/.test(rest)
    if (!whole && may) return undefined
    if (count < fence.quotes) {
      this.#fence = undefined
      return this.#begin(line, whole)
    }
    const mark = rest.trim()
    if (may && mark.startsWith(fence.mark)) {
      this.#fence = undefined
      const { paint } = this.#look
      const end = paint.isColorSupported ? paint.dim('╰─') : mark
      return { used: line.length, rest: 'none', out: fence.prefix + end }
    }
    const blanks = /^[ \t]*/.exec(rest)?.[0].slice(0, fence.indent).length ?? 0
    const out = rest.length > blanks || !whole ? fence.prefix : fence.prefix.trimEnd()
    return { used: used + blanks, rest: 'raw', out }
  }

  /** A line that begins as a row does: of a table when dashes follow, else text. */
  #row(text: string, indent: number, quotes: number): Begun {
    if (this.#blank || this.#items.length === 0) this.#leave(indent)
    this.#blank = false
    const pending = this.#table
    const read: Begun = { used: text.length, rest: 'none', out: '', waits: true }
    if (pending && pending.text.delimiter !== '') pending.text.rows.push(text)
    else if (pending && isDelimiter(pending.text.header, text)) pending.text.delimiter = text
    else {
      read.out = this.#tableEnds()
      this.#table = { text: { header: text, delimiter: '', rows: [] }, prefix: this.#prefix(), quotes }
    }
    return read
  }

  /** The table at hand, or the one line that might have become one. */
  #tableEnds(): string {
    const table = this.#table
    this.#table = undefined
    if (!table) return ''
    const { text, prefix } = table
    const { paint } = this.#look
    if (text.delimiter === '') {
      const runs = inline(text.header, this.#spans)
      return `${this.#wrap.begin(prefix, prefix)}${this.#wrap.add(runs)}${this.#wrap.end()}\n`
    }
    const lines = tableLines(text, {
      ...this.#spans,
      columns: Math.max(1, this.#columns - prefix.columns),
      dress: (run) => this.#dress(run),
      dim: paint.dim,
    })
    return lines.map((line) => `${prefix.shown}${line}\n`).join('')
  }

  #dress({ text, look, href }: Run): string {
    const { paint } = this.#look
    if (look === 0 || text === '') return text
    let shown = text
    if (look & CODE) shown = paint.cyan(shown)
    if (look & BOLD) shown = paint.bold(shown)
    if (look & ITALIC) shown = paint.italic(shown)
    if (look & STRIKE) shown = paint.strikethrough(shown)
    if (look & LINK) shown = paint.underline(shown)
    return href === undefined
      ? shown
      : `\u001b]8;id=${nameOf(href)};${href}\u001b\\${shown}\u001b]8;;\u001b\\`
  }
}

/** Loads what measures wide letters: before an answer, on a terminal only. */
export async function prepareMarkdown(session: Session): Promise<void> {
  if (session.io.stdout.isTTY) await prepareWidths(['日'])
}

/** Markdown on a terminal; undefined where an answer stays as it is. `indent`: how many columns are taken already. */
export function markdownFor(session: Session, indent = 0): Markdown | undefined {
  const { columns, io, paint } = session
  if (columns === undefined) return undefined
  return new Markdown({
    paint,
    columns: () => (session.columns ?? columns) - indent,
    links: paint.isColorSupported && linksKnown(io.env),
  })
}

/** A whole answer as it is printed while it comes, for a place in other text. */
export function rendered(session: Session, answer: string, indent = 0): string {
  const style = markdownFor(session, indent)
  return style ? style.push(harmless(answer)) + style.end() : answer
}

/** The same name for the same address: its pieces on two lines are one link. */
function nameOf(href: string): string {
  let hash = 5381
  for (let at = 0; at < href.length; at += 1) hash = (hash * 33 + href.charCodeAt(at)) % 0x7fff_ffff
  return hash.toString(36)
}
