import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JobLog, MarkedStream } from '../../runner/job-log.ts'

const MARK = '\0end of job 1\n'

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

describe('a job log', () => {
  it('keeps 1 MB and counts the rest', () => {
    const log = new JobLog()
    for (let i = 0; i < 3; i++) log.append(Buffer.alloc(500_000, 'a'))
    expect(log.bytes).toBe(1024 * 1024)
    expect(log.text()).toHaveLength(1024 * 1024 + '\n[451424 bytes more were printed and not kept]\n'.length)
  })
})
