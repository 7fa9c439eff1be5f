import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskView } from '../../f/hai/core/task/shape.ts'
import type { Ran } from '../support/hai.ts'
import { ASK_AGAIN } from '../support/patience.ts'
import * as anthropic from './anthropic-bytes.ts'
import { type ByteServer, type Bytes, byteServer, textOf } from './bytes.ts'
import {
  byHand,
  DONE,
  delta,
  ERROR_FORMS,
  end,
  finish,
  ODD_COUNTS,
  PLAIN_COUNTS,
  REASONS,
  STRAY,
  THOUGHTS,
  text,
  UNSTORABLE,
  usage,
  WHOLE,
  WORDS,
  withCounts,
} from './openai-bytes.ts'
import { anEvening, type Evening, notices, said } from './world.ts'

let server: ByteServer
let evening: Evening
const tasks = new Map<string, string>()
const words = new Map<string, string>()

/** Puts down a question whose answer is known to the server by a word in it. */
function question(name: string, bytes: Bytes): { content: string } {
  const word = `K${String(words.size).padStart(3, '0')}K`
  words.set(name, word)
  server.at(word, bytes)
  return { content: `please explain ${word}` }
}

/** The task in which it was asked, once it has ended. */
const ended = (name: string): Promise<TaskView> => evening.settled(tasks.get(name)!)
const timesAsked = (name: string) => server.of(words.get(name)!).length

/** What is no object, or no JSON, is passed over, as any frame of that kind. */
const NO_COUNTS = ['a list', 'a string in place of the counts', 'not a number, which is no JSON']

const sse = (body: string): Bytes => ({ body })
const QUESTIONS: Record<string, Bytes> = {
  ...prefixed('counts: ', ODD_COUNTS, (counts) => sse(withCounts(counts))),
  ...prefixed('plain: ', PLAIN_COUNTS, (counts) => sse(text('fine') + finish() + counts + DONE)),
  ...prefixed('unstorable: ', UNSTORABLE, ([body]) => sse(body)),
  ...prefixed('stray: ', STRAY, sse),
  ...prefixed('thoughts: ', THOUGHTS, sse),
  ...prefixed('reason: ', REASONS, (_, reason) => sse(text('I started') + finish(reason) + usage() + DONE)),
  ...prefixed('error: ', ERROR_FORMS, (body) => ({ status: 400, body })),
  'no counts': sse(text('fine') + finish() + DONE),
  'a refusal': sse(delta({ role: 'assistant', content: null, refusal: 'I cannot help with that.' }) + end()),
  'a refusal in pieces': sse(delta({ refusal: 'I cannot ' }) + delta({ refusal: 'help with that.' }) + end()),
  'a tag in the answer': sse(text('write `<think>` before and `</think>` after it') + end()),
  'thoughts and no end of them': sse(text('<think>secret and no end') + finish('length') + usage() + DONE),
  'a tool call': sse(
    delta({
      tool_calls: [
        { index: 0, id: 't1', type: 'function', function: { name: 'web_search', arguments: '{}' } },
      ],
    }) +
      finish('tool_calls') +
      usage() +
      DONE,
  ),
  'a tool call of the old kind': sse(
    delta({ function_call: { name: 'web_search', arguments: '{}' } }) +
      finish('function_call') +
      usage() +
      DONE,
  ),
  'a tool call after some text': sse(
    text('Let me look.') +
      delta({
        tool_calls: [
          { index: 0, id: 't1', type: 'function', function: { name: 'web_search', arguments: '{"q":' } },
        ],
      }) +
      delta({ tool_calls: [{ index: 0, function: { arguments: '"x"}' } }] }) +
      finish('tool_calls') +
      usage() +
      DONE,
  ),
  'another model': sse(`${text('fine')}${end()}`.replaceAll('"model":"m"', '"model":"tiny-135m"')),
  'a dated name of the same model': sse(
    `${text('fine')}${end()}`.replaceAll('"model":"m"', '"model":"m-2026-01-31"'),
  ),
  'a whole document': { body: WHOLE, headers: { 'content-type': 'application/json' } },
  'a whole document that says it is a stream': { body: WHOLE },
  'a whole document with blanks before it': {
    body: `\n\n  ${WHOLE}`,
    headers: { 'content-type': 'application/json' },
  },
  'a sign-in page': {
    body: '<!DOCTYPE html><html><head><title>Sign in</title></head><body><form action="/login"></form></body></html>',
    headers: { 'content-type': 'text/html; charset=utf-8' },
  },
  'a page that says it is a stream': { body: '<html><body>Log in to continue</body></html>' },
  'an error with the status of success': {
    body: JSON.stringify({ error: { message: `sorry: ${WORDS}`, type: 'invalid_request_error', code: 400 } }),
    headers: { 'content-type': 'application/json' },
  },
  'the end and then an open connection': { body: text('fine') + end(), end: 'hang' },
}

/** So long that what ends before is not ended by it. */
const LIVENESS_SECONDS = 60

function prefixed<T>(prefix: string, table: Record<string, T>, bytes: (value: T, name: string) => Bytes) {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [prefix + name, bytes(value, name)]))
}

beforeAll(async () => {
  server = await byteServer()
  evening = await anEvening()
  evening.settings(
    'models.yaml',
    `liveness_seconds: ${LIVENESS_SECONDS}
backends:
  box: { kind: openai-compatible, url: '${server.url}/v1', billing: metered, models: { m: { input: 1, output: 2 } } }
`,
  )
  evening.settings('budget.yaml', 'caps: { day: { usd: 1000 }, agent_day: { usd: 1000 } }\n')
  const names = Object.keys(QUESTIONS)
  const ids = await evening.putDown(...names.map((name) => question(name, QUESTIONS[name]!)))
  for (const [at, name] of names.entries()) tasks.set(name, ids[at]!)
})
afterAll(() => server?.stop())

describe('an answer whose counts are', () => {
  it.each(Object.keys(ODD_COUNTS))('%s is kept, paid once, and its count is unknown', async (name) => {
    const task = await ended(`counts: ${name}`)
    expect({ output: task.output, asked: timesAsked(`counts: ${name}`) }).toEqual({
      output: 'paid for',
      asked: 1,
    })
    expect(said(task)).not.toMatch(/out of range|check constraint|violates|syntax/i)
    const { calls } = await evening.costs(task.id)
    expect(calls).toHaveLength(1)
    // a number in a string may be read as one
    const known = calls[0]!.tokens.input === 11 && calls[0]!.tokens.output === 7
    const told = notices(task).filter((line) => /count|token|usage/i.test(line))
    if (!known && !NO_COUNTS.includes(name)) expect(told).toHaveLength(1)
    for (const count of Object.values(calls[0]!.tokens ?? {}))
      if (count !== null) expect(count).toBeLessThanOrEqual(11)
  })

  it.each(Object.keys(PLAIN_COUNTS))('told with %s are counted, and nothing is said of it', async (name) => {
    const task = await ended(`plain: ${name}`)
    expect(task.output).toBe('fine')
    expect(notices(task)).toEqual([])
    const { calls } = await evening.costs(task.id)
    expect(calls).toMatchObject([{ tokens: { input: 11, output: 7 } }])
  })

  it('not told at all is done, and of unknown count by the backend’s own silence', async () => {
    const task = await ended('no counts')
    expect(task).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
    const { stdout } = await evening.run('cost', 'task', task.id)
    expect(stdout).not.toMatch(/lost|no money/)
    expect(stdout).toMatch(/no count|unknown/)
  })
})

it.each(Object.keys(UNSTORABLE))('an answer with %s is stored at the first attempt', async (name) => {
  const task = await ended(`unstorable: ${name}`)
  expect({ state: task.state, asked: timesAsked(`unstorable: ${name}`) }).toEqual({ state: 'done', asked: 1 })
  expect(task.output).toMatch(UNSTORABLE[name]![1])
  const { calls } = await evening.costs(task.id)
  expect(calls).toMatchObject([{ tokens: { input: 11, output: 7 } }])
})

it.each(Object.keys(STRAY))('a stream with %s is read to its end', async (name) => {
  const task = await ended(`stray: ${name}`)
  expect(task).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
  expect(timesAsked(`stray: ${name}`)).toBe(1)
  const { calls } = await evening.costs(task.id)
  expect(calls).toMatchObject([{ tokens: { input: 11, output: 7 } }])
})

describe('what a model thinks', () => {
  it.each(Object.keys(THOUGHTS))('sent as %s is no part of the answer', async (name) => {
    const task = await ended(`thoughts: ${name}`)
    expect(task).toMatchObject({ state: 'done', output: expect.stringMatching(/^\s*42\s*$/) })
  })

  it('is not taken for thought when the answer speaks of such tags', async () => {
    const task = await ended('a tag in the answer')
    expect(task.output).toBe('write `<think>` before and `</think>` after it')
  })

  it('is told as thought, not as an answer, when it is never said', async () => {
    const task = await ended('thoughts and no end of them')
    expect(task.output ?? '').not.toContain('secret')
    expect(timesAsked('thoughts and no end of them')).toBeLessThanOrEqual(2)
  })

  it('is neither printed nor sent back as what it had said', async () => {
    server.at('KSECRET', sse(THOUGHTS['tags that are split over chunks']!))
    server.at('KNEXT', sse(text('fine') + end()))
    expect(await evening.run('ask', '--in', '#thoughts', 'please explain KSECRET')).toMatchObject({
      code: 0,
      stdout: '42\n',
    })
    expect((await evening.run('ask', '--in', '#thoughts', 'and KNEXT')).stdout).toBe('fine\n')
    const [asked] = server.of('KNEXT')
    const sent = asked!.body.messages.map(({ content }) => textOf(content))
    expect(sent.filter((one) => /secret|<think>/.test(one.replace('KSECRET', '')))).toEqual([])
    expect(sent).toContain('42')
  })
})

describe('an answer that is not whole', () => {
  it.each(Object.keys(REASONS))('by %s is done, and its reason is told', async (name) => {
    const task = await ended(`reason: ${name}`)
    expect(task).toMatchObject({ state: 'done', output: 'I started' })
    expect(timesAsked(`reason: ${name}`)).toBe(1)
    expect(notices(task).join('\n')).toMatch(REASONS[name]!)
  })

  it.each([[[]], [['-q']]])('is said on the terminal with %j too', async (flags) => {
    server.at('KFILTER', sse(text('I started') + finish('content_filter') + usage() + DONE))
    const ran = await evening.run('ask', ...flags, 'please explain KFILTER')
    expect(ran).toMatchObject({ code: 0, stdout: 'I started\n' })
    expect(ran.stderr).toMatch(/filter/i)
  })

  it.each(['a refusal', 'a refusal in pieces'])(
    'but %s is what was said, once, with a notice',
    async (name) => {
      const task = await ended(name)
      expect(task).toMatchObject({ state: 'done', output: 'I cannot help with that.' })
      expect(timesAsked(name)).toBe(1)
      expect(notices(task).join('\n')).toMatch(/refus|decline/i)
    },
  )

  it.each(['a tool call', 'a tool call of the old kind', 'a tool call after some text'])(
    'but %s although none was offered is said once and not tried again',
    async (name) => {
      const task = await ended(name)
      expect(timesAsked(name)).toBe(1)
      expect(said(task)).toMatch(/tool/i)
      expect(said(task)).not.toMatch(/answer was empty|garbled|no part of an answer/)
    },
  )
})

describe('the server’s own words', () => {
  it.each(Object.keys(ERROR_FORMS))('reach the reader as %s', async (name) => {
    const task = await ended(`error: ${name}`)
    expect(task.state).toBe('dead')
    expect(task.error!.message).toContain(WORDS)
    expect(task.error!.message).not.toMatch(/\[object|<html|<h1|verbose: true/)
    // another attempt of the same question can't help
    expect(task.error!.next_step ?? '').not.toMatch(/task retry/)
  })

  it('reach him with the status of success as well', async () => {
    const task = await ended('an error with the status of success')
    expect(said(task)).toContain(`sorry: ${WORDS}`)
    expect(said(task)).not.toMatch(/broke off|finish reason/)
  })

  it('reach him from a server that fails, while it is tried again', async () => {
    server.at('KBROKEN', { status: 500, body: `{"error":"${WORDS}"}` })
    const { stdout } = await evening.run('task', 'add', '--json', 'please explain KBROKEN')
    const { task_id } = JSON.parse(stdout)
    await expect.poll(async () => said(await evening.show(task_id)), ASK_AGAIN).toContain(WORDS)
    await evening.run('task', 'cancel', task_id)
  })

  it('are the answer when they are a whole document where a stream was asked', async () => {
    for (const name of Object.keys(QUESTIONS).filter((one) => one.startsWith('a whole document'))) {
      const task = await ended(name)
      expect({ name, output: task.output, asked: timesAsked(name) }).toEqual({
        name,
        output: 'fine',
        asked: 1,
      })
      const { calls } = await evening.costs(task.id)
      expect(calls).toMatchObject([{ tokens: { input: 11, output: 7 } }])
    }
  })

  it.each(['a sign-in page', 'a page that says it is a stream'])(
    'are not %s: the url is wrong, at once',
    async (name) => {
      const task = await ended(name)
      expect(task).toMatchObject({ state: 'dead', error: { code: 'wrong_url' } })
      expect(timesAsked(name)).toBe(1)
      expect(task.error!.message).not.toMatch(/broke off|<html|<!DOCTYPE/i)
    },
  )
})

describe('the end', () => {
  it('is the message that ends it, not the end of the connection', async () => {
    const task = await ended('the end and then an open connection')
    expect(task).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
    expect(Date.parse(task.finished_at!) - Date.parse(task.started_at!)).toBeLessThan(LIVENESS_SECONDS * 1000)
  })
})

describe('a server that answers as another model', () => {
  it('is said once, and the receipt and the ledger name the one that answered', async () => {
    const task = await ended('another model')
    expect(notices(task).filter((line) => line.includes('tiny-135m'))).toHaveLength(1)
    const { stdout } = await evening.run('task', 'show', task.id)
    expect(stdout).toMatch(/tiny-135m.*11 in, 7 out/)
  })

  it('is nothing to speak of when only the date in its name differs', async () => {
    expect(notices(await ended('a dated name of the same model'))).toEqual([])
  })
})

it('says all of this on a terminal too: the answer on stdout, what is odd on stderr, exit 0', async () => {
  server.at('KODD', sse(withCounts(ODD_COUNTS['a number of quadrillions']!)))
  server.at('KHALF', sse(byHand('ok \\ud83d end') + end()))
  server.at('KTOOL', QUESTIONS['a tool call']!)
  const odd: Ran = await evening.run('ask', 'please explain KODD')
  expect(odd).toMatchObject({ code: 0, stdout: 'paid for\n' })
  expect(odd.stderr).toMatch(/token|count|usage/i)
  expect(odd.stderr).not.toContain('9000000000000000 in')
  expect(await evening.run('ask', '-q', 'please explain KHALF')).toMatchObject({
    code: 0,
    stdout: 'ok \ufffd end\n',
  })
  const tool = await evening.run('ask', 'please explain KTOOL')
  expect(tool.stderr).toMatch(/tool/i)
  expect(server.of('KTOOL')).toHaveLength(1)
})

describe('an answer of Anthropic’s', () => {
  const plays: Record<string, string> = {
    ...named('fine: ', anthropic.FINE),
    ...Object.fromEntries(
      Object.keys(anthropic.REASONS).map((reason) => [`stops: ${reason}`, anthropic.stopped(reason)]),
    ),
    ...named('odd: ', anthropic.ODD),
    unstorable: anthropic.UNSTORABLE,
  }
  beforeAll(async () => {
    // what was asked of the other goes on with the settings of then
    for (const id of [...tasks.values()]) await evening.settled(id)
    const models = 'claude-x: { input: 1, output: 2 }'
    evening.settings(
      'models.yaml',
      `backends:\n  claude: { kind: anthropic, url: '${server.url}/v1', billing: metered, models: { ${models} } }\n`,
    )
    const names = Object.keys(plays)
    const ids = await evening.putDown(...names.map((name) => question(name, sse(plays[name]!))))
    for (const [at, name] of names.entries()) tasks.set(name, ids[at]!)
  })

  it.each(Object.keys(anthropic.FINE))('with %s is read to its end', async (name) => {
    const task = await ended(`fine: ${name}`)
    expect(task).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
    const { calls } = await evening.costs(task.id)
    expect(calls).toMatchObject([{ tokens: { input: 25, output: 15 } }])
  })

  it.each(Object.keys(anthropic.REASONS))('is done when it stops by %s, and says so', async (reason) => {
    const task = await ended(`stops: ${reason}`)
    expect(task).toMatchObject({ state: 'done', output: 'half an ans' })
    expect(notices(task).join('\n')).toMatch(anthropic.REASONS[reason]!)
  })

  it.each(Object.keys(anthropic.ODD))('whose counts are %s is kept, and paid once', async (name) => {
    const task = await ended(`odd: ${name}`)
    expect({ output: task.output, asked: timesAsked(`odd: ${name}`) }).toEqual({ output: 'fine', asked: 1 })
  })

  it('with half a character is stored', async () => {
    expect(await ended('unstorable')).toMatchObject({ state: 'done', output: 'ok \ufffd end' })
  })
})

function named(prefix: string, table: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [prefix + name, value]))
}
