import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Call } from '../support/models/behaviour.ts'
import type { FakeServer } from '../support/models/fake-server.ts'
import { type FakeLlamaCpp, fakeLlamaCpp, type LlamaCpp } from '../support/models/llama-cpp.ts'
import { type ByteServer, byteServer, textOf } from './bytes.ts'
import { DONE, finish, text, usage } from './openai-bytes.ts'
import { aLog, TEXTS } from './texts.ts'
import { anEvening, type Evening, notices, said } from './world.ts'

let evening: Evening
beforeAll(async () => {
  evening = await anEvening()
})
const servers: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** A llama.cpp, and settings that name it and, unless told, no window. */
async function llama(
  given: Partial<LlamaCpp> = {},
  model = 'model.gguf: {}',
  more = '',
): Promise<FakeLlamaCpp> {
  const server = await fakeLlamaCpp({ n_ctx: 2048, ...given })
  servers.push(server)
  settings(server.url, model, more)
  return server
}

function settings(url: string, model: string, more = ''): void {
  evening.settings(
    'models.yaml',
    `liveness_seconds: 10
backends:
  llama: { kind: openai-compatible, url: '${url}/v1', billing: local, models: { ${model} } }
${more}`,
  )
}

const asked = (server: FakeServer): Call[] => server.callsOf('/v1/chat/completions')
const lastSent = (server: FakeServer): string => {
  const { messages } = asked(server).at(-1)!.body as { messages: { content: unknown }[] }
  return messages.map(({ content }) => textOf(content)).join('\n')
}
const attached = (words: string, content: string) => ({
  content: words,
  context: [{ name: 'stdin', media_type: 'text/plain', content }],
})

describe('a log of 30 kB piped into a question', () => {
  it.each([
    ['a window that nobody named', 2048, 'model.gguf: {}'],
    ['a window that is named rightly', 2048, 'model.gguf: { context: 2048 }'],
    ['a window that is named too large', 2048, 'model.gguf: { context: 8192 }'],
    ['a small window', 1024, 'model.gguf: {}'],
    ['a window of usual size', 4096, 'model.gguf: {}'],
  ])('with %s is answered, by the second request at the latest', async (_, n_ctx, model) => {
    const server = await llama({ n_ctx }, model)
    const ran = await evening.piped(aLog(30_000), 'ask', 'what broke?')
    expect(ran).toMatchObject({ code: 0, stdout: 'It is well.\n' })
    expect(asked(server).length).toBeLessThanOrEqual(2)
    const { attempt } = await evening.json<{ attempt: number }>('task', 'show', '@')
    expect(attempt).toBe(1)
    const sent = lastSent(server)
    expect(sent).toContain('FIRST line of it')
    expect(sent).toContain('LAST line of it')
    expect(sent).toContain('what broke?')
    // between both it is told that something is missing, and how much
    expect(sent).toMatch(/\n[^\n]*\d[\d,.]* [^\n]*(left out|omitted|cut|missing)[^\n]*\n/i)
    expect(ran.stderr).toMatch(/stdin.*(left out|cut|only)/i)
  })

  it('is told to be cut even where steps are not shown', async () => {
    await llama()
    const { code, stderr } = await evening.piped(aLog(30_000), 'ask', '-q', 'what broke?')
    expect(code).toBe(0)
    expect(stderr).toMatch(/stdin.*(left out|cut|only)/i)
  })

  it('leaves as much as fits, not a sliver', async () => {
    const server = await llama({ n_ctx: 4096 })
    await evening.piped(aLog(30_000), 'ask', 'what broke?')
    expect(server.prompts.at(-1)!.tokens).toBeGreaterThan(4096 / 3)
  })
})

describe('text of any kind that is longer than the window', () => {
  it.each(Object.keys(TEXTS))('such as %s is answered by the second request at the latest', async (kind) => {
    const server = await llama()
    const [id] = await evening.putDown(attached('what is this?', TEXTS[kind]!(20_000)))
    const task = await evening.settled(id!)
    expect(task).toMatchObject({ state: 'done', attempt: 1 })
    expect(asked(server).length).toBeLessThanOrEqual(2)
    expect(lastSent(server)).toContain('FIRST')
    expect(lastSent(server)).toMatch(/LAST line of it/)
    expect(lastSent(server)).not.toMatch(/\p{Surrogate}/u)
    expect(notices(task).join('\n')).toMatch(/stdin/)
  })

  it('such as several files is answered, and each keeps its head and its end', async () => {
    const server = await llama({ n_ctx: 4096 })
    const context = ['a.log', 'b.log', 'c.log'].map((name) => ({
      name,
      media_type: 'text/plain',
      content: aLog(15_000),
    }))
    const [id] = await evening.putDown({ content: 'what broke?', context })
    expect(await evening.settled(id!)).toMatchObject({ state: 'done', attempt: 1 })
    expect(asked(server).length).toBeLessThanOrEqual(2)
    expect(lastSent(server).match(/FIRST line of it/g)).toHaveLength(3)
    expect(lastSent(server).match(/LAST line of it/g)).toHaveLength(3)
  })

  it('is sent whole when it fits after all, and nothing is said', async () => {
    const server = await llama({ n_ctx: 8192 })
    const log = aLog(6000)
    const [id] = await evening.putDown(attached('what broke?', log))
    const task = await evening.settled(id!)
    expect(lastSent(server)).toContain(log)
    expect(notices(task)).toEqual([])
  })
})

describe('a window that servers tell in other words', () => {
  const SENT = 9000
  const DIALECTS: Record<string, [status: number, body: object | string]> = {
    vllm: [
      400,
      {
        object: 'error',
        message: `This model's maximum context length is 2048 tokens. However, you requested ${SENT} tokens (${SENT - 512} in the messages, 512 in the completion). Please reduce the length of the messages or completion.`,
        type: 'BadRequestError',
        param: null,
        code: 400,
      },
    ],
    'a newer vllm': [
      400,
      {
        error: {
          message: `The decoder prompt (length ${SENT}) is longer than the maximum model length of 2048. Make sure that max_model_len is no smaller than the number of text tokens.`,
          type: 'BadRequestError',
          code: 400,
        },
      },
    ],
    openai: [
      400,
      {
        error: {
          message: `This model's maximum context length is 2048 tokens. However, your messages resulted in ${SENT} tokens. Please reduce the length of the messages.`,
          type: 'invalid_request_error',
          param: 'messages',
          code: 'context_length_exceeded',
        },
      },
    ],
    'lm studio': [
      400,
      {
        error: `Trying to keep the first ${SENT} tokens when context the overflows. However, the model is loaded with context length of only 2048 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input`,
      },
    ],
    'llama-cpp-python': [
      400,
      {
        error: {
          message: `Requested tokens (${SENT}) exceed context window of 2048`,
          type: 'invalid_request_error',
          code: 'context_length_exceeded',
        },
      },
    ],
    'text generation inference': [
      422,
      {
        error: `Input validation error: \`inputs\` must have less than 2048 tokens. Given: ${SENT}`,
        error_type: 'validation',
      },
    ],
    ollama: [
      400,
      { error: { message: 'the input length exceeds the context length', type: 'invalid_request_error' } },
    ],
    'an older llama.cpp': [
      400,
      {
        error: {
          code: 400,
          message:
            'the request exceeds the available context size. try increasing the context size or enable context shift',
          type: 'invalid_request_error',
        },
      },
    ],
    groq: [
      413,
      {
        error: {
          message: `Request too large for model \`m\` on tokens per minute (TPM): Limit 2048, Requested ${SENT}, please reduce your message size and try again.`,
          type: 'tokens',
          code: 'rate_limit_exceeded',
        },
      },
    ],
  }
  let server: ByteServer

  it.each(Object.keys(DIALECTS))('such as those of %s is cut by, and asked once more', async (name) => {
    server = await byteServer()
    servers.push(server)
    settings(server.url, 'm: { context: 16384 }')
    const [status, body] = DIALECTS[name]!
    server.at(
      'what broke?',
      { status, body: typeof body === 'string' ? body : JSON.stringify(body) },
      { body: text('fine') + finish() + usage({ prompt_tokens: 1200, completion_tokens: 7 }) + DONE },
    )
    const [id] = await evening.putDown(attached('what broke?', aLog(24_000)))
    const task = await evening.settled(id!)
    expect({ state: task.state, output: task.output, attempt: task.attempt }).toEqual({
      state: 'done',
      output: 'fine',
      attempt: 1,
    })
    const sizes = server.asked.map((one) => JSON.stringify(one.body.messages).length)
    expect(sizes).toHaveLength(2)
    expect(sizes[1]!).toBeLessThan(sizes[0]! / 2)
    // both requests are in the books, and neither is lost
    const { calls } = await evening.costs(id!)
    expect(calls).toHaveLength(2)
    expect((await evening.run('cost', 'task', id!)).stdout).not.toMatch(/lost/)
  })
})

describe('a conversation in a window of 2,048', () => {
  it('goes on for 40 turns, at one attempt each', async () => {
    const server = await llama()
    const turn = (n: number) =>
      `Turn ${n}: describe part ${n} of the rack, its cables, its fans and what else there is.`
    server.byDefault(() => ({ text: Array.from({ length: 100 }, (_, n) => ` word${n % 7}`) }))
    expect((await evening.run('ask', '--in', '#long', turn(1))).code).toBe(0)
    const { conversation_id } = await evening.json<{ conversation_id: string }>('task', 'show', '@')
    const ids = await evening.putDown(
      ...Array.from({ length: 38 }, (_, n) => ({ content: turn(n + 2), conversation_id })),
    )
    const tasks = []
    for (const id of ids) tasks.push(await evening.settled(id))
    expect(tasks.filter(({ state, attempt }) => state !== 'done' || attempt !== 1)).toEqual([])
    const last = await evening.run('reply', turn(40))
    expect(last.code).toBe(0)
    expect(last.stderr + tasks.map((task) => said(task)).join('\n')).toMatch(/earlier turns?/)
    expect(lastSent(server)).toContain('Turn 39')
    // one that does not fit is rare, as the window is known by then
    expect(asked(server).length).toBeLessThanOrEqual(44)
  })
})

describe('one question too long for the window', () => {
  it.each([
    ['that is named', 'model.gguf: { context: 2048 }'],
    ['that the server tells', 'model.gguf: {}'],
  ])('%s is refused with the numbers, before it is sent', async (_, model) => {
    const server = await llama({}, model)
    const ran = await evening.run('ask', aLog(54_000))
    expect(ran).toMatchObject({ code: 6, stdout: '' })
    expect(asked(server)).toHaveLength(0)
    expect(ran.stderr).toMatch(/2,?048/)
    expect(ran.stderr).toMatch(/\d{2,3}[ ,]?\d{3} (tokens|characters)/)
    // nothing is attached
    expect(ran.stderr).not.toMatch(/less attached/)
    const [, error] = await Promise.all([
      evening.json('task', 'show', '@'),
      evening.json<{ error: { code: string } }>('task', 'result', '@'),
    ])
    expect(error.error.code).toBe('context_too_long')
  })
})

describe('a server that cuts in silence', () => {
  it.each([
    ['to a window that it was told', 'm: { context: 16384 }', 1024],
    ['to less than half', 'm: { context: 32768 }', 4096],
  ])('%s is noticed by the count that comes back', async (_, model, prompt_tokens) => {
    const server = await byteServer()
    servers.push(server)
    settings(server.url, model)
    server.at('which disk', {
      body:
        text('The specified command fails') +
        finish() +
        usage({ prompt_tokens, completion_tokens: 176 }) +
        DONE,
    })
    const [id] = await evening.putDown(attached('which disk has errors?', aLog(24_000)))
    const task = await evening.settled(id!)
    expect(task).toMatchObject({ state: 'done', output: 'The specified command fails' })
    expect(
      notices(task).filter(
        (line) => line.includes(prompt_tokens.toLocaleString('en')) || line.includes(String(prompt_tokens)),
      ),
    ).toHaveLength(1)
  })
})

describe('an answer', () => {
  it('has a bound, always', async () => {
    const server = await llama()
    await evening.run('ask', 'say hi')
    const { max_tokens } = asked(server)[0]!.body as { max_tokens?: number }
    expect(max_tokens).toBeGreaterThan(0)
    expect(max_tokens!).toBeLessThanOrEqual(8192)
  })

  it.each([
    ['a sentence', "I'm the machine that makes you what you are. "],
    ['a word', 'hi hi hi hi hi '],
    ['one sign', '!!!!!!!!'],
    ['a line of a list', '- check the disk\n'],
    [
      'a paragraph',
      'The disk is full. Delete old snapshots first. Then look at the pool again, and scrub it once more.\n\n',
    ],
  ])('is ended when it repeats %s without end, and said to be cut', async (_, piece) => {
    const server = await llama({ n_ctx: 65_536, tokenMs: 1 })
    server.byDefault({ text: ['Well. ', ...Array.from({ length: 20_000 }, () => piece)] })
    const [id] = await evening.putDown('say hi')
    const task = await evening.settled(id!)
    expect(task.state).toBe('done')
    expect(notices(task).join('\n')).toMatch(/repeat/i)
    expect(task.output!.length).toBeLessThan(60_000)
    await expect.poll(() => asked(server)[0]!.leftAt).not.toBeNull()
    const { calls } = await evening.costs(id!)
    expect(calls).toHaveLength(1)
  })

  it.each([
    ['a table', Array.from({ length: 60 }, (_, n) => `| ${n} | disk ${n} | ok |\n`)],
    ['a list', Array.from({ length: 80 }, (_, n) => `- item number ${n * 37} of the list\n`)],
    ['a ruler', ['-'.repeat(60), '\n', 'fine\n', '='.repeat(72), '\n', 'end']],
    ['a short echo', ['ha ', 'ha ', 'ha ', 'ha ', 'ha ', 'ha, very funny']],
  ])('comes whole when it is like itself and no more, such as %s', async (_, pieces) => {
    const server = await llama({ n_ctx: 65_536 })
    server.byDefault({ text: pieces })
    const [id] = await evening.putDown('say hi')
    const task = await evening.settled(id!)
    expect(task).toMatchObject({ state: 'done', output: pieces.join('') })
    expect(notices(task)).toEqual([])
  })
})
