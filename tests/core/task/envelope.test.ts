import { describe, expect, it } from 'vitest'
import { HaiError, parse } from '../../../f/hai/core/base/errors.ts'
import { digestOf, Envelope, keyOf, laneOf, PRIORITY_SHIFT } from '../../../f/hai/core/task/envelope.ts'
import { anEnvelope } from '../../support/factories.ts'

const KIB = 1024

function refusal(given: Record<string, unknown>): string {
  try {
    parse(Envelope, anEnvelope(given))
  } catch (error) {
    expect(error).toBeInstanceOf(HaiError)
    expect((error as HaiError).code).toBe('invalid')
    return (error as HaiError).message
  }
  throw new Error('it was accepted')
}

describe('what an envelope refuses', () => {
  it.each<[field: string, given: Record<string, unknown>, said: string[]]>([
    ['id', { id: '01hzy5t2m3n4p5q6r7s8t9v0wx' }, ['01hzy5t2m3', 'ULID']],
    ['id', { id: 'I1HZY5T2M3N4P5Q6R7S8T9V0WX' }, ['ULID']],
    ['task_id', { task_id: ' ' }, ['1 to 200 characters']],
    ['source', { source: undefined }, ['missing']],
    ['source', { source: 'My App' }, ['"My App"', 'slug']],
    ['source', { source: 'x'.repeat(41) }, ['slug']],
    ['content', { content: undefined }, ['missing']],
    ['content', { content: '' }, ['some text']],
    ['content', { content: ' \n\t ' }, ['some text']],
    ['content', { content: 7 }, ['7', 'string']],
    ['content', { content: 'x'.repeat(256 * KIB + 1) }, ['256 KiB', 'context']],
    ['content', { content: 'ü'.repeat(128 * KIB + 1) }, ['256 KiB']],
    ['content', { content: 'a\0b' }, ['NUL']],
    ['user', { user: 'a\0b' }, ['NUL']],
    ['metadata', { metadata: { a: ['b\0'] } }, ['NUL']],
    ['context', { context: [{ name: 'a\0', content: 'b' }] }, ['NUL']],
    ['context', { context: 'a log' }, ['"a log"', 'array']],
    ['context', { context: [{ name: 'log', content: 'x'.repeat(4 * KIB * KIB + 1) }] }, ['4 MiB']],
    ['context.0.name', { context: [{ name: '', content: 'x' }] }, ['some text']],
    ['context.1.content', { context: [{ name: 'a', content: '' }, { name: 'b' }] }, ['missing']],
    ['context.0.size', { context: [{ name: 'a', content: '', size: 3 }] }, ['unknown field']],
    // as JSON brings it; in a literal it would be no entry
    ['metadata.__proto__', { metadata: JSON.parse('{"__proto__":{"a":1}}') }, ['choose another']],
    ['user', { user: '' }, ['1 to 200']],
    ['zulip_user_id', { zulip_user_id: '12' }, ['"12"', 'number']],
    ['zulip_user_id', { zulip_user_id: 1.5 }, ['1.5', 'int']],
    ['conversation_id', { conversation_id: 'x'.repeat(201) }, ['1 to 200']],
    ['target_agent', { target_agent: 3 }, ['3', 'string']],
    ['target_agent', { target_agent: 'coder' }, ['"coder"', 'known: general']],
    ['if_busy', { if_busy: 'wait' }, ['"wait"', 'queue, reject, interrupt']],
    ['priority', { priority: 'asap' }, ['"asap"', 'low, normal, high, urgent']],
    ['data_tier', { data_tier: 'secret' }, ['"secret"', 'public, internal, restricted']],
    ['idempotency_key', { idempotency_key: '' }, ['1 to 200']],
    ['ttl_seconds', { ttl_seconds: 0 }, ['0', 'more than 0']],
    ['ttl_seconds', { ttl_seconds: -5 }, ['-5']],
    ['ttl_seconds', { ttl_seconds: 400 * 86_400 }, ['34560000']],
    ['retry_policy.max_attempts', { retry_policy: { max_attempts: 0 } }, ['0', 'at least 1']],
    ['retry_policy.max_attempts', { retry_policy: { max_attempts: 101 } }, ['101', 'at most 100']],
    ['retry_policy.backoff_seconds', { retry_policy: { backoff_seconds: 3601 } }, ['3601', 'at most 3600']],
    ['retry_policy.tries', { retry_policy: { tries: 3 } }, ['unknown field']],
    ['trace_id', { trace_id: {} }, ['string']],
    ['origin', { origin: '' }, ['1 to 200']],
    ['intent', { intent: [] }, ['string']],
    ['destructive', { destructive: 'yes' }, ['"yes"', 'boolean']],
    ['destructive', { destructive: true }, ['true', 'nothing asks a person before', 'leave it out']],
    ['metadata', { metadata: 'x' }, ['"x"']],
    ['priorty', { priorty: 'high' }, ['unknown field', 'did you mean priority']],
    ['requester', { requester: 'operator' }, ['unknown field']],
  ])('names %s', (field, given, said) => {
    const message = refusal(given)
    for (const part of [field, ...said]) expect(message).toContain(part)
    expect(message.length).toBeLessThan(400)
  })

  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'names %s, which every object seems to have, as an unknown field even when it is null',
    (field) => {
      const given = JSON.parse(`{"source": "cli", "content": "x", "${field}": null}`)
      expect(() => parse(Envelope, given)).toThrow(`unknown field ${field}`)
    },
  )

  it.each([['x'], [7], [null], [true], [undefined], [['a']]])('says that %j is no envelope', (given) => {
    expect(() => parse(Envelope, given)).toThrow(/object/)
  })

  it('names every field that is wrong, not only the first', () => {
    const message = refusal({ priority: 'asap', ttl_seconds: 'long', colour: 'red' })
    for (const field of ['priority', 'ttl_seconds', 'colour']) expect(message).toContain(field)
  })
})

describe('what an envelope accepts', () => {
  it('fills in what was left out', () => {
    expect(parse(Envelope, { source: 'voice', content: ' good morning ' })).toMatchObject({
      content: 'good morning',
      context: [],
      priority: 'normal',
      data_tier: 'internal',
      retry_policy: { max_attempts: 3, backoff_seconds: 10 },
      destructive: false,
      metadata: {},
    })
  })

  it('takes a null where nothing is meant as not given', () => {
    const envelope = parse(Envelope, anEnvelope({ ttl_seconds: null, priority: null, id: null }))
    expect(envelope).toMatchObject({ priority: 'normal' })
    expect(envelope.ttl_seconds).toBeUndefined()
  })

  it('takes exactly 256 KiB of content, counted in bytes', () => {
    const content = 'ü'.repeat(128 * KIB)
    expect(parse(Envelope, anEnvelope({ content })).content).toBe(content)
  })

  it('takes exactly 4 MiB of context over several parts', () => {
    const half = { name: 'half', content: 'x'.repeat(2 * KIB * KIB) }
    expect(parse(Envelope, anEnvelope({ context: [half, half] })).context).toHaveLength(2)
  })
})

describe('laneOf', () => {
  it.each(['cli', 'zulip', 'voice', 'text', 'openwebui', 'todo'])(
    'lets %s, where a person waits, go first',
    (source) => {
      expect(laneOf(source)).toBe('interactive')
    },
  )

  it.each(['alertmanager', 'scheduled', 'holmesgpt', 'anything-else'])(
    'keeps %s out of his way',
    (source) => {
      expect(laneOf(source)).toBe('batch')
    },
  )
})

describe('keyOf', () => {
  const keyed = (given: Record<string, unknown>) => keyOf(parse(Envelope, anEnvelope(given)))

  it('is the key, or the task_id within its source, or nothing', () => {
    expect(keyed({ idempotency_key: 'k', task_id: 't' })).toBe('k')
    expect(keyed({ task_id: 't' })).toBe('cli:t')
    expect(keyed({})).toBeNull()
  })
})

describe('digestOf', () => {
  const digest = (given: Record<string, unknown>) => digestOf(parse(Envelope, anEnvelope(given)))

  it.each<[string, unknown]>([
    ['content', 'another'],
    ['source', 'voice'],
    ['user', 'guest'],
    ['conversation_id', 'c'],
    ['target_agent', 'general'],
    ['priority', 'high'],
    ['data_tier', 'public'],
    ['intent', 'i'],
    ['context', [{ name: 'log', content: 'x' }]],
  ])('changes with %s', (field, value) => {
    expect(digest({ [field]: value })).not.toBe(digest({}))
  })

  it.each<[string, unknown]>([
    ['trace_id', 't'],
    ['metadata', { attempt: 2 }],
    ['idempotency_key', 'k'],
    ['ttl_seconds', 60],
    ['if_busy', 'reject'],
  ])('does not change with %s, which may differ between two deliveries', (field, value) => {
    expect(digest({ [field]: value })).toBe(digest({}))
  })
})

describe('PRIORITY_SHIFT', () => {
  it('never lets low work wait for its own priority, and keeps the order of priorities', () => {
    const { low, normal, high, urgent } = PRIORITY_SHIFT
    expect(low).toBe(0)
    expect([normal, high, urgent]).toEqual([normal, high, urgent].toSorted((a, b) => a - b))
    expect(new Set([low, normal, high, urgent]).size).toBe(4)
  })
})
