/** One event of a stream, or one line that stands for one. */
export interface Frame {
  event: string | undefined
  data: string
}

/** Kept of lines that are no part of any event, should nothing else be there to tell what a server said. */
const STRAY_CHARACTERS = 2000

/**
 * Reads server-sent events as servers really send them: cut anywhere, by any line end, with a mark at the beginning or
 * without the empty line at the end. Comments and unknown fields are skipped; a line that is an object by itself counts
 * as an event, and so does a field named `error`.
 */
export class Frames {
  /** The beginning of what was no event. */
  stray = ''
  #decoder = new TextDecoder()
  #rest = ''
  #searched = 0
  #event: string | undefined
  #data: string[] = []

  push(bytes: Uint8Array): Frame[] {
    return this.#read(this.#decoder.decode(bytes, { stream: true }), false)
  }

  /** What is left when no more comes. */
  end(): Frame[] {
    return this.#read(this.#decoder.decode(), true)
  }

  #read(text: string, last: boolean): Frame[] {
    const frames: Frame[] = []
    this.#rest += text
    let start = 0
    for (;;) {
      const end = lineEnd(this.#rest, Math.max(start, this.#searched), last)
      if (!end) break
      frames.push(...this.#line(this.#rest.slice(start, end.at)))
      start = end.next
    }
    this.#rest = this.#rest.slice(start)
    // a CR that ends what has come may be half of a line end
    this.#searched = this.#rest.endsWith('\r') ? this.#rest.length - 1 : this.#rest.length
    if (last) {
      if (this.#rest !== '') frames.push(...this.#line(this.#rest))
      frames.push(...this.#dispatch())
      this.#rest = ''
    }
    return frames
  }

  #line(line: string): Frame[] {
    if (line === '') return this.#dispatch()
    if (line.startsWith(':')) return []
    const [, field, value = ''] = /^(data|event|id|retry|error)(?:: ?(.*))?$/s.exec(line) ?? []
    // behind some gateways the field's name stands there twice
    if (field === 'data') this.#data.push(value.replace(/^(?:\s*data:)+(?=\s*[[{])/, ''))
    else if (field === 'event') this.#event = value.trim()
    else if (field === 'error') return [...this.#dispatch(), { event: 'error', data: value }]
    else if (field === undefined && line.startsWith('{')) return [{ event: undefined, data: line }]
    else if (field === undefined && this.stray.length < STRAY_CHARACTERS) this.stray += `${line}\n`
    return []
  }

  #dispatch(): Frame[] {
    const data = this.#data
    const event = this.#event
    this.#data = []
    this.#event = undefined
    if (data.length === 0) return []
    // some leave out the empty line between two events, others write one document in several lines
    const whole = data.join('\n')
    const apart = data.length > 1 && parsed(whole) === undefined
    return apart ? data.map((one) => ({ event, data: one })) : [{ event, data: whole }]
  }
}

function lineEnd(text: string, from: number, last: boolean): { at: number; next: number } | undefined {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 10) return { at, next: at + 1 }
    if (code !== 13) continue
    if (text.charCodeAt(at + 1) === 10) return { at, next: at + 2 }
    return at + 1 < text.length || last ? { at, next: at + 1 } : undefined
  }
  return undefined
}

/** A string that nothing ends goes on to the end: it is not looked for again from every quote within. */
const LITERAL = /"(?:[^"\\]|\\.)*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/gs

/** The document in `text`; undefined when it is none, and not the nearly one that some servers write either. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return nearly(text)
  }
}

/** Numbers that JSON has no word for, which become that word, and control characters that stand in a string as they are. */
function nearly(text: string): unknown {
  const mended = text.replace(LITERAL, (literal) =>
    literal.startsWith('"')
      ? // biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are to be found
        literal.replace(/[\u0000-\u001f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : `"${literal}"`,
  )
  try {
    return mended === text ? undefined : JSON.parse(mended)
  } catch {
    return undefined
  }
}

/** An object's field, if it is an object that has it. */
export const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
