import { describe, expect, it } from 'vitest'
import { estimate } from '../../../f/hai/core/model/estimate.ts'
import { type Shape, Shaping, shaped } from '../../../f/hai/core/model/shaping.ts'
import fc from '../../support/fast-check.ts'

/** What is shown of pieces, and why no more was wanted. */
function shown(pieces: string[], shape: Shape) {
  const shaping = new Shaping(shape)
  const told: string[] = []
  for (const piece of pieces) {
    if (shaping.over) break
    told.push(shaping.add(piece))
  }
  return { text: told.join('') + shaping.end(), over: shaping.over }
}

describe('a beginning that was there', () => {
  it.each([
    ['said once more', 'A NAS is', 'A NAS is a box', ' a box'],
    ['gone on with', 'A NAS is', ' a box', ' a box'],
    ['said once more, with white space before it', 'A NAS is', '\n A NAS is a box', ' a box'],
    ['nearly said once more', 'A NAS is', 'A NAS, in short', 'A NAS, in short'],
    ['cut short', 'A NAS is', 'A NAS', 'A NAS'],
    ['all there is', 'A NAS is', 'A NAS is', ''],
    ['said twice', 'no ', 'no no no', 'no no'],
    ['with a blank at its end, said once more', 'A NAS is ', 'A NAS is a box', 'a box'],
    ['with a blank at its end, gone on with', 'A NAS is ', 'a box', 'a box'],
    ['of JSON, begun anew', '{', '{"a": 1}', '"a": 1}'],
    ['of nothing that shows', ' \n', ' \nwell', ' \nwell'],
  ])('is told once: %s', (_, begun, said, right) => {
    expect(shaped(said, { begun })).toBe(right)
    expect(shown([...said], { begun }).text).toBe(right)
  })

  it('that was given without its last blank is not told with two', () => {
    expect(shaped(' a box', { begun: 'A NAS is ', trimmed: true })).toBe('a box')
    expect(shown([' ', 'a', ' box'], { begun: 'A NAS is ', trimmed: true }).text).toBe('a box')
    expect(shaped(' a box', { begun: 'A NAS is ' })).toBe(' a box')
  })
})

describe('where an answer is to stop', () => {
  it('it does, without what ends it, however that comes', () => {
    const stop = ['###', '\nUser:']
    expect(shown(['one #', '#', '# two'], { stop })).toEqual({ text: 'one ', over: 'stop' })
    expect(shown(['one ## two', ' ####'], { stop })).toEqual({ text: 'one ## two ', over: 'stop' })
    expect(shown(['one\nUs', 'er', ': two ###'], { stop })).toEqual({ text: 'one', over: 'stop' })
    expect(shown(['one ##'], { stop })).toEqual({ text: 'one ##', over: undefined })
  })

  it('it does at so many tokens, by the estimate, and never later', () => {
    const words = Array.from({ length: 200 }, (_, n) => `word${n} `)
    for (const most of [1, 5, 40, 333]) {
      const { text, over } = shown(words, { most })
      expect(over).toBe('length')
      expect(words.join('')).toContain(text)
      expect(estimate(text).most).toBeLessThanOrEqual(most)
      expect(estimate(text).most).toBeGreaterThan(most - 6)
    }
    expect(shown(['two words'], { most: 40 })).toEqual({ text: 'two words', over: undefined })
  })
})

it('in whatever pieces an answer comes, it is the same', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '#'), maxLength: 30 })
  const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '#'), maxLength: 5 }), {
    maxLength: 20,
  })
  const stop = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '#'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  })
  fc.assert(
    fc.property(pieces, letters, stop, fc.boolean(), (said, begun, stop, trimmed) => {
      const shape = { begun, stop, trimmed }
      expect(shown(said, shape).text).toBe(shaped(said.join(''), shape))
    }),
  )
})
