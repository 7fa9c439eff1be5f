import { describe, expect, it } from 'vitest'
import { AppendedText } from '../../../runner/process/appended-text.ts'
import { JobOutput, MarkedStream } from '../../../runner/process/output.ts'
import fc from '../../support/fast-check.ts'

const MARK = '\0end of job 1\n'
const MB = 1024 * 1024

function through(chunks: Buffer[]): { text: string; ended: boolean } {
  const stream = new MarkedStream(MARK)
  const passed = chunks.map((chunk) => stream.push(chunk))
  return { text: Buffer.concat([...passed, stream.rest()]).toString(), ended: stream.ended }
}

function cut(text: string, places: number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index]!, end))
}

describe('a marked stream', () => {
  it('passes on what lies before the mark, and nothing behind it, wherever the chunks are cut', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('\0', '\0end of', MARK.slice(0, -1), '\n', 'ü'))
    const printed = fc.array(piece).map((pieces) => pieces.join('').replaceAll(MARK, ''))
    fc.assert(
      fc.property(printed, fc.string(), fc.array(fc.nat()), (before, after, places) => {
        fc.pre(!`${before}${MARK}`.slice(0, -1).includes(MARK))
        expect(through(cut(before + MARK + after, places))).toEqual({ text: before, ended: true })
        expect(through(cut(before, places))).toEqual({ text: before, ended: false })
      }),
    )
  })

  it('holds nothing back that cannot be the mark, so that a running job can be watched', () => {
    const stream = new MarkedStream(MARK)
    expect(stream.push(Buffer.from('working\n')).toString()).toBe('working\n')
    expect(stream.push(Buffer.from('more\0end')).toString()).toBe('more')
    expect(stream.push(Buffer.from('ing')).toString()).toBe('\0ending')
  })
})

describe('text that is appended', () => {
  it('is read from any character on, as if it were one string', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'ü', '€', '😀', '\n'), maxLength: 3_000 })
    fc.assert(
      fc.property(fc.array(piece), fc.nat(10_000), (pieces, offset) => {
        const text = new AppendedText(MB)
        for (const appended of pieces) text.append(appended)
        const characters = [...pieces.join('')]
        expect(text.length).toBe(characters.length)
        expect(text.from(offset)).toBe(characters.slice(offset).join(''))
      }),
    )
  })

  it('ends at its limit with a whole character, whatever comes later', () => {
    const text = new AppendedText(10)
    for (const appended of ['12345678', '€', 'x']) text.append(appended)
    expect([text.text(), text.bytes, text.full]).toEqual(['12345678', 8, true])
  })
})

/** What becomes of stdout that comes in these chunks. */
function printed(chunks: Buffer[]): { log: string; stream: string } {
  const output = new JobOutput(() => {})
  const { stdout } = output.pipes(MARK)
  for (const chunk of chunks) stdout.push(chunk)
  stdout.end()
  return { log: output.log.text(), stream: output.stream.text() }
}

describe("a job's output", () => {
  const line = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '€', '😀', '\\', 'n', ' ') }).map((text) => ({ log: text })),
    fc.string({ unit: fc.constantFrom('a', '€', '😀', '\n', ' ', '\\') }).map((text) => ({ stream: text })),
    fc.constantFrom('WM_STREAM:', 'WM_', ' WM_STREAM: no', 'WM_STREAMS: no').map((text) => ({ log: text })),
  )

  it('parts the lines of the result stream from the log, wherever the chunks are cut', () => {
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), (lines, places) => {
        const stdout = lines.map((one) =>
          'log' in one ? `${one.log}\n` : `WM_STREAM: ${one.stream.replaceAll('\n', '\\n')}\n`,
        )
        const log = lines.map((one) => ('log' in one ? `${one.log}\n` : '')).join('')
        const stream = lines.map((one) => ('stream' in one ? one.stream : '')).join('')
        expect(printed(cut(`${stdout.join('')}${MARK}`, places))).toEqual({ log, stream })
      }),
    )
  })

  it('shows each piece at once, also of a line that has not ended', () => {
    const output = new JobOutput(() => {})
    const { stdout } = output.pipes(MARK)
    const now = (chunk: string) => {
      stdout.push(Buffer.from(chunk))
      return [output.log.text(), output.stream.text()]
    }
    expect(now('50 %')).toEqual(['50 %', ''])
    expect(now(' done\nWM_')).toEqual(['50 % done\n', ''])
    expect(now('STREAM: one\\')).toEqual(['50 % done\n', 'one'])
    expect(now('n')).toEqual(['50 % done\n', 'one\n'])
    expect(now('two\nWM_S')).toEqual(['50 % done\n', 'one\ntwo'])
    stdout.end()
    expect(output.log.text()).toBe('50 % done\nWM_S')
  })

  it('keeps characters whole that stdout and stderr print at the same time', () => {
    const output = new JobOutput(() => {})
    const { stdout, stderr } = output.pipes(MARK)
    const [first, second] = [Buffer.from('€'), Buffer.from('ü')]
    stdout.push(first.subarray(0, 1))
    stderr.push(second.subarray(0, 1))
    stdout.push(first.subarray(1))
    stderr.push(second.subarray(1))
    expect(output.log.text()).toBe('€ü')
  })

  it('keeps 1 MB of the log and 8 MB of the stream, and says in the log what was cut', () => {
    const output = new JobOutput(() => {})
    const { stdout, stderr } = output.pipes(MARK)
    const half = 'a'.repeat(512 * 1024)
    for (let i = 0; i < 17; i++) stdout.push(Buffer.from(`WM_STREAM: ${half}\n`))
    expect(output.stream.bytes).toBe(8 * MB)
    const note = '\n[the result stream is full at 8 MB; the rest of it is not kept]\n'
    expect(output.log.text()).toBe(note)
    for (let i = 0; i < 3; i++) stderr.push(Buffer.from(half))
    expect(output.log.text().slice(MB)).toBe(
      '\n[the log is full at 1 MB; what is printed from here on is not kept]\n',
    )
    expect(output.log.from(note.length)).toMatch(/^a+\n\[the log is full/)
  })
})
