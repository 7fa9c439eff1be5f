import pc from 'picocolors'
import { expect, it } from 'vitest'
import { Markdown } from '../../../cli/show/markdown.ts'
import { prepareWidths, width } from '../../../cli/show/width.ts'
import fc from '../../support/fast-check.ts'

await prepareWidths(['日'])

function shown(lines: string[], columns = 40): string[] {
  const markdown = new Markdown({ paint: pc.createColors(false), columns: () => columns, links: false })
  return (markdown.push(lines.join('\n')) + markdown.end()).replace(/\n$/, '').split('\n')
}

const DISKS = ['| Disk | State | Size |', '|:-----|:-----:|-----:|']

const TABLES: [what: string, lines: string[], expected: string[], columns?: number][] = [
  [
    'columns as they are to stand',
    [...DISKS, '| ada0 | up | 4 TB |', '| a | FAULTED | 16 TB |'],
    ['Disk │  State  │  Size', '─────┼─────────┼──────', 'ada0 │   up    │  4 TB', 'a    │ FAULTED │ 16 TB'],
  ],
  [
    'cells that wrap at words, with lines between the rows',
    ['| A | What |', '|-|-|', '| x | one two three |', '| y | four |'],
    ['A │ What', '──┼──────────', 'x │ one two', '  │ three', '──┼──────────', 'y │ four'],
    13,
  ],
  [
    'wide letters',
    ['| 名 | x |', '|-|-|', '| 日本語 | 1 |', '| 🕐 | 2 |'],
    ['名     │ x', '───────┼──', '日本語 │ 1', '🕐     │ 2'],
  ],
  [
    'the widest column first where there is no room',
    ['| Name | Note |', '|-|-|', '| zpool | a rather long note |'],
    ['Name  │ Note', '──────┼─────────', 'zpool │ a rather', '      │ long', '      │ note'],
    16,
  ],
  [
    'rows one below the other where columns have no room at all',
    ['| A | B | C |', '|-|-|-|', '| some text | more | x |', '| y | z | |'],
    ['A: some text', 'B: more', 'C: x', '────────────', 'A: y', 'B: z', 'C: '.trimEnd()],
    14,
  ],
  ['a stroke in a cell', ['| a |', '|-|', '| x \\| y |'], ['a', '─────', 'x | y']],
  [
    'a stroke in code',
    ['| a | b |', '|-|-|', '| `ps | wc` | y |'],
    ['a         │ b', '──────────┼──', '`ps | wc` │ y'],
  ],
  ['cells that are too many', ['| a | b |', '|-|-|', '| 1 | 2 | 3 |'], ['a │ b', '──┼──────', '1 │ 2 | 3']],
  ['cells that are not there', ['| a | b |', '|-|-|', '| 1 |'], ['a │ b', '──┼──', '1 │']],
  ['a line break in a cell', ['| a | b |', '|-|-|', '| 1<br>2 | 3 |'], ['a │ b', '──┼──', '1 │ 3', '2 │']],
  ['a table in a quote', ['> | a |', '> |-|', '> | 1 |', 'x'], ['│ a', '│ ─', '│ 1', 'x']],
  ['a table in an item', ['- x', '  | a |', '  |-|', '  | 1 |'], ['• x', '  a', '  ─', '  1']],
  ['no table', ['| a | b |', '|-|', 'x | y'], ['| a | b |', '|-|', 'x | y']],
  ['a header alone', ['| a | b |', '|-|-|'], ['a │ b', '──┼──']],
  ['what comes after it', [...DISKS, '', 'x'], ['Disk │ State │ Size', '─────┼───────┼─────', '', 'x']],
]

it.each(TABLES)('shows %s', (_what, lines, expected, columns) => {
  expect(shown(lines, columns)).toEqual(expected)
})

it('is never wider than the terminal, and keeps its words', () => {
  const cell = fc.array(fc.constantFrom('a', 'word', 'a-long-word-indeed', '日本語', '🕐', '**b**'), {
    maxLength: 6,
  })
  const row = (count: number) =>
    fc.array(
      cell.map((words) => words.join(' ')),
      { minLength: count, maxLength: count },
    )
  const table = fc
    .integer({ min: 1, max: 8 })
    .chain((count) => fc.array(row(count), { minLength: 1, maxLength: 5 }))
  fc.assert(
    fc.property(table, fc.integer({ min: 16, max: 100 }), (rows, columns) => {
      const [header = [], ...rest] = rows
      const texts = [header, header.map(() => '---'), ...rest].map((cells) => `| ${cells.join(' | ')} |`)
      const lines = shown(texts, columns)
      expect(lines.filter((line) => width(line) > columns)).toEqual([])
      const count = (text: string, letter: string) => text.split(letter).length - 1
      for (const letter of ['🕐', '語', 'w']) {
        const [all, had] = [lines.join(''), texts.join('')]
        expect(count(all, letter)).toBeGreaterThanOrEqual(count(had, letter))
      }
    }),
    { numRuns: 500 },
  )
})
