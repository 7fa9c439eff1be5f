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
