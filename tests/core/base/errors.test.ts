import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { HaiError, parse, STATUS } from '../../../f/hai/core/base/errors.ts'

const Thing = z.strictObject({
  name: z.string().min(1, 'expected a name'),
  size: z.int().min(1).max(9).optional(),
  ratio: z.number().positive().optional(),
  colour: z.enum(['red', 'green']).default('red'),
  parts: z
    .array(z.strictObject({ no: z.int() }))
    .max(2)
    .default([]),
  note: z.string().nullish(),
})

function refusal(input: unknown): HaiError {
  try {
    parse(Thing, input)
  } catch (error) {
    return error as HaiError
  }
  throw new Error('it was accepted')
}

describe('HaiError', () => {
  it('carries its code, details and cause', () => {
    const cause = new Error('why')
    const error = new HaiError('conflict', 'no', { cause, details: { id: 1 } })
    expect(error).toMatchObject({
      name: 'HaiError',
      code: 'conflict',
      message: 'no',
      cause,
      details: { id: 1 },
    })
    expect(error).toBeInstanceOf(Error)
  })

  it('has a status for every code of the contract', () => {
    expect(STATUS).toEqual({
      invalid: 400,
      unauthorized: 401,
      forbidden: 403,
      not_found: 404,
      conflict: 409,
      gone: 410,
      budget: 429,
      unavailable: 503,
    })
  })
})

describe('parse', () => {
  it.each<[unknown, string]>([
    [{}, 'name is missing: expected string'],
    [{ name: '' }, 'name: "" is not accepted; expected a name'],
    [{ name: 7 }, 'name: 7 is not accepted; expected string'],
    [{ name: 'x', size: 0 }, 'size: 0 is not accepted; expected at least 1'],
    [{ name: 'x', size: 10 }, 'size: 10 is not accepted; expected at most 9'],
    [{ name: 'x', size: 1.5 }, 'size: 1.5 is not accepted; expected int'],
    [{ name: 'x', ratio: 0 }, 'ratio: 0 is not accepted; expected more than 0'],
    [{ name: 'x', colour: 'blue' }, 'colour: "blue" is not accepted; expected one of red, green'],
    [{ name: 'x', parts: [{ no: 1 }, { no: 'a' }] }, 'parts.1.no: "a" is not accepted; expected number'],
    [{ name: 'x', parts: [{ no: 1, nr: 2 }] }, 'unknown field parts.0.nr; remove it or check its spelling'],
    [{ name: 'x', a: 1, b: 2 }, 'unknown field a, b; remove it or check its spelling'],
    [{ name: null }, 'name: null is not accepted; expected string'],
    ['x', 'input: "x" is not accepted; expected object'],
    [['x'], 'input: ["x"] is not accepted; expected object'],
    [undefined, 'input is missing: expected object'],
  ])('refuses %j with “%s”', (input, message) => {
    const error = refusal(input)
    expect(error.code).toBe('invalid')
    expect(error.message).toBe(message)
    expect(error.details).toEqual({ problems: [message] })
  })

  it.each<[unknown, string]>([
    [{ name: 's3cret', size: 's3cret' }, 'size: expected number'],
    [
      { name: 'x', s3cret: 1, 's3cret too': 2 },
      'unknown field; there are name, size, ratio, colour, parts, note',
    ],
    [{ name: 'x', parts: [{ no: 1 }, { no: 1, s3cret: 2 }] }, 'unknown field in parts.1; there is no'],
    [
      { name: 'x', colour: 's3cret', colours: 's3cret' },
      'colour: expected one of red, green; unknown field; there are name, size, ratio, colour, parts, note',
    ],
    ['s3cret', 'input: expected object'],
  ])('refuses %j, to whoever may be told no word of it, with “%s”', (input, plain) => {
    expect(refusal(input).plain).toBe(plain)
  })

  it('says no name of a field to whoever may be told none, however it is wrong', () => {
    const Any = z.object({
      named: z.record(z.string().max(3), z.strictObject({ at: z.int() })).optional(),
      one: z.union([z.strictObject({ a: z.int() }), z.array(z.string())]).optional(),
      free: z.unknown(),
    })
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
    for (const input of [
      { named: { s3cret: { at: 1 } } },
      { named: { s3: { at: 's3cret' } } },
      { named: { s3: { s3cret: 1, at: 1 } } },
      { one: { s3cret: 1 } },
      { one: [1, 's3cret'] },
      { s3cret: deep(300) },
      { free: { s3cret: deep(300) } },
      { free: { s3cret: Number.POSITIVE_INFINITY } },
    ]) {
      try {
        parse(Any, input)
        expect.unreachable()
      } catch (error) {
        expect((error as HaiError).plain).toMatch(/expected|unknown field|Invalid|number larger|levels deep/)
        expect((error as HaiError).plain).not.toMatch(/s3/)
      }
    }
  })

  it('names all problems', () => {
    expect(refusal({ size: 0, a: 1 }).details!.problems).toHaveLength(3)
  })

  it.each([Infinity, -Infinity, Number.NaN])(
    'refuses what holds %s, which JSON would keep as null',
    (number) => {
      const Any = z.object({ metadata: z.unknown() })
      expect(() => parse(Any, { metadata: { deep: [{ number }] } })).toThrow(
        'metadata holds a number larger than any that can be kept',
      )
    },
  )

  it('never shows a wall of text', () => {
    expect(refusal({ name: 'x', colour: 'y'.repeat(100_000) }).message.length).toBeLessThan(200)
  })

  it('takes a null for not given, but keeps it where it means something', () => {
    expect(parse(Thing, { name: 'x', size: null, colour: null, note: null })).toEqual({
      name: 'x',
      colour: 'red',
      parts: [],
      note: null,
    })
  })
})
