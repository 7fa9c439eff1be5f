import { expect, it } from 'vitest'
import { LiveAnswer } from '../../../cli/answer/live.ts'
import fc from '../../support/fast-check.ts'
import { anEvent } from '../samples.ts'

const claimed = () => ({ ...anEvent(0, 'claimed'), type: 'claimed' })
const delta = (at: number, text: string) => ({ ...anEvent(0, text), type: 'delta', data: { at } })

function anAnswer({ trusting = false } = {}) {
  const shown: string[] = []
  const answer = new LiveAnswer((text) => shown.push(text), { trusting })
  return { answer, shown, last: () => shown.at(-1) ?? '' }
}

/** The text in pieces that end at these places, with where each begins. */
function cutAt(text: string, places: number[]) {
  const ends = [...new Set(places.map((place) => place % text.length)), text.length].sort((a, b) => a - b)
  return ends.map((end, i) => ({ at: ends[i - 1] ?? 0, text: text.slice(ends[i - 1] ?? 0, end) }))
}

it('puts any pieces of both sources together, in any rhythm, with no letter twice', () => {
  const text = fc.string({ minLength: 1, maxLength: 60 })
  const places = fc.array(fc.nat(), { maxLength: 8 })
  fc.assert(
    fc.property(
      text,
      places,
      places,
      fc.array(fc.boolean()),
      fc.array(fc.nat(4)),
      (whole, a, b, turns, lost) => {
        const { answer, shown, last } = anAnswer()
        answer.tell([claimed()])
        const events = cutAt(whole, a)
        // The first piece tells where an attempt begins; any other may be lost.
        const streamed = cutAt(whole, b).filter((_, i) => i === 0 || lost[i] !== 0)
        for (const turn of [...turns, ...streamed.map(() => true), ...events.map(() => false)]) {
          const piece = turn ? streamed.shift() : events.shift()
          if (piece && turn) answer.stream(piece)
          else if (piece) answer.tell([delta(piece.at, piece.text)])
        }
        expect(last()).toBe(whole)
        for (const [i, part] of shown.entries()) {
          expect(whole.startsWith(part)).toBe(true)
          expect(part.length).toBeGreaterThan(shown[i - 1]?.length ?? 0)
        }
      },
    ),
  )
})

it('keeps the stream of the next attempt until its event has come', () => {
  const { answer, last } = anAnswer()
  answer.tell([claimed()])
  answer.stream({ at: 0, text: 'first' })
  answer.stream({ at: 0, text: 'sec' })
  answer.stream({ at: 3, text: 'ond' })
  expect(last()).toBe('first')
  answer.tell([delta(0, 'first'), claimed()])
  expect(last()).toBe('second')
})

it('leaves out the rest of an attempt that is over', () => {
  const { answer, last } = anAnswer()
  answer.tell([claimed()])
  answer.stream({ at: 0, text: 'first' })
  answer.tell([claimed()])
  answer.stream({ at: 5, text: ' and its end' })
  answer.stream({ at: 0, text: 'second' })
  expect(last()).toBe('second')
})

it('believes the events when the stream tells of an attempt before', () => {
  const { answer, last } = anAnswer()
  answer.tell([claimed(), delta(0, 'first'), claimed()])
  answer.stream({ at: 0, text: 'first' })
  answer.stream({ at: 0, text: 'second' })
  answer.tell([delta(0, 'sec')])
  expect(last()).toBe('second')
})

it('takes from events that come together only the last attempt', () => {
  const { answer, shown } = anAnswer()
  answer.tell([claimed(), delta(0, 'first'), claimed(), delta(0, 'second')])
  expect(shown).toEqual(['second'])
})

it('shows at once what comes before its attempt was seen to begin, where that can be no other', () => {
  const { answer, shown, last } = anAnswer({ trusting: true })
  answer.stream({ at: 0, text: 'one ' })
  answer.stream({ at: 4, text: 'two ' })
  expect(shown).toEqual(['one ', 'one two '])
  answer.tell([claimed(), delta(0, 'one ')])
  expect(last()).toBe('one two ')
  answer.stream({ at: 8, text: 'three' })
  expect(last()).toBe('one two three')
})

it('shows another attempt in its place where that one broke before it was seen', () => {
  const { answer, last } = anAnswer({ trusting: true })
  answer.stream({ at: 0, text: 'first' })
  answer.stream({ at: 0, text: 'second' })
  expect(last()).toBe('second')
  answer.tell([claimed(), claimed()])
  expect(last()).toBe('second')
})

it('shows nothing of an attempt of which the beginning is missing', () => {
  const { answer, shown } = anAnswer({ trusting: true })
  answer.stream({ at: 5, text: ' and its end' })
  expect(shown).toEqual([])
})
