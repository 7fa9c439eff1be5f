/** A message that is typed line by line: `\` at a line's end, or an open ``` fence, says that more comes. */
export class Turn {
  #lines: string[] = []
  #fenced = false

  get begun(): boolean {
    return this.#lines.length > 0
  }

  /** The whole message, when this line ends it. */
  add(line: string): string | undefined {
    if (/^\s*```/.test(line)) this.#fenced = !this.#fenced
    const goesOn = !this.#fenced && /(^|[^\\])\\$/.test(line)
    this.#lines.push(goesOn ? line.slice(0, -1) : line)
    return goesOn || this.#fenced ? undefined : this.end()
  }

  /** What there is of the message, for when no line follows; the next line begins another. */
  end(): string {
    const message = this.#lines.join('\n').trim()
    this.#lines = []
    this.#fenced = false
    return message
  }
}
