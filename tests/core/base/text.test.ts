import { describe, expect, it } from 'vitest'
import { hasNul, storable, storableJson, wholeCharacters } from '../../../f/hai/core/base/text.ts'
import { testDatabase } from '../../support/database.ts'
import fc from '../../support/fast-check.ts'

const db = testDatabase()

describe('text that comes from outside', () => {
  it.each([
    ['half of a pair at its end', 'ok \ud83d', 'ok \ufffd'],
    ['the other half at its beginning', '\ude00 ok', '\ufffd ok'],
    ['halves in the wrong order', '\ude00\ud83d', '\ufffd\ufffd'],
    ['one half too many', '\ud83d\ud83d\ude00', '\ufffd😀'],
    ['a NUL', 'a\0b', 'a\ufffdb'],
    ['nothing odd', 'a 😀 \u0001 ü', 'a 😀 \u0001 ü'],
  ])('with %s is kept as far as it can be', (_, given, kept) => {
    expect(storable(given)).toBe(kept)
  })

  it('has whole characters where a caller sent half of one, and is otherwise what it was', () => {
    const sent = { 'a\ud83d': ['b', { c: 'd\ude00', e: 7, f: null }] }
    expect(wholeCharacters(sent)).toEqual({ 'a\ufffd': ['b', { c: 'd\ufffd', e: 7, f: null }] })
    const well = { a: ['😀', new Date(0), { '\0': 'b\0' }] }
    expect(wholeCharacters(well)).toBe(well)
  })

  it.each([['a\0'], [{ a: [{ b: '\0' }] }], [{ 'a\0': 1 }]])('has a NUL in it: %j', (value) => {
    expect(hasNul(value)).toBe(true)
    expect(hasNul([value, 'a', 7, null, { b: '\u0001' }])).toBe(true)
    expect(hasNul(['a', 7, null, { b: '\u0001' }])).toBe(false)
  })

  it('is always taken by the database, as text and at any depth of JSON', async () => {
    const odd = fc.string({
      unit: fc.constantFrom('\0', '\ud83d', '\ude00', 'a', '😀', '\n', '\\', '"'),
      maxLength: 12,
    })
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        odd,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(odd, tie('any'), { maxKeys: 3 }),
      ),
    })).any
    await fc.assert(
      fc.asyncProperty(odd, value, async (text, json) => {
        const kept = storable(text)
        const keptJson = storableJson(json)
        const [row] =
          await db.sql`select ${kept}::text as text, ${db.sql.json({ keptJson } as never)}::jsonb as json`
        expect(row!.text).toBe(kept)
        expect(row!.json).toEqual({ keptJson })
      }),
      { numRuns: 60 },
    )
  })
})
