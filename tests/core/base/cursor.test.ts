import { describe, expect, it } from 'vitest'
import { cut, readCursor } from '../../../f/hai/core/base/page.ts'

const row = (n: number) => ({
  id: `01HZY5T2M3N4P5Q6R7S8T9000${n}`,
  created_at: `2026-11-22T18:00:00.12${n}Z`,
})

describe('cut', () => {
  it('gives a cursor to the last row of the page when there is one more', () => {
    const { page, next_cursor } = cut([row(1), row(2), row(3)], 2)
    expect(page).toEqual([row(1), row(2)])
    expect(readCursor(next_cursor!)).toMatchObject(row(2))
  })

  it('keeps until when, of a list that is sorted by that first', () => {
    const { next_cursor } = cut([{ ...row(1), until: 'infinity' }, row(2)], 1)
    expect(readCursor(next_cursor!, { byDue: true })).toEqual({ ...row(1), until: 'infinity' })
  })

  it.each([
    [[], 2],
    [[row(1)], 2],
    [[row(1), row(2)], 2],
  ])('gives none when that was all', (rows, limit) => {
    expect(cut(rows, limit)).toEqual({ page: rows })
  })
})

describe('readCursor', () => {
  it.each([
    '',
    'x',
    '1.2',
    '1795370400123',
    '-1.01HZY5T2M3N4P5Q6R7S8T90001',
    '1795370400123.01HZY5T2M3N4P5Q6R7S8T90001 ',
    '1795370400123.01hzy5t2m3n4p5q6r7s8t90001',
    '999999999999999.01HZY5T2M3N4P5Q6R7S8T90001',
  ])('refuses %j, which cut did not make', (cursor) => {
    expect(() => readCursor(cursor)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })
  it('refuses the cursor of another list', () => {
    const [plain, byDue] = ['', '1795800000000.'].map((until) => `${until}1795370400123.${row(1).id}`)
    expect(() => readCursor(plain!, { byDue: true })).toThrow('next_cursor of the page before')
    expect(() => readCursor(byDue!)).toThrow('next_cursor of the page before')
    expect(() => readCursor(`2026-11-27.1795370400123.${row(1).id}`, { byDue: true })).toThrow('next_cursor')
  })
})
