import { describe, expect, it } from 'vitest'
import { Repeats, Thoughts } from '../../../f/hai/core/model/heard.ts'
import fc from '../../support/fast-check.ts'
import { growth } from '../../support/growth.ts'

/** What is said, and what of it was shown, when the text comes in these pieces. */
function heard(pieces: string[], mute = false) {
  const thoughts = new Thoughts(mute)
  const shown = pieces.map((piece) => thoughts.add(piece))
  shown.push(thoughts.end())
  return { text: thoughts.text, shown: shown.join(''), unopened: thoughts.unopened }
}

/** All ways to cut a short text in two, and one with a cut at each character. */
const cuts = (text: string) => [
  [...text],
  ...Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)]),
]

describe('what a model thinks in its text', () => {
  it.each([
    ['before its answer', '<think>\nthe user wants a number\n</think>\n\n42', '42'],
    ['in other tags', '<thinking>hm</thinking>42', '42'],
    ['in capitals', '<THINK>hm</THINK> 42', '42'],
    ['in brackets', '[THINK]hm[/THINK]42', '42'],
    ['in Gemini’s tags', '<thought>hm</thought>\n42', '42'],
    ['in Kimi’s tags', '◁think▷hm◁/think▷42', '42'],
    ['in Gemma’s channel', '<|channel>thought\nhm<channel|>42', '42'],
    [
      'in the channels of gpt-oss',
      '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>42',
      '42',
    ],
    ['in a channel that no answer followed', '<|channel|>analysis<|message|>hm<|end|>', ''],
    ['after empty lines', '\n\n<think>hm</think>\n42', '42'],
    ['twice', '<think>a</think>\n<think>b</think>\n42', '42'],
    ['with nothing in it', '<think>\n\n</think>\n\n42', '42'],
    ['with a tag in it', '<think>the <think> tag</think>42', '42'],
    ['without an end', '<think>the user wants', ''],
    ['and nothing else', '<think>hm</think>', ''],
    ['whose opening tag is the template’s, closed at once', '</think>\n\n42', '42'],
    ['which is none', '<b>42</b> is < 43', '<b>42</b> is < 43'],
    [
      'which is spelled out',
      'Use <think> and\n</think>\nto mark it.',
      'Use <think> and\n</think>\nto mark it.',
    ],
    [
      'which is shown in code',
      '```\n</think>\n```\n<think>x</think>',
      '```\n</think>\n```\n<think>x</think>',
    ],
    ['which is in the middle of a line', 'It ends with </think> there.', 'It ends with </think> there.'],
    ['which looks like the beginning of a tag', '<thin', '<thin'],
    ['of which nothing is there', '  42\n', '  42\n'],
  ])('%s is no part of what is said', (_, given, said) => {
    for (const pieces of cuts(given)) expect(heard(pieces)).toMatchObject({ text: said, shown: said })
  })

  it('before a closing tag alone is taken back, and known from then on', () => {
    const given = 'The user wants a number.\nSo 42.\n</think>\n\n42 it is.'
    for (const pieces of cuts(given)) {
      expect(heard(pieces)).toMatchObject({ text: '42 it is.', unopened: true })
      expect(heard(pieces, true)).toMatchObject({ text: '42 it is.', shown: '42 it is.' })
    }
    expect(heard([...'42 it is.\nYes.'], true)).toMatchObject({
      text: '42 it is.\nYes.',
      shown: '42 it is.\nYes.',
    })
  })

  it('is told apart in the same way, whatever pieces it comes in', () => {
    const part = fc.constantFrom(
      '<think>',
      '</think>',
      '<thinking>',
      '</thinking>',
      '\n',
      '```\n',
      'text ',
      '<',
      '>',
      '</',
      ' ',
      '42',
    )
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 12 }),
        fc.array(fc.nat(8), { minLength: 1, maxLength: 20 }),
        (parts, sizes) => {
          const whole = parts.join('')
          const pieces: string[] = []
          for (let at = 0, n = 0; at < whole.length; n += 1) {
            const size = 1 + sizes[n % sizes.length]!
            pieces.push(whole.slice(at, at + size))
            at += size
          }
          const { text, shown, unopened } = heard(pieces)
          expect(text).toBe(heard([whole]).text)
          if (!unopened) expect(shown).toBe(text)
          expect(whole.endsWith(text)).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('takes time in proportion to its length', () => {
    const take = (length: number) => {
      const long = Array.from({ length }, (_, n) => (n % 9 === 0 ? '</thi\n' : 'hm <'))
      expect(heard(['<think>', ...long, '</think>', ...long]).text).toBe(long.join(''))
    }
    expect(growth(take, 20_000)).toBeLessThan(8)
  })
})

describe('a text that repeats itself', () => {
  const repeats = (text: string, size = 7) => {
    const looking = new Repeats()
    for (let at = 0; at < text.length; at += size) if (looking.add(text.slice(at, at + size))) return true
    return false
  }

  it.each([
    ['a word', ' What'],
    ['a sentence', "I'm the machine that makes you what you are. "],
    [
      'a paragraph',
      `${'It is said that there are many ways to do it, and that all are good. '.repeat(3)}But one.\n\n`,
    ],
    ['a line break', '\n'],
  ])('is known by %s again and again, after whatever beginning', (_, unit) => {
    const loop = unit.repeat(Math.ceil(12_000 / unit.length))
    for (const size of [1, 7, 64, 5000]) expect(repeats(`Of course! ${loop}`, size)).toBe(true)
  })

  const numbered = (line: (n: number) => string) => Array.from({ length: 1500 }, (_, n) => line(n)).join('\n')
  it.each([
    ['a table', numbered((n) => `| ${n} | disk | ok | 0 |`)],
    ['a table of the same rows', '| sda | ok | 0 | 0 |\n'.repeat(200)],
    ['code', numbered((n) => `  push(stack, 0x${n.toString(16).padStart(4, '0')});`)],
    ['a matrix of zeros', `[${'0, '.repeat(1024)}]`],
    [
      'a log',
      numbered(
        (n) => `Nov 28 12:${String(n % 60).padStart(2, '0')}:00 nas kernel: ata1: link is slow (${n})`,
      ),
    ],
    [
      'a log that stutters',
      'kernel: ata1: link is slow to respond, please be patient (ready=0)\n'.repeat(100),
    ],
    ['a list', numbered((n) => `- item ${n}`)],
    ['a ruler', '-'.repeat(5000)],
    ['a poem with a refrain', numbered((n) => (n % 4 === 3 ? 'and so it goes' : `verse ${n}`))],
  ])('is not %s', (_, text) => {
    expect(repeats(text)).toBe(false)
  })

  it('is looked for in time in proportion to its length', () => {
    const look = (times: number) => expect(repeats(`${'ab'.repeat(3999)}c`.repeat(times), 3)).toBe(false)
    expect(growth(look, 10)).toBeLessThan(8)
  })
})
