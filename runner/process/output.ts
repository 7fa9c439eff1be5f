import { StringDecoder } from 'node:string_decoder'
import { AppendedText } from './appended-text.ts'
import type { Ending } from './protocol.ts'

const MB = 1024 * 1024
const LOG_MB = 1
const STREAM_MB = 8

/** What one job prints: its log, at most 1 MB, and its result stream, at most 8 MB. The log says when one was cut. */
export class JobOutput {
  readonly log = new AppendedText(LOG_MB * MB)
  readonly stream = new AppendedText(STREAM_MB * MB)
  #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  get bytes(): number {
    return this.log.bytes + this.stream.bytes
  }

  /** Where one run's stdout and stderr go, until the mark appears in them. */
  pipes(mark: string): { stdout: OutputPipe; stderr: OutputPipe } {
    const lines = new StreamLines()
    return {
      stdout: new OutputPipe(mark, (text, last) => this.#print(lines.push(text, last))),
      stderr: new OutputPipe(mark, (log) => this.#print({ log, stream: '' })),
    }
  }

  #print({ log, stream }: Printed): void {
    if (log === '' && stream === '') return
    const before = { log: this.log.full, stream: this.stream.full }
    this.log.append(log)
    this.stream.append(stream)
    if (this.log.full && !before.log) {
      this.log.note(`\n[the log is full at ${LOG_MB} MB; what is printed from here on is not kept]\n`)
    }
    if (this.stream.full && !before.stream) {
      this.log.note(`\n[the result stream is full at ${STREAM_MB} MB; the rest of it is not kept]\n`)
    }
    this.#changed()
  }
}

/** One of a job's output streams on its way from bytes to text. */
export class OutputPipe {
  #marked: MarkedStream
  #decoder = new StringDecoder('utf8')
  #print: (text: string, last: boolean) => void

  constructor(mark: string, print: (text: string, last: boolean) => void) {
    this.#marked = new MarkedStream(mark)
    this.#print = print
  }

  /** The mark was seen. */
  get ended(): boolean {
    return this.#marked.ended
  }

  push(chunk: Buffer): void {
    this.#print(this.#decoder.write(this.#marked.push(chunk)), false)
  }

  /** Nothing more will come. */
  end(): void {
    this.#print(this.#decoder.write(this.#marked.rest()) + this.#decoder.end(), true)
  }
}

/** Passes a stream on until a mark appears in it, wherever the chunks are cut. */
export class MarkedStream {
  #mark: Buffer
  #held: Buffer = Buffer.alloc(0)
  #ended = false

  constructor(mark: string) {
    this.#mark = Buffer.from(mark)
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The part of the stream that surely lies before the mark. */
  push(chunk: Buffer): Buffer {
    if (this.#ended) return Buffer.alloc(0)
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
    const at = all.indexOf(this.#mark)
    this.#ended = at >= 0
    const safe = this.#ended ? at : all.length - this.#begunAtEndOf(all)
    this.#held = this.#ended ? Buffer.alloc(0) : Buffer.from(all.subarray(safe))
    return all.subarray(0, safe)
  }

  /** What was held back in case it began the mark. */
  rest(): Buffer {
    const held = this.#held
    this.#held = Buffer.alloc(0)
    return held
  }

  /** How many bytes at the end of the chunk may be the beginning of the mark. */
  #begunAtEndOf(chunk: Buffer): number {
    const longest = Math.min(this.#mark.length - 1, chunk.length)
    for (let length = longest; length > 0; length--) {
      if (this.#mark.subarray(0, length).equals(chunk.subarray(chunk.length - length))) return length
    }
    return 0
  }
}

/** What windmill-client's `appendToResultStream` puts before a text whose line feeds it wrote as `\n`. */
const PREFIX = 'WM_STREAM: '

/** A piece of what a job printed. */
interface Printed {
  log: string
  stream: string
}

/** Parts a job's stdout into its log and the lines of its result stream, wherever the chunks are cut. */
class StreamLines {
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

type Finished = Extract<Ending, { kind: 'finished' }>

/** What is kept of a run that reached its end, by Windmill's rules for streams and `wm_failure`. */
export function outcomeOf(ending: Finished, streamed: string): Omit<Finished, 'kind'> {
  return withFailure(withStream(ending, streamed))
}

/** What was streamed is the result where there is no other, and `wm_stream` of one that is an object. */
function withStream(ending: Finished, text: string): Finished {
  const { success, result } = ending
  if (!success || text === '') return ending
  const stream = JSON.stringify(text)
  if (result === 'null') return { ...ending, result: stream }
  if (!result.startsWith('{')) return ending
  const comma = result === '{}' ? '' : ','
  return { ...ending, result: `${result.slice(0, -1)}${comma}"wm_stream":${stream}}` }
}

/** A script that returns `wm_failure` failed, and says so in the result that is kept. */
function withFailure(ending: Finished): Omit<Finished, 'kind'> {
  if (!ending.shaped || !ending.success) return ending
  const given = JSON.parse(ending.result) as Record<string, unknown>
  const message = given.wm_failure
  // Windmill reads a text there, and takes what is none for any field
  if (typeof message !== 'string') return ending
  const result = JSON.stringify({ ...given, error: { name: 'ManualFailure', message } })
  return { success: false, shaped: true, result }
}
