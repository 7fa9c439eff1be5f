import type { Choice } from '../base/backends.ts'
import { storable } from '../base/text.ts'
import type { Got } from './failure.ts'
import type { Said } from './reply.ts'
import { type Shape, Shaping, shaped } from './shaping.ts'

interface Listener {
  choice: Choice
  onText: (text: string) => void
  /** What was asked of the answer. */
  shape?: Shape
}

/** Why an answer was left: it says the same over and over, or no more of it is wanted. */
export type Left = 'repeats' | 'stop' | 'length'

/** Models that leave out the tag which opens their thoughts, as they were met by this process. */
const UNOPENED = new Set<string>()

/** Puts an answer together from its pieces, and tells what of it can be shown. */
export class Heard {
  #thoughts: Thoughts
  #repeats = new Repeats()
  #onText: (text: string) => void
  #shape: Shape
  #shaping: Shaping
  readonly got: Got
  #name: string
  /** Half of a character, whose other half comes with the next piece. */
  #half = ''

  constructor({ choice, onText, shape = {} }: Listener, got: Got) {
    this.#onText = onText
    this.#shape = shape
    this.#shaping = new Shaping(shape)
    this.got = got
    this.#name = `${choice.backend.url} ${choice.model}`
    this.#thoughts = new Thoughts(UNOPENED.has(this.#name))
  }

  /** All that is said; why it was left, where it was. */
  async all(pieces: AsyncIterable<Said>): Promise<Left | undefined> {
    for await (const piece of pieces) {
      this.got.deltas += 1
      if ('text' in piece) this.#add(piece.text)
      if (this.#shaping.over) return this.#shaping.over
      if (this.#repeats.add('text' in piece ? piece.text : piece.thought)) return 'repeats'
    }
    return undefined
  }

  /** The text, when nothing more comes. */
  end(): string {
    this.#tell(this.#thoughts.add(storable(this.#half)) + this.#thoughts.end())
    if (this.#thoughts.unopened) UNOPENED.add(this.#name)
    const rest = this.#shaping.end()
    if (rest !== '' && !this.#thoughts.takenBack) this.#onText(rest)
    return shaped(this.#thoughts.text, this.#shape)
  }

  /** Nothing was said but thoughts. */
  get onlyThought(): boolean {
    return this.#thoughts.any
  }

  #add(piece: string): void {
    const text = this.#half + piece
    this.#half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? ''
    this.#tell(this.#thoughts.add(storable(text.slice(0, text.length - this.#half.length))))
  }

  #tell(text: string): void {
    this.got.text = this.#thoughts.text
    // after thoughts were shown as the answer, what follows would be shown as a part of them
    if (this.#thoughts.takenBack) return
    const shown = text === '' ? '' : this.#shaping.add(text)
    if (shown !== '') this.#onText(shown)
  }
}

/** Tags that models put around what they think, where no server takes it out for them. */
const TAGS = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<seed:think>', '</seed:think>'],
  ['<thought>', '</thought>'],
  ['[think]', '[/think]'],
  ['◁think▷', '◁/think▷'],
  // gpt-oss and Gemma write channels, where a server does not take them apart
  ['<|channel|>analysis<|message|>', '<|channel|>final<|message|>'],
  ['<|start|>assistant<|channel|>analysis<|message|>', '<|channel|>final<|message|>'],
  ['<|channel>thought', '<channel|>'],
] as const
const OPENS = TAGS.map(([open]) => open)
const CLOSES = TAGS.map(([, close]) => close)
const LONGEST_TAG = Math.max(...[...OPENS, ...CLOSES].map((tag) => tag.length))
/** Each as it is found in any case. */
const ENDS = new Map<string, RegExp>(
  CLOSES.map((close) => [close, new RegExp(close.replace(/[[\]/|]/g, '\\$&'), 'i')]),
)
/** No tag and no fence of code is longer, with what may stand before it. */
const LINE_CHARACTERS = 64

/**
 * Takes a model's thoughts out of its text while that comes, wherever a tag is cut in two. Only what stands before all
 * else is a thought: a tag later on, in code or in a sentence, is said. But some templates write the opening tag
 * themselves, and the text has the closing one only, at the beginning of a line: what came before it was thought, and
 * is taken back.
 */
export class Thoughts {
  /** The text so far, without thoughts. */
  text = ''
  /** Some of what came was a thought. */
  any = false
  /** All that has come is the beginning of a thought. */
  thinking = false
  /** A closing tag came without its opening one; what was given out before it is not in `text`. */
  unopened = false
  /** Some of what was given out before it, so that what was shown is not what is said. */
  takenBack = false
  #saying = false
  /** All that is kept is white space. */
  #blank = false
  #mute: boolean
  #close = ''
  /** Not given out: the beginning of what may be a tag. */
  #kept = ''
  /** The line at hand, as far as it matters. */
  #line = ''
  #fenced = false

  /** `mute` gives out nothing before a closing tag or the end: for a model that is known to leave the opening one out. */
  constructor(mute = false) {
    this.#mute = mute
  }

  /** Gives what of a piece can be shown. */
  add(piece: string): string {
    if (this.#saying) return this.#say(piece)
    this.#kept += piece
    if (this.thinking) return this.#think()
    // white space is looked at once, in however many pieces it comes
    if (this.#blank && piece.trim() === '') return ''
    return this.#begin()
  }

  /** Nothing more comes: gives what was kept. A thought that never ended is no text. */
  end(): string {
    if (this.thinking) return ''
    const kept = this.#kept
    this.#kept = ''
    const given = this.#given(kept)
    if (!this.#mute) return given
    this.#mute = false
    return this.text
  }

  #begin(): string {
    let bare: string
    let low: string
    for (;;) {
      bare = this.#kept.trimStart()
      low = bare.slice(0, LONGEST_TAG).toLowerCase()
      const tag = TAGS.find(([open]) => low.startsWith(open))
      const mark = tag?.[0] ?? CLOSES.find((close) => low.startsWith(close))
      if (!mark) break
      this.any = true
      this.unopened ||= !tag
      this.#mute &&= tag !== undefined
      this.thinking = tag !== undefined
      this.#close = tag?.[1] ?? ''
      this.#kept = bare.slice(mark.length)
      if (this.thinking && !this.#thought()) return ''
    }
    this.#blank = bare === ''
    if ([...OPENS, ...CLOSES].some((one) => one.startsWith(low))) return ''
    const text = this.any ? bare : this.#kept
    this.#kept = ''
    this.#saying = true
    return this.#say(text)
  }

  #think(): string {
    return this.#thought() ? this.#begin() : ''
  }

  /** Whether the thought at hand has ended; leaves what comes after it. */
  #thought(): boolean {
    const at = this.#kept.search(ENDS.get(this.#close)!)
    if (at < 0) {
      this.#kept = this.#kept.slice(-this.#close.length)
      return false
    }
    this.thinking = false
    this.#mute = false
    this.#kept = this.#kept.slice(at + this.#close.length)
    return true
  }

  #say(piece: string): string {
    let given = ''
    let from = 0
    while (from < piece.length) {
      const end = piece.indexOf('\n', from)
      const part = end < 0 ? piece.slice(from) : piece.slice(from, end + 1)
      from += part.length
      const fresh = this.#line === this.#kept
      this.#line = (this.#line + part).slice(0, LINE_CHARACTERS)
      const low = this.#line.trimStart().toLowerCase()
      const close = fresh && this.#mayBeThought() ? CLOSES.find((one) => low.startsWith(one)) : undefined
      if (close) return this.#takeBack(given, this.#kept + part + piece.slice(from), close)
      const keep = fresh && end < 0 && this.#mayBeThought() && CLOSES.some((one) => one.startsWith(low))
      if (keep) this.#kept += part
      else {
        given += this.#given(this.#kept + part)
        this.#kept = ''
      }
      if (end < 0) continue
      if (/^(```|~~~)/.test(low)) this.#fenced = !this.#fenced
      this.#line = ''
    }
    return given
  }

  #mayBeThought(): boolean {
    return !this.any && !this.#fenced
  }

  #takeBack(given: string, rest: string, close: string): string {
    const low = this.text.toLowerCase()
    // whoever explains the tags names the opening one first
    if (OPENS.some((open) => low.includes(open))) {
      this.any = true
      const line = rest.slice(this.#kept.length)
      this.#line = this.#kept
      return given + this.#say(line)
    }
    this.any = true
    this.unopened = true
    this.takenBack = !this.#mute && this.text !== ''
    this.#mute = false
    this.#saying = false
    this.text = ''
    this.#kept = rest.trimStart().slice(close.length)
    return this.#begin()
  }

  #given(text: string): string {
    this.text += text
    return this.#mute ? '' : text
  }
}

/** So much of nothing but one short text, in characters: a ruler, a matrix of zeros or a log that stutters has less. */
const RUN = 8000
/** The longest text that counts as short. */
const UNIT = 320
/** How much comes between two looks. */
const STEP = 1000

/** Whether a text that is still growing has come to say the same over and over, and will not stop by itself. */
export class Repeats {
  #tail = ''
  #since = 0

  /** True once it does. Looked for now and then, so that all of it takes time in proportion to the text. */
  add(piece: string): boolean {
    this.#tail += piece
    this.#since += piece.length
    if (this.#tail.length < RUN || this.#since < STEP) return false
    this.#since = 0
    this.#tail = this.#tail.slice(-RUN)
    return period(this.#tail) <= UNIT
  }
}

/** The length of the shortest text that makes up all of `text` when it is written again and again (Knuth, Morris, Pratt). */
function period(text: string): number {
  const border = new Int32Array(text.length)
  for (let at = 1, length = 0; at < text.length; at += 1) {
    while (length > 0 && text[at] !== text[length]) length = border[length - 1]!
    if (text[at] === text[length]) length += 1
    border[at] = length
  }
  return text.length - border[text.length - 1]!
}

/** What is said of a text that came whole. */
export function withoutThoughts(whole: string): string {
  const thoughts = new Thoughts()
  thoughts.add(whole)
  thoughts.end()
  return thoughts.text
}
