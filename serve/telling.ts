/** Not told before more comes: an answer ends without them, and half a character is none. */
const TAIL = /\s*[\ud800-\udbff]?$/
/** Between what was told of an attempt that broke and the answer that begins anew: nobody can take back what was sent. */
const ANEW = '\n\n(the answer broke off; it begins anew)\n\n'

/** A structured answer broke off after its beginning was sent; what came then would be no answer of that form. */
export class BrokenOff extends Error {}

/** Cuts an answer that is known as a whole, ever longer, into the pieces that a client has not got yet. */
export class Telling {
  #sent = ''
  #say: (more: string) => void
  #strict: boolean

  /** `strict`: the answer has a form, and no word may stand between two attempts. Then those throw `BrokenOff`. */
  constructor(say: (more: string) => void, { strict = false } = {}) {
    this.#say = say
    this.#strict = strict
  }

  /** The answer so far, or that of another attempt: as long as it says what was said, that is not said again. */
  grow(text: string): void {
    this.#go(text.replace(TAIL, ''))
  }

  /** The whole answer. */
  end(text: string): void {
    const whole = text.trimEnd()
    if (this.#sent.startsWith(whole) && this.#sent.trimEnd() !== whole) this.#begin()
    this.#go(whole)
  }

  #go(text: string): void {
    if (this.#sent.startsWith(text)) return
    if (!text.startsWith(this.#sent)) this.#begin()
    const more = text.slice(this.#sent.length)
    this.#sent = text
    this.#say(more)
  }

  #begin(): void {
    if (this.#strict) throw new BrokenOff('the answer broke off')
    this.#sent = ''
    this.#say(ANEW)
  }
}
