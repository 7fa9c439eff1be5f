import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import { Markdown } from '../../../cli/show/markdown.ts'
import { harmless, prepareWidths, width } from '../../../cli/show/width.ts'
import fc from '../../support/fast-check.ts'

await prepareWidths(['日'])

/** Colours that can be read in a test. */
const paint = {
  ...pc.createColors(false),
  isColorSupported: true,
  bold: (text: unknown) => `<b>${text}</b>`,
  italic: (text: unknown) => `<i>${text}</i>`,
  strikethrough: (text: unknown) => `<s>${text}</s>`,
  underline: (text: unknown) => `<u>${text}</u>`,
  cyan: (text: unknown) => `<c>${text}</c>`,
  dim: (text: unknown) => `<d>${text}</d>`,
}

interface Terminal {
  columns?: number
  links?: boolean
  colours?: boolean
}

function terminal({ columns = 40, links = false, colours = true }: Terminal = {}): Markdown {
  return new Markdown({ paint: colours ? paint : pc.createColors(false), columns: () => columns, links })
}

function shown(text: string | string[], look: Terminal = {}): string {
  const markdown = terminal(look)
  return (
    [text]
      .flat()
      .map((piece) => markdown.push(piece))
      .join('') + markdown.end()
  )
}

const NO_COLOUR = { colours: false }
const LINKS = { links: true }

/** What of Markdown a terminal shows, and how. */
const RENDERED: [what: string, text: string, expected: string, look?: Terminal][] = [
  // emphasis
  ['bold', 'a **bold** word', 'a <b>bold</b> word'],
  ['bold by underscores', '__bold__', '<b>bold</b>'],
  ['emphasis', '*one* and _other_', '<i>one</i> and <i>other</i>'],
  ['both', '***both***', '<i><b>both</b></i>'],
  ['one within the other', '**bold and *both***', '<b>bold</b><b> </b><b>and</b><b> </b><i><b>both</b></i>'],
  ['the other way round', '*a **b***', '<i>a</i><i> </i><i><b>b</b></i>'],
  ['bold at the beginning of both', '***a** b*', '<i><b>a</b></i><i> </i><i>b</i>'],
  ['strike', '~~gone~~ but ~5 minutes ~10', '<s>gone</s> but ~5 minutes ~10'],
  ['wide letters in bold', '这是**粗体**字', '这是<b>粗</b><b>体</b>字'],
  ['no bold', '2 ** 3, **kwargs and a lone `', '2 ** 3, **kwargs and a lone `'],
  ['no emphasis', '2*3*4, *.conf *.log, snake_case_name', '2*3*4, *.conf *.log, snake_case_name'],
  ['an opener that is none', '**a *b c**', '<b>a</b><b> </b><b>*b</b><b> </b><b>c</b>'],
  ['an escaped mark', '\\*plain\\* C:\\dir 1\\.', '*plain* C:\\dir 1.'],
  ['marks without colours', '**b** *i* `c` ~~s~~', '**b** *i* `c` ~~s~~', NO_COLOUR],
  // code
  ['code', '`zpool status`', '<c>zpool</c><c> </c><c>status</c>'],
  ['code with a backtick', '``a`b``', '<c>a`b</c>'],
  ['code in bold', '**run `zpool`** now', '<b>run</b><b> </b><b><c>zpool</c></b> now'],
  ['marks in code', '`**no**` *`x*y`*', '<c>**no**</c> <i><c>x*y</c></i>'],
  // links
  ['a link', '[the docs](https://a.example/x)', 'the docs (https://a.example/x)'],
  ['a link that a terminal knows', '[docs](https://a.example)', link('https://a.example', 'docs'), LINKS],
  ['a link with a title', '[a](https://a.example "the title")', 'a (https://a.example)'],
  ['a link with brackets', '[a](https://a.example/(b))!', 'a (https://a.example/(b))!'],
  ['a bold link', '**[a](https://a.example)**', '<b>a</b><b> </b><b>(https://a.example)</b>'],
  ['bold in a link', '[**a**](/b)', '<b>a</b> (/b)'],
  ['an address by itself', '<https://a.example/_x_>', 'https://a.example/_x_'],
  ['an address in text', 'at https://a.example/_x_/y_z.', 'at https://a.example/_x_/y_z.'],
  [
    'an address that is known',
    'at https://a.example.',
    `at ${link('https://a.example', 'https://a.example')}.`,
    LINKS,
  ],
  ['an address as its own text', '[https://a.example](https://a.example)', 'https://a.example'],
  [
    'a link that pretends',
    '[bank.example](https://a.example)',
    `${link('https://a.example', 'bank.example')} (https://a.example)`,
    LINKS,
  ],
  ['an address that is not to be opened', '[a](javascript:x)', 'a (javascript:x)', LINKS],
  [
    'letters that an address has not',
    '[a](https://a.example/é)',
    link('https://a.example/%C3%A9', 'a'),
    LINKS,
  ],
  ['an image', '![a disk](https://a.example/d.png)', 'a disk (https://a.example/d.png)'],
  ['no link', '[x] and [1], [a](b c', '[x] and [1], [a](b c'],
  // headings, rules
  ['a heading', '## Why slow ##', '<b>Why</b><b> </b><b>slow</b>'],
  ['a heading without colours', '## Why', '## Why', NO_COLOUR],
  ['signs that stay in a heading', '# C#', '<b>C#</b>'],
  ['a tag', '#rack is a tag', '#rack is a tag'],
  ['a rule', '---', `<d>${'─'.repeat(40)}</d>`],
  ['a rule of stars', '* * *', `<d>${'─'.repeat(40)}</d>`],
  ['no rule', '--', '--'],
  // lists
  ['bullets', '- a\n* b\n+ c', '• a\n• b\n• c'],
  ['numbers', '1. a\n2) b\n10. c', '1. a\n2) b\n10. c'],
  ['lists in lists', '- a\n  - b\n    - c\n- d', '• a\n  • b\n    • c\n• d'],
  ['bullets under a number', '1. a\n   - b\n2. c\n  - d', '1. a\n   • b\n2. c\n   • d'],
  ['deep indents', '- a\n    - b\n\t- c', '• a\n  • b\n  • c'],
  ['tasks', '- [ ] open\n- [x] done\n1. [X] first', '☐ open\n☑ done\n1. ☑ first'],
  ['what belongs to an item', '- a\n\n  more\n\nnot', '• a\n\n  more\n\nnot'],
  ['a line that goes on', '1. a\nmore', '1. a\n   more'],
  ['a year', '2026 was good', '2026 was good'],
  ['an empty item', '-\n- a', '•\n• a'],
  [
    'an item of two lines',
    '- 1234567890 1234567890 1234567890 1234567890',
    '• 1234567890 1234567890 1234567890\n  1234567890',
  ],
  // quotes
  ['a quote', '> said\n> > twice\n\nnot', '<d>│ </d>said\n<d>│ │ </d>twice\n\nnot'],
  ['a list in a quote', '> - a\n>   - b', '<d>│ </d>• a\n<d>│ </d>  • b'],
  // code blocks
  [
    'a fence',
    '```sh\n# no heading\n  **kwargs\n\n```\n# yes',
    '<d>╭─ sh</d>\n# no heading\n  **kwargs\n\n<d>╰─</d>\n<b>yes</b>',
  ],
  ['a fence without colours', '~~~\n```\n~~~~', '~~~\n```\n~~~~', NO_COLOUR],
  ['a line of code that is long', `\`\`\`\n${'long '.repeat(20)}`, `<d>╭─</d>\n${'long '.repeat(20)}`],
  [
    'code in an item',
    '1. do\n   ```sh\n     ls\n   ```\n2. x',
    '1. do\n   <d>╭─ sh</d>\n     ls\n   <d>╰─</d>\n2. x',
  ],
  ['code at the beginning of an item', '- ```\n  ls\n  ```', '• <d>╭─</d>\n  ls\n  <d>╰─</d>'],
  ['code in a quote', '> ```\n> a\nb', '<d>│ </d><d>╭─</d>\n<d>│ </d>a\nb'],
  ['code by its indent', 'a\n\n    *x*   y\n', 'a\n\n    *x*   y\n'],
  ['code within a line', '```x``` y', '<c>x</c> y'],
  // lines
  ['line breaks', 'a\nb\n\nc', 'a\nb\n\nc'],
  ['an indent', '  RF77QQ  oven', '  RF77QQ  oven'],
  ['words', 'one two three four five', 'one two\nthree\nfour\nfive', { columns: 8 }],
  ['a word that is too long', 'x 123456789012345', 'x\n1234567890\n12345', { columns: 10 }],
  [
    'an address that is too long',
    'at https://a.example/long now',
    'at\nhttps://a.example/long\nnow',
    { columns: 10 },
  ],
  ['wide letters', '你好，世界。再见', '你\n好，\n世\n界。\n再见', { columns: 5 }],
  ['letters of many parts', '👩‍👩‍👧‍👦👩‍👩‍👧‍👦', '👩‍👩‍👧‍👦\n👩‍👩‍👧‍👦', { columns: 3 }],
  ['a tab', 'a\tb', 'a       b'],
]

function link(href: string, text: string): string {
  return `\u001b]8;id=ID;${href}\u001b\\<u>${text}</u>\u001b]8;;\u001b\\`
}

it.each(RENDERED)('shows %s', (_what, text, expected, look) => {
  expect(shown(text, look).replace(/;id=\w+;/g, ';id=ID;')).toBe(expected)
})

it('begins with the next answer anew', () => {
  const markdown = terminal()
  expect(markdown.push('- a\n```\n- b') + markdown.end()).toBe('• a\n<d>╭─</d>\n- b')
  expect(markdown.push('  - c') + markdown.end()).toBe('• c')
})

describe('text that is still being written', () => {
  it.each([
    ['a word at its end', ['a pl', 'ain wo', 'rd '], ['a', ' plain', ' word']],
    ['a span when it is closed', ['x **bo', 'ld** '], ['x', ' <b>bold</b>']],
    ['a line of code at once', ['```\nx', 'y'], ['<d>╭─</d>\nx', 'y']],
    ['what is no rule', ['**b', '** x '], ['', '<b>b</b> x']],
    ['a line with a stroke when no table follows', ['| a |\n', 'b '], ['', '| a |\nb']],
    ['a table at its end', ['| a |\n|-|\n', '| b |\n', 'c '], ['', '', '<b>a</b>\n<d>─</d>\nb\nc']],
  ])('shows %s', (_what, pieces, expected) => {
    const markdown = terminal()
    expect(pieces.map((piece) => markdown.push(piece))).toEqual(expected)
  })

  it.each(['`', '*', '**', '[', '_', '~~'])('does not wait for ever for the partner of %s', (mark) => {
    expect(terminal().push(`a lone ${mark}x and ${'much more '.repeat(40)}`)).toContain('much more')
  })

  it('is put into the lines of the terminal as wide as it is by then', () => {
    let columns = 20
    const markdown = new Markdown({ paint, columns: () => columns, links: false })
    const first = markdown.push('one two three four five six ')
    columns = 9
    expect(first + markdown.push('seven eight nine ten')).toBe(
      'one two three four\nfive six\nseven\neight\nnine',
    )
  })

  it('goes on at the beginning of a line that somebody else has ended', () => {
    const markdown = terminal({ columns: 10 })
    expect(markdown.push('one two')).toBe('one')
    expect(markdown.interrupted()).toBe(' two')
    expect(markdown.push('three four ')).toBe('three four')
  })
})

/** Whatever may mean something, by itself and beside another. */
const PARTS = [
  ...[
    '**',
    '*',
    '_',
    '__',
    '~~',
    '`',
    '``',
    '```',
    '~~~',
    '\n',
    '\n\n',
    '# ',
    '#',
    ' ',
    '  ',
    '    ',
    'a',
    'word',
    '1. ',
  ],
  ...[
    '- ',
    '- [ ] ',
    '> ',
    '|',
    '| a | b |\n',
    '|-|:-:|\n',
    '---',
    '[',
    ']',
    '(',
    ')',
    '](',
    '[a](https://a.example/b)',
  ],
  ...[
    'https://a.example/a_b',
    '<',
    '>',
    '\\',
    '!',
    '!["',
    '\t',
    '你好',
    '，',
    '👩‍👩‍👧‍👦',
    'é',
    '\u0301',
    '<br>',
    '.',
    '1',
  ],
  ...['a-rather-long-word-of-many-letters', '\u00a0'],
]
const anyText = fc
  .array(fc.oneof(fc.constantFrom(...PARTS), fc.string({ maxLength: 3 })), { maxLength: 40 })
  .map((parts) => harmless(parts.join('')))

describe('any text', () => {
  it('looks the same in the end, whatever pieces it came in', () => {
    const looks = fc.record({
      columns: fc.integer({ min: 8, max: 60 }),
      links: fc.boolean(),
      colours: fc.boolean(),
    })
    fc.assert(
      fc.property(anyText, fc.array(fc.nat(120)), looks, (whole, places, look) => {
        const ends = [
          0,
          ...places.map((at) => Math.min(at, whole.length)).sort((a, b) => a - b),
          whole.length,
        ]
        const pieces = ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end))
        expect(shown(pieces, look)).toBe(shown(whole, look))
        expect(shown([...whole], look)).toBe(shown(whole, look))
      }),
      { numRuns: 1500 },
    )
  })

  it('is no wider than the terminal, but for code and addresses', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 20, max: 60 }), (text, columns) => {
        fc.pre(!/`{3}|~{3}| {4}|\t|https/.test(text))
        const wide = bare(shown(text, { columns }))
          .split('\n')
          .filter((line) => width(line) > columns)
        expect(wide).toEqual([])
      }),
      { numRuns: 1500 },
    )
  })

  it('keeps its words', () => {
    const words = (text: string) => (text.match(/[\p{L}\p{N}]+/gu) ?? []).join('')
    fc.assert(
      fc.property(anyText, fc.integer({ min: 20, max: 60 }), (text, columns) => {
        fc.pre(!/\|.*-|br|!\[/s.test(text))
        expect(words(shown(text, { columns, colours: false }))).toBe(words(text))
      }),
      { numRuns: 1500 },
    )
  })
})

function bare(text: string): string {
  return text.replace(/<\/?[bisucd]>/g, '')
}
