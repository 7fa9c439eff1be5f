import { describe, expect, it } from 'vitest'
import { utterance } from '../../../f/hai/core/builtin/grammar.ts'
import { INTENTS, recognise } from '../../../f/hai/core/builtin/table.ts'
import { PHRASINGS } from './corpus.ts'
import { NEAR_MISSES } from './near_misses.ts'

const clock = { zone: 'Pacific/Auckland', now: new Date('2026-11-22T03:00:00Z') }

describe('the intent table', () => {
  it.each(PHRASINGS)('understands the whole of: %s', (said, intent, slots) => {
    const recognised = recognise(said, clock)
    expect(recognised?.intent.name).toBe(intent)
    if (slots) expect(recognised?.slots).toMatchObject(slots)
  })

  it.each(PHRASINGS)('gives to one intent only: %s', (said) => {
    const takers = INTENTS.filter((intent) => intent.match(utterance(said)!, clock))
    expect(takers.map(({ name }) => name)).toHaveLength(1)
  })

  it.each(NEAR_MISSES)('leaves alone: %s', (said) => {
    expect(recognise(said, clock)).toBeUndefined()
  })

  it('is held to at least a hundred phrasings and a hundred near misses, none of them twice', () => {
    expect(new Set(PHRASINGS.map(([said]) => said)).size).toBe(PHRASINGS.length)
    expect(new Set(NEAR_MISSES).size).toBe(NEAR_MISSES.length)
    expect(PHRASINGS.length).toBeGreaterThanOrEqual(100)
    expect(NEAR_MISSES.length).toBeGreaterThanOrEqual(100)
  })

  it('understands every example that help gives', () => {
    for (const { name, examples } of INTENTS) {
      for (const example of examples) expect(recognise(example, clock)?.intent.name).toBe(name)
    }
  })

  // A question, or a fragment of a command, never becomes one by what is glued to it; a todo's body may hold anything.
  it.each(
    PHRASINGS.filter(([, intent]) => intent !== 'add a todo' && intent !== 'finish, drop or reopen a todo'),
  )('does not take it with words left over: %s', (said) => {
    const bare = said.replace(/[\s.!?]+$/, '')
    for (const leftover of ['in the old backup', 'for the parser', 'and restart node3']) {
      expect(recognise(`${bare} ${leftover}`, clock)).toBeUndefined()
      expect(recognise(`${leftover} ${bare}`, clock)).toBeUndefined()
    }
  })

  it('gives no pasted wall of text to anybody', () => {
    expect(recognise(`add todo: ${'x '.repeat(100_000)}`, clock)).toBeUndefined()
    expect(recognise(`add todo:${' '.repeat(50)}x`, clock)).toBeUndefined()
  })

  it.each([
    ['add', ' '],
    ['done ', '.'],
    ['put ', 'a '],
    ['remind me ', 'to '],
    ['remind me to ', 'every a '],
    ['mark ', 'a as '],
    ['todo: x', '-'],
    ['todo: ', '"'],
    ['todo: x ', 'on at by '],
    ['what is due ', 'a'],
    ['', ','],
  ])('is not kept busy by %j and a long run of %j', (start, repeated) => {
    const said = `${start}${repeated.repeat(10_000 / repeated.length)}x`
    const begin = process.cpuUsage()
    recognise(said, clock)
    const { user } = process.cpuUsage(begin)
    // A pattern that backtracks takes minutes; the bound only has to tell these apart.
    expect(user / 1000).toBeLessThan(10_000)
  })
})
