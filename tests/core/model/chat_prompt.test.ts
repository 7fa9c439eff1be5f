import { describe, expect, it } from 'vitest'
import { buildPrompt, type Fit, promptTokens, TooLong } from '../../../f/hai/core/model/prompt.ts'
import type { Said, SentChat } from '../../../f/hai/core/task/shape.ts'
import fc from '../../support/fast-check.ts'
import { cpuOf, growth, slowness } from '../../support/growth.ts'

const FIT: Fit = { window: 100_000, known: true, ratio: 1, said: 1, output: 8192 }
const user = (content: string): Said => ({ role: 'user', content })
const assistant = (content: string): Said => ({ role: 'assistant', content })

const asked = (chat: Partial<SentChat>, content = 'and now?') => ({
  content,
  context: [],
  chat: { instructions: '', turns: [], answer: {}, ...chat },
})

/** What a model is given: its roles and texts. */
function given(task: Parameters<typeof buildPrompt>[0], fit: Partial<Fit> = {}) {
  const prompt = buildPrompt(task, [{ content: 'of hai’s own', output: 'conversation' }], { ...FIT, ...fit })
  const said = prompt.messages.map(({ role, content }): [string, string] => [
    role,
    typeof content === 'string' ? content : content.map((part) => ('text' in part ? part.text : '')).join(''),
  ])
  return { ...prompt, said, system: said[0]![1], turns: said.slice(1, -1) }
}

const exchanges = (count: number, size: number) =>
  Array.from({ length: count }, (_, n) => [
    user(`Q${n}. my machine so and so has this and that problem `),
    assistant(`A${n}. ${'do this and then do that and look at the log of it, '.repeat(size)}`),
  ]).flat()

describe('what a chat sends is what its model reads', () => {
  it('instructions as instructions, turns as turns, and nothing of hai’s own beside it', () => {
    const turns = [user('x'), assistant('is a letter'), user('7'), assistant('is a number')]
    const { said } = given(asked({ instructions: 'Name the kind.', turns }, '!'))
    expect(said).toEqual([
      ['system', 'Name the kind.'],
      ...turns.map(({ role, content }) => [role, content]),
      ['user', '!'],
    ])
  })

  it('two in a row of one role stay two; one with nothing in it is left out', () => {
    const turns = [assistant('Hello!'), user('one'), user(''), user('two'), assistant(' \n'), user('three')]
    expect(given(asked({ turns })).turns).toEqual([
      ['assistant', 'Hello!'],
      ['user', 'one'],
      ['user', 'two'],
      ['user', 'three'],
    ])
  })

  it.each(['', ' ', '\n\n'])('hai’s own instructions only where there are none (%j)', (instructions) => {
    expect(given(asked({ instructions })).system).toMatch(/^You are hai/)
    expect(given(asked({ instructions: ' \nBe brief. ' })).system).toBe(' \nBe brief. ')
  })

  it('what is attached before the question, and the beginning of the answer after it', () => {
    const context = [{ name: 'a.log', media_type: 'text/plain', text: 'all is well' }]
    const { said } = given({ ...asked({ begun: 'A NAS is ' }, 'what is a NAS?'), context })
    expect(said.slice(1)).toEqual([
      ['user', '<attached name="a.log">\nall is well\n</attached>\n\nwhat is a NAS?'],
      ['assistant', 'A NAS is '],
    ])
    expect(given(asked({ begun: ' \n' })).said.at(-1)).toEqual(['user', 'and now?'])
  })
})

describe('a chat that is too long', () => {
  it('keeps its newest exchanges, whole, and tells how much it leaves out', () => {
    const { turns, notices, tokens } = given(asked({ turns: exchanges(30, 19) }), { window: 8192 })
    expect(turns.at(-1)![1]).toMatch(/^A29\. /)
    expect(turns[0]![0]).toBe('user')
    expect(turns.length).toBeGreaterThan(10)
    expect(notices).toEqual([
      `${60 - turns.length} of 60 earlier messages are too old for the model's window and were left out`,
    ])
    expect(tokens.most).toBeLessThan(8192)
  })

  it('has a beginning that stays for many turns', () => {
    const all = exchanges(60, 19)
    const starts = Array.from({ length: 60 }, (_, n) => {
      return given(asked({ turns: all.slice(0, 2 * n) }), { window: 8192 }).turns[0]?.[1]
    })
    const moved = starts.filter((start, at) => at > 1 && start !== starts[at - 1]).length
    expect(moved).toBeGreaterThan(2)
    expect(moved).toBeLessThan(9)
  })

  it('of 400 exchanges fills a window of 128k with the newest, and is made at once', () => {
    const turns = exchanges(400, 19)
    const { said, notices } = given(asked({ turns }), { window: 128_000 })
    expect(cpuOf(() => given(asked({ turns }), { window: 128_000 }), 3)).toBeLessThan(400 * slowness())
    expect(said.at(-2)![1]).toMatch(/^A399\. /)
    expect(said.join('').length).toBeGreaterThan(150_000)
    expect(notices[0]).toMatch(/^\d+ of 800 earlier messages /)
  })

  it('of very many short turns takes time in proportion', () => {
    const work = (length: number) => {
      const turns = Array.from({ length }, (_, n) => (n % 2 ? assistant('b') : user('a')))
      given(asked({ turns }), { window: 2048 })
    }
    expect(growth(work, 10_000)).toBeLessThan(8)
  })

  it('never loses its instructions: what doesn’t fit beside them goes', () => {
    const instructions = 'Answer in German, whatever happens. '.repeat(400)
    const { system, turns, notices } = given(asked({ instructions, turns: exchanges(30, 19) }), {
      window: 8192,
    })
    expect(system).toBe(instructions)
    expect(turns.length).toBeGreaterThan(1)
    expect(notices).toHaveLength(1)
  })

  it('is refused with the numbers where instructions and question alone are too long', () => {
    const instructions = 'Answer in German. '.repeat(50_000)
    expect(() => given(asked({ instructions }), { window: 128_000 })).toThrow(
      /^the question and its instructions have at least \d+ tokens, and the window is 128000 tokens$/,
    )
  })
})

it('whatever is sent, a prompt is what was sent without its oldest part, and its size is told', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 })
  const turn = fc.record({ role: fc.constantFrom('user', 'assistant' as const), content: text })
  const chat = fc.record({
    instructions: text,
    turns: fc.array(turn, { maxLength: 40 }),
    begun: fc.option(text, { nil: undefined }),
  })
  fc.assert(
    fc.property(chat, fc.constantFrom(256, 1024, 4096, 100_000), ({ begun, ...sent }, window) => {
      try {
        const task = asked({ ...sent, ...(begun ? { begun } : {}) } as SentChat, 'why?')
        const { messages, said, tokens, notices } = given(task, { window })
        expect(tokens).toEqual(promptTokens(messages))
        const middle = said.slice(1, said.at(-1)![0] === 'assistant' ? -2 : -1)
        const sentTurns = sent.turns.filter(({ content }) => content.trim() !== '')
        const left = sentTurns.length - middle.length
        if (notices.length === 0) expect(left).toBe(0)
        if (!notices.some((notice) => notice.includes('shortened')))
          expect(middle).toEqual(sentTurns.slice(left).map(({ role, content }) => [role, content]))
      } catch (error) {
        if (!(error instanceof TooLong)) throw error
      }
    }),
    { numRuns: 200 },
  )
})
