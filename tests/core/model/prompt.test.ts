import { describe, expect, it } from 'vitest'
import { answerRoom, buildPrompt, type Fit, promptTokens, TooLong } from '../../../f/hai/core/model/prompt.ts'
import type { Turn } from '../../../f/hai/core/task/conversation.ts'
import fc from '../../support/fast-check.ts'
import { CORPUS } from './corpus.ts'

const FIT: Fit = { window: 4096, known: true, ratio: 1, said: 1, output: 8192 }

const part = (name: string, text: string) => ({ name, media_type: 'text/plain', text })
const texts = Object.values(CORPUS)
/** Words, lines, one line without an end, nothing at all: of any kind, cut between characters. */
const text = (most: number) =>
  fc
    .tuple(
      fc.constantFrom(...texts, 'x'.repeat(5000), '🦉'.repeat(3000), '\n'.repeat(3000)),
      fc.nat(),
      fc.nat(most),
    )
    .map(([of, at, length]) =>
      [...of.repeat(1 + Math.ceil(length / of.length))].slice(at % 100, (at % 100) + length).join(''),
    )
const turn = fc.record({
  content: text(400).map((said) => `q${said}`),
  output: text(3000).map((said) => `a${said}`),
})
const whatever = fc.record({
  content: fc.oneof(text(300), text(20_000)).map((said) => `?${said}`),
  context: fc.array(
    fc.record({ name: fc.string({ minLength: 1, maxLength: 255, unit: 'grapheme' }), text: text(30_000) }),
    { maxLength: 6 },
  ),
  turns: fc.array(turn, { maxLength: 12 }),
  window: fc.constantFrom(256, 512, 1024, 2048, 4096, 8192, 32_768, 200_000),
  ratio: fc.constantFrom(1, 1.125, 2),
  said: fc.constantFrom(0.5, 0.625, 1),
  output: fc.constantFrom(1, 64, 1024, 8192),
})

const said = (messages: ReturnType<typeof buildPrompt>['messages']) =>
  messages.map(({ content }) =>
    typeof content === 'string' ? content : content.map((one) => ('text' in one ? one.text : '')).join(''),
  )

describe('whatever is asked, attached and was said before, a prompt', () => {
  it('fits by its estimate, or is refused with the numbers; all that is left out is said, and no character halved', () => {
    fc.assert(
      fc.property(whatever, ({ content, context, turns, ...given }) => {
        const fit = { ...FIT, ...given }
        const parts = context.map(({ name, text }) => part(name, text))
        try {
          const prompt = buildPrompt({ content, context: parts }, turns, fit)
          expect(prompt.tokens).toEqual(promptTokens(prompt.messages))
          const all = said(prompt.messages)
          const question = all.at(-1)!
          expect(question.endsWith(content)).toBe(true)
          const alone = promptTokens([
            prompt.messages[0]!,
            { role: 'user', content: [{ type: 'text', text: content }] },
          ])
          const room = fit.window - answerRoom(prompt, fit)
          if (prompt.tokens.most > alone.most) expect(prompt.fill).toBeLessThanOrEqual(room + fit.ratio)
          else expect(alone.least).toBeLessThanOrEqual(fit.window)
          expect(answerRoom(prompt, fit)).toBeGreaterThan(0)
          expect(all.join('')).not.toMatch(
            /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/,
          )
          // said: each text that isn't there whole, and each turn
          const whole = parts.filter(({ text }) => question.includes(`\n${text}\n</attached>`)).length
          const kept = (all.length - 2) / 2
          const notices = prompt.notices.join('\n')
          if (whole < parts.length) expect(notices).toMatch(/left out/)
          if (kept < turns.length)
            expect(notices).toContain(`${turns.length - kept} of ${turns.length} earlier turns`)
          if (whole === parts.length && kept === turns.length && !notices.includes('shortened'))
            expect(notices).toBe('')
        } catch (error) {
          if (!(error instanceof TooLong)) throw error
          expect(error.window).toBe(fit.window)
          expect(error.tokens).toBeGreaterThan(fit.window)
          expect(error.message).toContain(`at least ${error.tokens} tokens`)
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('attached text', () => {
  const lines = Array.from({ length: 2000 }, (_, n) => `${n} something of a log\n`)
  const ask = (context: { name: string; media_type: string; text: string }[], window = 4096) => {
    const prompt = buildPrompt({ content: 'what broke?', context }, [], { ...FIT, window })
    return { text: said(prompt.messages).at(-1)!, notices: prompt.notices }
  }

  it('keeps its first and its last lines whole, and says in between how many are missing', () => {
    const { text, notices } = ask([part('a.log', lines.join(''))])
    const [, head, left, of, characters, all, tail] =
      /^<attached name="a\.log">\n(.*?)\[… (\d+) of (\d+) lines \((\d+) of (\d+) characters\) left out here …\]\n(.*)\n<\/attached>\n\nwhat broke\?$/s.exec(
        text,
      ) ?? []
    expect(lines.join('').startsWith(head!)).toBe(true)
    expect(lines.join('').endsWith(tail!)).toBe(true)
    expect(head!.endsWith('\n')).toBe(true)
    const headLines = head!.split('\n').length - 1
    const tailLines = tail!.split('\n').length - 1
    expect(Number(left) + headLines + tailLines).toBe(2000)
    expect(tailLines).toBeGreaterThan(headLines)
    expect(Number(of)).toBe(2000)
    expect(Number(characters) + head!.length + tail!.length).toBe(Number(all))
    expect(notices).toEqual([
      `a.log: ${left} of 2000 lines (${characters} of ${all} characters) in the middle do not fit the model's window and were left out`,
    ])
  })

  it('is cut within a line where a line is longer than the room', () => {
    const { text, notices } = ask([part('dump', '🦉b'.repeat(20_000))])
    expect(text).toMatch(
      /^<attached name="dump">\n🦉b(?:🦉b?)*🦉?b?\n\[… \d+ of 40000 characters left out here …\]\nb?(?:🦉b)+\n/u,
    )
    expect(notices).toHaveLength(1)
  })

  it('shares the room: what is small stays whole, and the rest of its share is for the others', () => {
    const { text, notices } = ask([
      part('a', lines.join('')),
      part('small', 'just this\n'),
      part('b', lines.join('')),
    ])
    expect(text).toContain('<attached name="small">\njust this\n\n</attached>')
    const [a, , b] = text.split('<attached name=').slice(1)
    expect(Math.abs(a!.length - b!.length)).toBeLessThan(100)
    expect(notices.map((notice) => notice.split(':')[0])).toEqual(['a', 'b'])
  })

  it('may be too many: then the last are left out, and a few sentences tell of all', () => {
    const many = Array.from({ length: 3000 }, (_, n) => part(`part ${n}`, lines.slice(0, 50).join('')))
    const { text, notices } = ask(many)
    expect(text).toMatch(/\[the last \d+ of 3000 attached texts were left out\]\n\nwhat broke\?$/)
    expect(notices.length).toBeLessThan(6)
    const { notices: none } = ask(many, 256)
    expect(none).toEqual([
      "all 3000 attached texts were left out, as the model's window has no room for more",
    ])
  })
})

describe('what was said before', () => {
  const said40 = Array.from(
    { length: 40 },
    (_, n): Turn => ({
      content: `Turn ${n}: describe part ${n} of the machine in the cellar`,
      output: `Part ${n} is made of steel and does what the parts before it can't. `.repeat(3),
      no: n + 1,
    }),
  )

  it('keeps its beginning for many turns, until half of it goes', () => {
    const starts = said40.map((_, n) => {
      const { messages } = buildPrompt({ content: `Turn ${n}`, context: [] }, said40.slice(0, n), {
        ...FIT,
        window: 2048,
      })
      return said(messages).slice(1, -1)[0]
    })
    const changes = starts.filter((start, at) => at > 1 && start !== starts[at - 1]).length
    expect(changes).toBeGreaterThan(2)
    expect(changes).toBeLessThan(9)
  })

  it('begins at the same turn whatever is asked, as long as the question is no long one', () => {
    const start = (content: string) =>
      said(buildPrompt({ content, context: [] }, said40, { ...FIT, window: 2048 }).messages)[1]
    expect(start('and now? '.repeat(40))).toBe(start('and?'))
  })

  it('counts turns that were too many to be handed out', () => {
    const { notices } = buildPrompt({ content: 'and?', context: [] }, said40.slice(30), {
      ...FIT,
      window: 200_000,
    })
    expect(notices).toEqual(["30 of 40 earlier turns are too old for the model's window and were left out"])
  })

  it('shows the last turn shortened rather than not at all', () => {
    const last = { content: 'write it all down', output: 'word after word '.repeat(5000) }
    const { messages, notices } = buildPrompt({ content: 'shorter', context: [] }, [last], {
      ...FIT,
      window: 1024,
    })
    expect(said(messages)[2]).toMatch(/^word after word .*left out here.*word after word $/s)
    expect(notices).toEqual(["the turn before this one is too long for the model's window and was shortened"])
  })
})
