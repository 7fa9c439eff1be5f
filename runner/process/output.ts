import { StringDecoder } from 'node:string_decoder'
import { AppendedText } from './appended-text.ts'
import { MarkedStream } from './marked-stream.ts'
import { type Printed, StreamLines } from './stream-lines.ts'

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
