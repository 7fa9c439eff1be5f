import { describe, expect, it } from 'vitest'
import { parseTodoText } from '../../../f/hai/core/todo/text.ts'
import fc from '../../support/fast-check.ts'

const clock = { zone: 'Pacific/Auckland', now: new Date('2026-11-22T03:00:00Z') }
const read = (text: string) => parseTodoText(text, clock)
const FRIDAY = '2026-11-27'

describe('parseTodoText', () => {
  it.each([
    [
      'replace the UPS battery #rack due friday',
      { body: 'replace the UPS battery', tags: ['rack'], due: FRIDAY },
    ],
    [
      '#rack !high replace the battery by 5 dec',
      { body: 'replace the battery', tags: ['rack'], priority: 'high', due: '2026-12-05' },
    ],
    [
      'water the plants on friday #Garden !urgent',
      { body: 'water the plants', tags: ['garden'], priority: 'urgent', due: FRIDAY },
    ],
    ['call the bank tomorrow at 5pm', { body: 'call the bank', tags: [], due: '2026-11-23T04:00:00.000Z' }],
    ['order the part (due friday)', { body: 'order the part', tags: [], due: FRIDAY }],
    ['order the part, due: 2026-12-01.', { body: 'order the part', tags: [], due: '2026-12-01' }],
    ['order the part due:friday', { body: 'order the part', tags: [], due: FRIDAY }],
    ['order the part due by friday', { body: 'order the part', tags: [], due: FRIDAY }],
    ['pay the bill due in 3 days', { body: 'pay the bill', tags: [], due: '2026-11-25' }],
    ['order the part DUE FRIDAY', { body: 'order the part', tags: [], due: FRIDAY }],
    ['renew it #a #b-c #A !low', { body: 'renew it', tags: ['a', 'b-c'], priority: 'low' }],
    ['mäh den Rasen #größe', { body: 'mäh den Rasen', tags: ['größe'] }],
    ['due friday', { body: '', tags: [], due: FRIDAY }],
    ['#rack', { body: '', tags: ['rack'] }],
    ['', { body: '', tags: [] }],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  it.each([
    ['prepare the talk for friday'],
    ['look at the logs from yesterday'],
    ['due friday is what he said'],
    ['check what is due 2026-02-30'],
    ['reduce the power by 10'],
    ['reduce the boot time by 5 minutes'],
    ['compare with 2026-12-01'],
    ['the cat sat'],
    ['say byfriday'],
    ['visit onfriday'],
    ['fix by now'],
    ['move it by 3/4'],
    ['close #42 and issue#net'],
    ['read https://example.com/page#part'],
    ['write to a#b@example.com'],
    ['warn them !high !low'],
    ['mind the !important rule'],
    ['learn C# and F#'],
    ['say "due friday"'],
    ['type `git log #rack !high`'],
    ['an unclosed "quote'],
  ])('leaves alone: %s', (text) => {
    const { unread: _, ...rest } = read(text)
    expect(rest).toEqual({ body: text, tags: [] })
  })

  it('keeps a quoted body as it is, without the quotes around it', () => {
    expect(read('"buy #1 milk due friday" #home tomorrow')).toEqual({
      body: 'buy #1 milk due friday',
      tags: ['home'],
      due: '2026-11-23',
    })
    expect(read('“one” and “two”').body).toBe('“one” and “two”')
  })

  it('keeps a tag in the sentence that needs it', () => {
    expect(read('clean the #rack fans')).toEqual({ body: 'clean the #rack fans', tags: ['rack'] })
  })

  it('keeps spaces and line breaks inside the body', () => {
    expect(read('one   two\n  three #x').body).toBe('one   two\n  three')
  })

  it('never loses a word: each is in the body, a tag, the priority or the date', () => {
    const word = fc.constantFrom(
      ...[
        'fix',
        'the',
        'UPS',
        'due',
        'by',
        'on',
        'at',
        'in',
        'friday',
        'tomorrow',
        '5pm',
        '17:00',
        '3',
        'days',
      ],
      ...[
        '2026-12-01',
        '#rack',
        '#42',
        '!high',
        '!low',
        '"a quote"',
        '“on friday”',
        'every',
        'next',
        'week,',
        '(now)',
      ],
    )
    const sentence = fc.oneof(
      fc.array(word, { maxLength: 9 }).map((words) => words.join(' ')),
      fc.string({ unit: 'grapheme' }),
    )
    fc.assert(
      fc.property(sentence, (text) => {
        const { body, tags, due, recur, priority } = read(text)
        const lost = missing(words(text), words(body))
        const tagged = words(tags.map((tag) => `#${tag} +${tag}`).join(' '))
        const rest = lost.filter((each) => !tagged.includes(each) && `!${priority}` !== each)
        if (due === undefined && recur === undefined) expect(rest).toEqual([])
        else expect(rest.filter((each) => !OF_A_DATE.test(each))).toEqual([])
      }),
      { numRuns: 3000 },
    )
  })
})

/** What may go with a date. */
const OF_A_DATE = /^(?:due|by|on|at|in|the|next|every|friday|tomorrow|week|days|\d.*)$/

/** What is said, composed as a tag is, and without the marks around it: those may go with a date or a tag. */
function words(text: string): string[] {
  return text
    .normalize('NFC')
    .toLowerCase()
    .split(/\s+/)
    .map((word) => word.replace(/^["“(]+|["”)\].,;:!?–—-]+$/g, ''))
    .filter(Boolean)
}

function missing(all: string[], kept: string[]): string[] {
  const left = [...kept]
  return all.filter((word) => {
    const at = left.indexOf(word)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}
