import { span } from '../../f/hai/core/base/words.ts'
import { fit, oneLine } from './width.ts'

/** What is waited for. */
export interface Doing {
  /** As few words as tell it, without the seconds: `reading 4k tokens`. */
  label: string
  /** Since when, in milliseconds; not given where the words tell of times themselves. */
  since?: number
  /** The sentence that stays where no terminal shows the label; the label, when not given. */
  line?: string
}

/** Where it is shown. */
export interface Place {
  /** How wide the terminal is; undefined where none is that a line can be taken away from. */
  columns: number | undefined
  paint(text: string): string
  write(text: string): void
  /** Writes a line that stays. */
  note(line: string): void
  /** The column in which somebody else's line is open on this terminal: 0 for none, undefined where that is not known. */
  column(): number | undefined
}

const FRAMES = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏']
const FRAME_MS = 100
/** So long nothing is shown before it begins. */
const SILENCE_MS = 1_000
/** The same where what it says stays. */
const LINE_MS = 2_000
const ERASE = '\r\u001b[K'

/**
 * Tells on stderr what is waited for when nothing has been shown for a while: on a terminal by a line with seconds that
 * goes without a trace, elsewhere by one line.
 */
export class SignOfLife {
  #place: Place
  #doing: Doing | undefined
  #heardAt = 0
  #timer: NodeJS.Timeout | undefined
  #frame = 0
  /** Its line is on the screen, below one that ends in this column; 0 when on a line of its own. */
  #drawn: number | undefined
  #told = false

  constructor(place: Place) {
    this.#place = place
  }

  /** What is waited for from now on. */
  tell(doing: Doing): void {
    if (this.#doing === undefined) {
      this.#heardAt = Date.now()
      this.#told = false
    }
    this.#doing = doing
    this.#wait()
  }

  /** Something was shown, or is about to be: its line goes, and the silence begins anew. */
  heard(): void {
    this.#hide()
    this.#heardAt = Date.now()
  }

  /** Nothing is waited for any more. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#doing = undefined
    this.#hide()
  }

  #wait(): void {
    if (this.#timer) return
    const terminal = this.#place.columns !== undefined
    if (!terminal && this.#told) return
    const silence = Date.now() - this.#heardAt
    const rest = (terminal ? SILENCE_MS : LINE_MS) - silence
    this.#timer = setTimeout(() => this.#due(), rest > 0 ? rest : FRAME_MS)
  }

  #due(): void {
    this.#timer = undefined
    const doing = this.#doing
    if (!doing) return
    const terminal = this.#place.columns !== undefined
    if (Date.now() - this.#heardAt >= (terminal ? SILENCE_MS : LINE_MS)) {
      if (terminal) this.#draw(doing)
      else this.#tellOnce(doing)
    }
    this.#wait()
  }

  #tellOnce({ line, label }: Doing): void {
    this.#told = true
    this.#place.note(line ?? label)
  }

  #draw({ label, since }: Doing): void {
    const { columns = 0, paint, write } = this.#place
    const below = this.#drawn ?? this.#place.column()
    if (below === undefined) return
    const seconds =
      since === undefined ? '' : `, ${span(Math.max(1, Math.floor((Date.now() - since) / 1000)))}`
    const frame = FRAMES[this.#frame++ % FRAMES.length]
    const text = fit(`${oneLine(label)}${seconds}`, columns - 3)
    write(`${this.#drawn === undefined && below > 0 ? '\n' : ''}${ERASE}${paint(`${frame} ${text}`)}`)
    this.#drawn = below
  }

  #hide(): void {
    if (this.#drawn === undefined) return
    const back = this.#drawn > 0 ? `\u001b[A\u001b[${this.#drawn + 1}G` : ''
    this.#drawn = undefined
    this.#place.write(ERASE + back)
  }
}
