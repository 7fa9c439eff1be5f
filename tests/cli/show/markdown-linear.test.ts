import pc from 'picocolors'
import { expect, it } from 'vitest'
import { Markdown } from '../../../cli/show/markdown.ts'
import { prepareWidths } from '../../../cli/show/width.ts'
import { growth } from '../../support/growth.ts'

await prepareWidths(['日'])

/** Takes as much longer as the text is, but for what the runtime does beside it; with its square it would be 16. */
const LINEAR = 9

function show(text: string, size: number): void {
  const markdown = new Markdown({ paint: pc.createColors(true), columns: () => 80, links: true })
  for (let at = 0; at < text.length; at += size) markdown.push(text.slice(at, at + size))
  markdown.end()
}

const ANSWER =
  '## A\n\nsome **bold** text with `code`, [a](https://a.example/b) and\n\n- a list\n  - in a list\n\n```sh\nls\n```\n'
const UNITS = [
  ...[ANSWER, '| a | b |\n', '|\n', 'word ', 'a', ' ', '\n', '\t', '\\', '日', '日本 ', '😀', '\u0301'],
  ...[
    '**a ',
    '**',
    '**`',
    '*a **b ',
    '*a* ',
    '_a ',
    '~~a ',
    '`',
    '``a ',
    '`a',
    '[',
    '[a](',
    '[a](b()',
    '](',
    '*](',
    '![',
    '`[',
  ],
  ...[
    '# ',
    '#',
    '~~~',
    '> ',
    '> **`a` ',
    '- ',
    '1. ',
    '  - a\n',
    'https://',
    'https://a ',
    '<https://a',
    '<br>',
  ],
]

const BEFORE = ['', 'x', '| a | b |\n|---|---|\n| ', '[']

it('grows with the length of the text, whatever it is', () => {
  const slow: unknown[] = []
  for (const [index, unit] of UNITS.entries()) {
    const text = (length: number) => BEFORE[index % BEFORE.length] + unit.repeat(length / unit.length)
    for (const size of [16, 1_000_000]) {
      const times = growth((length) => show(text(length), size), 2000)
      if (times > LINEAR) slow.push({ text: text(20), size, times })
    }
  }
  expect(slow).toEqual([])
})
