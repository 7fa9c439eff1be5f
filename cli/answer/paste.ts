/** Stands for a line break where a text is shown on one line, to be read and changed. */
const BREAK = '⏎'
/** What is longer is shown by its size. */
const SHOWN_MOST = 1000
const LINES_MOST = 20
/** What would move the cursor, or end the line in some version of Node. */
const UNSHOWABLE = /(?![\n\t])\p{Cc}|[\u2028\u2029⏎]/u
const SIZE = /\[pasted (\d+): \d+ lines?, [^\]]*\]/g
const SIZE_BEGINS = /\[pasted (\d+)/g

/** Texts of many lines as one line of a prompt: short ones with their line breaks marked, long ones by their size. */
export class Pastes {
  #texts: string[] = []

  /** The text as it is shown. */
  fold(text: string): string {
    const lines = text.split('\n')
    if (text.length <= SHOWN_MOST && lines.length <= LINES_MOST && !UNSHOWABLE.test(text))
      return lines.join(BREAK)
    const number = this.#texts.indexOf(text) + 1 || this.#texts.push(text)
    const count = text.endsWith('\n') ? lines.length - 1 : lines.length
    return `[pasted ${number}: ${count === 1 ? '1 line' : `${count} lines`}, ${sizeOf(text)}]`
  }

  /** The text that is meant by a line; undefined where a size in it was changed, so that it is not known. */
  unfold(line: string): string | undefined {
    let text = ''
    let at = 0
    const broken = (literal: string) =>
      [...literal.matchAll(SIZE_BEGINS)].some(([, number]) => this.#texts[Number(number) - 1] !== undefined)
    for (const { 0: shown, 1: number, index } of line.matchAll(SIZE)) {
      const pasted = this.#texts[Number(number) - 1]
      if (pasted === undefined || this.fold(pasted) !== shown) continue
      const before = line.slice(at, index)
      if (broken(before)) return undefined
      text = joined(joined(text, before.replaceAll(BREAK, '\n')), pasted, before === '')
      at = index + shown.length
    }
    const rest = line.slice(at)
    return broken(rest) ? undefined : joined(text, rest.replaceAll(BREAK, '\n'))
  }

  /** How many letters go together before the cursor: those of a size, or one. */
  before(line: string): number {
    const last = [...line.matchAll(SIZE)].at(-1)
    const known = this.#texts[Number(last?.[1]) - 1]
    const whole = last && known !== undefined && this.fold(known) === last[0] && line.endsWith(last[0])
    return whole ? last[0].length : 1
  }
}

/** What comes behind a text that was pasted is a line of its own. */
function joined(text: string, more: string, behind = true): string {
  if (!behind || text === '' || more === '' || text.endsWith('\n') || more.startsWith('\n'))
    return text + more
  return `${text}\n${more}`
}

function sizeOf(text: string): string {
  const bytes = Buffer.byteLength(text)
  return bytes < 1000 ? `${bytes} bytes` : `${Math.round(bytes / 1000)} kB`
}

/** What a terminal sends: keys as they are typed, or a text that was pasted. */
export type Input = { keys: string } | { paste: string }

const BEGIN = '\u001b[200~'
const END = '\u001b[201~'

/** Tells what is pasted from what is typed: by the marks that a terminal puts around it, else by how it arrives. */
export class PasteReader {
  /** Of a paste under way. */
  #pasted: string | undefined
  #held = ''

  /** `ahead`: it was typed while nobody read, a line each, and no paste unless it is marked. */
  read(bytes: string, { ahead = false } = {}): Input[] {
    const found: Input[] = []
    let text = this.#held + bytes
    this.#held = ''
    for (;;) {
      const mark = this.#pasted === undefined ? BEGIN : END
      const at = text.indexOf(mark)
      const held = at < 0 ? begun(text, mark, this.#pasted === undefined ? 2 : 1) : 0
      const until = at < 0 ? text.length - held : at
      this.#take(text.slice(0, until), ahead, found)
      if (at < 0) {
        this.#held = text.slice(until)
        return found
      }
      if (this.#pasted !== undefined) found.push({ paste: lines(this.#pasted) })
      this.#pasted = this.#pasted === undefined ? '' : undefined
      text = text.slice(at + mark.length)
    }
  }

  #take(text: string, ahead: boolean, found: Input[]): void {
    if (text === '') return
    if (this.#pasted !== undefined) this.#pasted += text
    // nobody types a line break and more at the same moment; what was typed ahead has other line breaks
    else if (/[\r\n][^\r\n]/.test(text) && !(ahead && !text.includes('\r')))
      found.push({ paste: lines(text) })
    else found.push(...text.split(/(?<=\n|\r(?!\n))/).map((keys) => ({ keys })))
  }
}

const lines = (text: string): string => text.replace(/\r\n?/g, '\n')

/** How many letters at the end of the text, at least so many, may be the beginning of a mark: an escape alone is a key. */
function begun(text: string, mark: string, least: number): number {
  for (let length = Math.min(mark.length - 1, text.length); length >= least; length--)
    if (text.endsWith(mark.slice(0, length))) return length
  return 0
}
