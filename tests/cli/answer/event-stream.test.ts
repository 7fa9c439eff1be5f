import { expect, it } from 'vitest'
import { EventStream } from '../../../cli/answer/event-stream.ts'
import fc from '../../support/fast-check.ts'

const STREAM = [
  'data: {"type":"ping"}\n\n',
  ': a comment\r\ndata: {"a":1}\r\n\r\n',
  'event: update\nid: 7\ndata: one\ndata:two\ndata\nretry: 10\n\n',
  'data: CR alone\r\r',
  'database: is no data\n\n',
  'data: ends without an empty line\n',
].join('')

it('reads comments, names, many lines and all three line ends', () => {
  expect(new EventStream().push(STREAM)).toEqual(['{"type":"ping"}', '{"a":1}', 'one\ntwo\n', 'CR alone'])
})

it('reads the same whatever pieces it comes in', () => {
  const whole = new EventStream().push(STREAM)
  fc.assert(
    fc.property(fc.array(fc.nat(STREAM.length)), (places) => {
      const ends = [0, ...places.sort((a, b) => a - b), STREAM.length]
      const events = new EventStream()
      const read = ends.flatMap((end, i) => events.push(STREAM.slice(ends[i - 1] ?? 0, end)))
      expect(read).toEqual(whole)
    }),
  )
})
