import { describe, expect, it } from 'vitest'
import { contains, conversationKey, Tag, termsOf } from '../../../f/hai/core/base/normal.ts'
import { testDatabase } from '../../support/database.ts'
import fc from '../../support/fast-check.ts'

const db = testDatabase()

async function finds(texts: string[], terms: string[]): Promise<boolean[]> {
  const rows = await db.sql<{ found: boolean }[]>`
    select true ${contains(db.sql, db.sql`body`, terms)} as found
    from unnest(${texts}::text[]) with ordinality as t (body, no) order by no`
  return rows.map(({ found }) => found)
}

describe('what is looked for in a text', () => {
  it.each<[asked: string, body: string]>([
    ['batt', 'replace the UPS battery'],
    ['ATTER', 'replace the UPS battery'],
    ['ups batt', 'replace the battery of the UPS'],
    ['"the ups"', 'replace the  UPS'],
    ['€20', 'pay €20'],
    ['20', 'pay €20'],
    ['100%', 'disk at 100%'],
    ['_x', 'a_x'],
    ['c++', 'learn C++'],
    ['[a-z]*', 'what is [a-z]* for?'],
    ['\\d', 'a \\d in it'],
    ['(', '(b'],
    ['élan', 'ÉLAN'],
    ['e\u0301lan', 'élan'],
    ['élan', 'E\u0301LAN'],
    ['ж', 'ЖУК'],
    ['say "hi', 'say "hi'],
    ['***:.', 'a ***:. b'],
    ['(?i)', '(?i)'],
  ])('%s is in “%s”', async (asked, body) => {
    expect(await finds([body], termsOf(asked))).toEqual([true])
  })

  it.each<[asked: string, body: string]>([
    ['50%', 'disk at 500'],
    ['_x', 'ax'],
    ['.*', 'anything'],
    ['a|b', 'b'],
    ['"ups the"', 'the ups'],
    ['€20', 'pay $20'],
  ])('%s is not in “%s”', async (asked, body) => {
    expect(await finds([body], termsOf(asked))).toEqual([false])
  })

  it('is any part of any text, in any case', async () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((t) => !t.includes('\0'))
    await fc.assert(
      fc.asyncProperty(text, text, text, fc.boolean(), async (before, part, after, upper) => {
        const term = part.replace(/\s/gu, '')
        fc.pre(term !== '' && [...term].every((c) => c.toUpperCase().toLowerCase() === c))
        const body = `${before} ${upper ? term.toUpperCase() : term} ${after}`
        expect(await finds([body], [term])).toEqual([true])
      }),
      { numRuns: 200 },
    )
  })
})

describe('names', () => {
  it.each(['shop', '#shop', 'Shop', ' #SHOP '])('%s is the tag shop', (typed) => {
    expect(Tag.parse(typed)).toBe('shop')
  })

  it.each(['', '#', 'two words', '7up', '##x'])('%s is no tag', (typed) => {
    expect(Tag.safeParse(typed).success).toBe(false)
  })

  it('composes what was typed decomposed', () => {
    expect(Tag.parse('Cafe\u0301')).toBe('café')
    expect(conversationKey('#Cafe\u0301')).toBe('#café')
  })

  it('takes a conversation by its name in any case, and an id as it is', () => {
    expect(conversationKey(' #Rack-Move ')).toBe('#rack-move')
    expect(conversationKey('01M8H3FH25TG1C63FQ82XNK5Q7')).toBe('01M8H3FH25TG1C63FQ82XNK5Q7')
  })
})
