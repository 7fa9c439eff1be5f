import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Clock, isDay, wallClock } from '../../../f/hai/core/base/dates.ts'
import { parseTodoText } from '../../../f/hai/core/todo/text.ts'

/** What is said when, in which zone, and what is read there; `said.txt` says how its rows are written. */
const ROWS = rowsOf(readFileSync(new URL('said.txt', import.meta.url), 'utf8'))

describe('a date in a text', () => {
  it.each(ROWS)('%s', (_name, { text, clock, expected }) => {
    const { body, due = '', tags, priority, recur = '', unread = [] } = parseTodoText(text, clock)
    expect({
      body,
      due: due && wall(due, clock),
      marks: [...tags.map((tag) => `#${tag}`), ...(priority ? [`!${priority}`] : [])].join(' '),
      recur,
      unread: unread.map((one) => `${one.text}${one.either ? '?' : ''}`).join('; '),
    }).toEqual(expected)
  })

  it('is offered both ways where only a custom tells the day from the month, with the text that stays', () => {
    const clock = { zone: 'Europe/Berlin', now: new Date('2026-11-25T09:00:00Z') }
    expect(parseTodoText('swap the UPS battery #rack due 12/01, #rack', clock).unread).toEqual([
      {
        text: '12/01',
        why: 'the day or the month may be first',
        either: ['2027-01-12', '2026-12-01'],
        without: 'swap the UPS battery',
      },
    ])
  })

  it('that was mistyped comes back with the one that was likely meant', () => {
    const clock = { zone: 'Europe/Berlin', now: new Date('2026-11-25T09:00:00Z') }
    const options = ['due fryday', 'by next tuesdy', 'due 3 decmber'].map(
      (said) => parseTodoText(`pay the rent ${said}`, clock).unread?.[0]?.option,
    )
    expect(options).toEqual(['--due friday', '--due "next tuesday"', '--due "3 december"'])
  })
})

interface Row {
  text: string
  clock: Clock
  expected: Record<'body' | 'due' | 'marks' | 'recur' | 'unread', string>
}

function rowsOf(file: string): [string, Row][] {
  let clock: Clock | undefined
  return file.split('\n').flatMap((line): [string, Row][] => {
    if (line.trim() === '' || line.startsWith('# ')) return []
    if (line.startsWith('@ ')) {
      const [, now = '', zone = '', order] = line.split(' ')
      clock = { zone, now: new Date(now), ...(order && { dayFirst: order === 'day_first' }) }
      return []
    }
    const [text = '', body = '', due = '', marks = '', recur = '', unread = ''] = line
      .split('|')
      .map((part) => part.trim())
    const name = `${text} (${clock!.now.toISOString().slice(0, 16)}, ${clock!.zone})`
    return [[name, { text, clock: clock!, expected: { body, due, marks, recur, unread } }]]
  })
}

/** A day, or the time that a clock on the wall shows. */
function wall(due: string, clock: Clock): string {
  if (isDay(due)) return due
  return wallClock(new Date(due), clock.zone).toISOString().slice(0, 16).replace('T', ' ')
}
