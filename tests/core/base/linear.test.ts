import { describe, expect, it } from 'vitest'
import { readLine } from '../../../cli/cost/claude-code.ts'
import { table } from '../../../cli/show/table.ts'
import { fit, harmless, oneLine, prepareWidths, width } from '../../../cli/show/width.ts'
import { pastInstant, seconds } from '../../../cli/show/words.ts'
import { parseDue } from '../../../f/hai/core/base/due.ts'
import { networkReason } from '../../../f/hai/core/base/network.ts'
import { conversationKey, Tag, termsOf } from '../../../f/hai/core/base/normal.ts'
import { resetTime } from '../../../f/hai/core/base/reset_time.ts'
import { storable, withoutPasswords } from '../../../f/hai/core/base/text.ts'
import { utterance } from '../../../f/hai/core/builtin/grammar.ts'
import { recognise } from '../../../f/hai/core/builtin/table.ts'
import { attach, shorten } from '../../../f/hai/core/model/attach.ts'
import { estimate, ruler } from '../../../f/hai/core/model/estimate.ts'
import { Frames, parsed } from '../../../f/hai/core/model/frames.ts'
import { Repeats, Thoughts } from '../../../f/hai/core/model/heard.ts'
import { overflowOf } from '../../../f/hai/core/model/overflow.ts'
import { limitIn } from '../../../f/hai/core/model/refusal.ts'
import { isPage, pageTitle, refusalIn } from '../../../f/hai/core/model/server_words.ts'
import { parseTodoText } from '../../../f/hai/core/todo/text.ts'
import { slowness } from '../../support/growth.ts'

const LENGTH = 64_000
/** Of processor time, by how slow the machine is at this moment: other tests run beside this one. */
const MOST_MS = 50 * slowness()

const clock = { zone: 'Europe/Berlin', now: new Date('2026-11-22T03:00:00Z') }
const encoder = new TextEncoder()
const pieces = (text: string, size: number) => text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []

function think(text: string, size: number, mute = false): void {
  const thoughts = new Thoughts(mute)
  for (const piece of pieces(text, size)) thoughts.add(piece)
  thoughts.end()
}

function frame(text: string, size: number): void {
  const frames = new Frames()
  for (const piece of pieces(text, size)) frames.push(encoder.encode(piece))
  frames.end()
}

/** Whatever reads a text that comes from a person, a program, a server or a model. */
const READERS: Record<string, (text: string) => unknown> = {
  parseDue: (text) => parseDue(text, clock),
  parseTodoText: (text) => parseTodoText(text, clock),
  utterance,
  recognise: (text) => recognise(text, clock),
  'recognise, of the longest': (text) => recognise(text.slice(0, 10_400), clock),
  thoughts: (text) => think(text, LENGTH),
  'thoughts in pieces': (text) => think(text, 64),
  'thoughts that are kept back': (text) => think(text, 64, true),
  frames: (text) => frame(text, LENGTH),
  'frames in pieces': (text) => frame(text, 1000),
  parsed,
  refusalIn,
  isPage,
  pageTitle,
  limitIn,
  overflowOf: (text) => overflowOf(new Error(text)),
  resetTime: (text) => resetTime({ text }, clock),
  networkReason: (text) => networkReason(new Error(text)),
  repeats: (text) => {
    const repeats = new Repeats()
    for (const piece of pieces(text, 64)) repeats.add(piece)
  },
  estimate,
  ruler,
  shorten: (text) => shorten(text, 500),
  attach: (text) => attach([{ name: 'a', media_type: 'text/plain', text }], 900),
  storable,
  withoutPasswords,
  termsOf,
  tag: (text) => Tag.safeParse(text),
  conversationKey,
  readLine,
  harmless,
  oneLine,
  width: (text) => width(oneLine(text.slice(0, 8000))),
  fit: (text) => fit(oneLine(text.slice(0, 8000)), 80),
  table: (text) => table([{ title: 'a' }], [[text.slice(0, 200)]], { columns: 80 }),
  seconds,
  pastInstant: (text) => pastInstant(text),
}

/** What a pattern may try anew from every place: the beginning of something that does not go on as it should. */
const UNITS = [
  ...[
    ' ',
    '\t',
    '\n',
    '\r',
    'a',
    '1',
    '1,',
    '"',
    '“',
    '`',
    '\\',
    '\\"',
    '<',
    '<a ',
    '<title',
    '<script',
    '<script>',
    '<!--',
  ],
  ...[
    '<think>',
    '</think>',
    '\n</think>',
    '<think></think>',
    '[/think]',
    '[',
    '{"a":',
    '{"error":"',
    'NaN',
    '-',
    '.',
    ',',
    '!',
  ],
  ...[
    '#a ',
    '!high ',
    'due ',
    'by ',
    'every ',
    'add ',
    'to ',
    'remind me to ',
    'mark ',
    'as done ',
    'please ',
    ', hai',
  ],
  ...[
    'model ',
    'retry ',
    'try again ',
    'try again in ',
    'resets at ',
    'resets at 5pm FOO ',
    'wait 1',
    '1h ',
    '"retry_after":',
  ],
  ...[
    'limit ',
    'hit ',
    'context ',
    'maximum context length is 1 tokens ',
    'http://',
    '://',
    '://a@',
    '@',
    'data: a\n',
    'data:',
  ],
  ...[
    'é',
    '\u0300',
    '😀',
    '\ud800',
    '\0',
    '\u001b[',
    '\u202e',
    'tomorrow ',
    '2026-',
    'For more information, pass ',
  ],
]
const AROUND: [before: string, after: string][] = [
  ['', ''],
  ['x', 'x\n'],
  ['add todo ', ' x'],
  ['{"error":{"message":"', '"'],
  ['<html>', '!'],
]

function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

describe('the time that a text takes', () => {
  it.each(Object.keys(READERS))('is short in %s, whatever the text', async (name) => {
    await prepareWidths(['日'])
    const slow: string[] = []
    for (const [index, unit] of UNITS.entries()) {
      // by itself, and in turn within each of the others: all with all takes minutes
      for (const [before, after] of [AROUND[0]!, AROUND[1 + (index % (AROUND.length - 1))]!]) {
        const text = (before + unit.repeat(LENGTH / unit.length)).slice(0, LENGTH - after.length) + after
        // the first is slower, until its code is compiled
        const tries = [1, 2, 3, 4, 5].values()
        let least = Number.POSITIVE_INFINITY
        for (const _ of tries) {
          least = Math.min(
            least,
            cpuMs(() => READERS[name]!(text)),
          )
          if (least < MOST_MS) break
        }
        if (least >= MOST_MS) slow.push(`${Math.round(least)} ms: ${JSON.stringify([before, unit, after])}`)
      }
    }
    expect(slow).toEqual([])
  })
})
