import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import { Markdown } from '../../../cli/show/markdown.ts'
import fc from '../../support/fast-check.ts'
import { cpuOf, slowness } from '../../support/growth.ts'

/** Colours that can be read in a test. */
const paint = {
  ...pc.createColors(false),
  bold: (text: unknown) => `<b>${text}</b>`,
  cyan: (text: unknown) => `<c>${text}</c>`,
  dim: (text: unknown) => `<d>${text}</d>`,
}

function rendered(...pieces: string[]): string {
  const markdown = new Markdown(paint)
  return pieces.map((piece) => markdown.push(piece)).join('') + markdown.end()
}

it.each([
  ['## Why it is slow ##', '<b>Why it is slow</b>'],
  ['#rack is a tag', '#rack is a tag'],
  ['- a **bold** word and `zpool status`', '- a <b>bold</b> word and <c>zpool status</c>'],
  ['**run `zpool`** now', '<b>run zpool</b> now'],
  ['``a ` b`` is code', '<c>a ` b</c> is code'],
  ['2 ** 3 and a lone ` stay', '2 ** 3 and a lone ` stay'],
  ['**kwargs is no bold', '**kwargs is no bold'],
  ['`**not bold**`', '<c>**not bold**</c>'],
  ['* item\n* item', '* item\n* item'],
  ['# C#', '<b>C#</b>'],
  ['# a #b', '<b>a #b</b>'],
  ['## ##', '<b>##</b>'],
  [
    '```sh\n# no heading\n**kwargs\n```\n# yes',
    '<d>```sh</d>\n<d># no heading</d>\n<d>**kwargs</d>\n<d>```</d>\n<b>yes</b>',
  ],
])('shows %j', (text, expected) => {
  expect(rendered(text)).toBe(expected)
})

const slow = slowness()

it.each(['**a ', '`', '``a ', '**', '* ', '# ', ' ', '`a', '**`', '~~~', '#', '> **`a` '])(
  'takes 64,000 characters of %j in 50 ms, and not much longer piece by piece',
  (unit) => {
    const text = unit.repeat(64_000 / unit.length)
    for (const line of [text, `# ${text}x`, `\`\`\`${text}`, `**x${text}`]) {
      expect(cpuOf(() => rendered(line), 7)).toBeLessThan(50 * slow)
      const pieces = line.match(/.{1,16}/gs) ?? []
      expect(cpuOf(() => rendered(...pieces), 7)).toBeLessThan(400 * slow)
    }
  },
)

describe('text that is still being written', () => {
  it('is shown at once when nothing can change it any more', () => {
    const markdown = new Markdown(paint)
    expect(markdown.push('a plain ')).toBe('a plain ')
    expect(markdown.push('line with **bo')).toBe('line with ')
    expect(markdown.push('ld** in it')).toBe('<b>bold</b> in it')
  })

  it('does not wait for ever for the partner of a mark', () => {
    const markdown = new Markdown(paint)
    expect(markdown.push(`a lone \` and ${'much more '.repeat(20)}`)).toContain('much more')
  })

  it('looks the same in the end, whatever pieces it came in', () => {
    const word = fc.constantFrom('**', '*', '`', '``', '```', '\n', '# ', '#', ' ', 'a', 'word', '- ', '~~~')
    const text = fc.array(word, { maxLength: 30 }).map((words) => words.join(''))
    const bare = (shown: string) => shown.replaceAll('</d><d>', '')
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (whole, places) => {
        const ends = [
          0,
          ...places.map((place) => Math.min(place, whole.length)).sort((a, b) => a - b),
          whole.length,
        ]
        const pieces = ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end))
        expect(bare(rendered(...pieces))).toBe(bare(rendered(whole)))
      }),
      { numRuns: 2000 },
    )
  })
})
