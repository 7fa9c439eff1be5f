/** Reads server-sent events (HTML standard, section 9.2.6) from text that comes in any pieces; only their data counts here. */
export class EventStream {
  #rest = ''
  #data: string[] = []

  /** The data of each event that is whole with this piece. */
  push(piece: string): string[] {
    const text = this.#rest + piece
    // A CR at the end may be half of a CRLF.
    const whole = /\r$/.test(text) ? text.slice(0, -1) : text
    const lines = whole.split(/\r\n|\r|\n/)
    this.#rest = (lines.pop() ?? '') + text.slice(whole.length)
    return lines.flatMap((line) => this.#line(line))
  }

  #line(line: string): string[] {
    if (line === '') {
      const data = this.#data
      this.#data = []
      return data.length > 0 ? [data.join('\n')] : []
    }
    const [, value] = /^data(?:: ?(.*))?$/.exec(line) ?? []
    if (/^data(:|$)/.test(line)) this.#data.push(value ?? '')
    return []
  }
}
