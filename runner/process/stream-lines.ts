/** What windmill-client's `appendToResultStream` puts before a text whose line feeds it wrote as `\n`. */
const PREFIX = 'WM_STREAM: '

/** A piece of what a job printed. */
export interface Printed {
  log: string
  stream: string
}

/** Parts a job's stdout into its log and the lines of its result stream, wherever the chunks are cut. */
export class StreamLines {
  #within: 'start' | 'log' | 'stream' = 'start'
  /** The beginning of the prefix, or a backslash that `n` may follow. */
  #held = ''

  /** `last` gives out what was held back for a chunk to come. */
  push(chunk: string, last = false): Printed {
    const printed = { log: '', stream: '' }
    let rest = this.#held + chunk
    this.#held = ''
    while (rest !== '') {
      if (this.#within === 'stream') rest = this.#takeStream(rest, last, printed)
      else if (this.#within === 'log') rest = this.#takeLog(rest, printed)
      else rest = this.#takeStart(rest, last)
    }
    return printed
  }

  #takeStart(text: string, last: boolean): string {
    if (text.startsWith(PREFIX)) {
      this.#within = 'stream'
      return text.slice(PREFIX.length)
    }
    if (!last && text.length < PREFIX.length && PREFIX.startsWith(text)) {
      this.#held = text
      return ''
    }
    this.#within = 'log'
    return text
  }

  /** All lines up to one of the stream, or up to the last, which may become one. */
  #takeLog(text: string, printed: Printed): string {
    const before = text.indexOf(`\n${PREFIX}`)
    const end = (before >= 0 ? before : text.lastIndexOf('\n')) + 1
    if (end > 0) this.#within = 'start'
    printed.log += end > 0 ? text.slice(0, end) : text
    return end > 0 ? text.slice(end) : ''
  }

  #takeStream(text: string, last: boolean, printed: Printed): string {
    const end = text.indexOf('\n')
    let line = end >= 0 ? text.slice(0, end) : text
    if (end >= 0) this.#within = 'start'
    else if (!last && line.endsWith('\\')) {
      this.#held = '\\'
      line = line.slice(0, -1)
    }
    // Windmill's unescaping, which takes a backslash and an n that the script itself wrote for a line feed too.
    printed.stream += line.replaceAll('\\n', '\n')
    return end >= 0 ? text.slice(end + 1) : ''
  }
}
