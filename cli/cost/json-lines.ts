import { createReadStream } from 'node:fs'

const LINE_FEED = 0x0a
/** A longer one is no record of a call; bytes. */
const LONGEST = 64 * 1024 * 1024

/**
 * The lines of a file of JSON documents, ended by line feeds alone: what else a terminal or a reader of lines takes for the
 * end of one may stand within a text. The mark that some editors put before the first is skipped. Undefined is a line
 * that is too long to be read.
 */
export async function* jsonLines(path: string): AsyncGenerator<string | undefined> {
  let pieces: Buffer[] = []
  let size = 0
  let first = true
  const line = () => {
    const text = size > LONGEST ? undefined : Buffer.concat(pieces).toString('utf8')
    pieces = []
    size = 0
    const start = first && text?.startsWith('\uFEFF') ? 1 : 0
    first = false
    return text?.slice(start)
  }
  const add = (piece: Buffer) => {
    size += piece.length
    if (size <= LONGEST) pieces.push(piece)
    else pieces = []
  }
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, end))
      yield line()
      from = end + 1
    }
    add(chunk.subarray(from))
  }
  if (size > 0) yield line()
}
