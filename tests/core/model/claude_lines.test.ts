import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { callModel } from '../../../f/hai/core/model/call.ts'
import { classify } from '../../../f/hai/core/model/failure.ts'
import { bunBinary } from '../../../runner/root.ts'
import fc from '../../support/fast-check.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hai-claude-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

const CHOICE: Choice = {
  name: 'claude-code',
  backend: { kind: 'claude-code', url: 'claude', billing: 'subscription', enabled: true, models: {} },
  model: 'default',
  context: 200_000,
  reason: 'the test says so',
}

/** Puts a `claude` on the PATH that is this program. */
async function install(program: string): Promise<void> {
  await writeFile(join(folder, 'claude'), program, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`)
}

/** One that says these lines, then does that; what it was given to read is read first. */
async function says(lines: (object | string)[], then = 'exit 0'): Promise<void> {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
  await writeFile(join(folder, 'lines'), `${text}\n`)
  await install(`#!/bin/sh\ncat > /dev/null\ncat '${folder}/lines'\n${then}\n`)
}

async function ask(limits: { firstByteSeconds?: number; livenessSeconds?: number } = {}) {
  const shown: string[] = []
  const answer = await callModel({
    ...{ choice: CHOICE, apiKey: undefined, maxOutput: 100 },
    messages: [{ role: 'user', content: [{ type: 'text', text: 'why?' }] }],
    ...{ firstByteSeconds: 20, livenessSeconds: 20, signal: new AbortController().signal, ...limits },
    onText: (text) => shown.push(text),
  })
  return { ...answer, shown: shown.join('') }
}

const failureOf = async (limits = {}) => classify(await ask(limits).catch((error: unknown) => error), CHOICE)

const SESSION = { session_id: 's-1', parent_tool_use_id: null }
const INIT = { type: 'system', subtype: 'init', cwd: '.', tools: [], model: 'claude-x', ...SESSION }
const event = (given: object) => ({ type: 'stream_event', event: given, ...SESSION })
const piece = (text: string) =>
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
const STOPPED = [
  event({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn' },
    usage: { input_tokens: 3, output_tokens: 9 },
  }),
  event({ type: 'message_stop' }),
]
const message = (text: string, given: object = {}) => ({
  type: 'assistant',
  message: { id: 'msg_1', role: 'assistant', model: 'claude-x', content: [{ type: 'text', text }], ...given },
  ...SESSION,
})
const USAGE = {
  input_tokens: 3,
  cache_creation_input_tokens: 100,
  cache_read_input_tokens: 10,
  output_tokens: 9,
}
const result = (given: object = {}) => ({
  ...{ type: 'result', subtype: 'success', is_error: false, num_turns: 1, result: 'fine', session_id: 's-1' },
  ...{ total_cost_usd: 0.012, stop_reason: 'end_turn', usage: USAGE, modelUsage: {}, ...given },
})
const FINE = {
  text: 'fine',
  ending: 'whole',
  tokens: { input: 113, output: 9 },
  model: 'claude-x',
  usd: 0.012,
  notices: [],
}

describe('Claude Code’s lines', () => {
  it.each([
    ['with an empty line', [INIT, '', piece('fine'), message('fine'), '', result()]],
    [
      'with a remark',
      ['[DEBUG] using keychain', INIT, piece('fine'), 'null', '"x"', '[1]', message('fine'), result()],
    ],
    ['without pieces', [INIT, message('fine'), result()]],
    ['without a message', [INIT, piece('fine'), result({ modelUsage: { 'claude-x': { inputTokens: 3 } } })]],
    [
      'with lines of tomorrow',
      [
        { type: 'tomorrow', result: 'no' },
        INIT,
        piece('fine'),
        { type: 'stream_event' },
        message('fine'),
        result(),
      ],
    ],
    ['of which the pieces say less', [INIT, piece('fi'), message('fine'), result()]],
    ['of which the pieces say something else', [INIT, piece('a first try'), message('fine'), result()]],
    [
      'with another’s message',
      [INIT, message('fine'), { ...message('no'), parent_tool_use_id: 'toolu_1' }, result()],
    ],
    ['in several blocks', [INIT, message('fi'), message('ne'), result({ result: 'ne' })]],
    [
      'with a thought',
      [
        INIT,
        event({ type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'hm' } }),
        message('', { content: [{ type: 'thinking', thinking: 'hm' }] }),
        message('fine'),
        result(),
      ],
    ],
    ['with no text in the result', [INIT, message('fine'), result({ result: null })]],
    ['without a reason to stop', [INIT, message('fine'), result({ stop_reason: null })]],
    [
      'after which more comes',
      [INIT, message('fine'), result(), result({ result: 'again' }), message('again')],
    ],
    [
      'with tags of thoughts',
      [INIT, message('<think>hm</think>\n\nfine'), result({ result: '<think>hm</think>\n\nfine' })],
    ],
  ])('%s are an answer', async (_, lines) => {
    await says(lines)
    expect(await ask()).toMatchObject(FINE)
  })

  it('tell apart what is kept for an hour of what was written to the cache', async () => {
    const cache_creation = { ephemeral_1h_input_tokens: 70, ephemeral_5m_input_tokens: 30 }
    await says([INIT, message('fine'), result({ usage: { ...USAGE, cache_creation } })])
    expect((await ask()).tokens).toMatchObject({ input: 113, cache_write: 100, cache_write_1h: 70 })
  })

  it('end at line feeds only, and keep half a character where the database can', async () => {
    await says([INIT, result({ result: 'a\u2028b\u2029c\u0085d' }), ''])
    await writeFile(
      join(folder, 'lines'),
      `${JSON.stringify(result({ result: 'a\u2028b\u2029c \ud83d' }))}\n`,
    )
    expect((await ask()).text).toBe('a\u2028b\u2029c \ufffd')
  })

  it.each([
    ['its output stays open', 'exec sleep 60'],
    ['something it started holds its output', 'sleep 60 &'],
    ['it goes on talking', 'while sleep 0.05; do echo tick; done'],
    ['it fails then', 'echo sorry >&2; exit 3'],
  ])('are an answer at once, though %s', async (_, then) => {
    await says([INIT, piece('fine'), message('fine'), result()], `echo $$ > '${folder}/pid'; ${then}`)
    const begun = performance.now()
    expect(await ask()).toMatchObject(FINE)
    expect(performance.now() - begun).toBeLessThan(15_000)
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'))
    await expect.poll(() => isGroupAlive(pid)).toBe(false)
  })

  it('are an answer without its cost when they end after the message', async () => {
    await says([INIT, piece('fine'), message('fine'), ...STOPPED], 'exit 1')
    expect(await ask()).toMatchObject({ text: 'fine', ending: 'whole', tokens: { input: 3, output: 9 } })
  })

  it.each([
    ['no counts', { usage: undefined }, { input: null, output: null }],
    ['odd counts', { usage: { input_tokens: -1, output_tokens: 1.5 } }, { input: null, output: null }],
    [
      'counts by model',
      { usage: undefined, modelUsage: { 'claude-x': { inputTokens: 3, outputTokens: 9 } } },
      { input: 3, output: 9 },
    ],
  ])('are kept with %s', async (_, given, tokens) => {
    await says([INIT, message('fine'), result(given)])
    expect(await ask()).toMatchObject({ text: 'fine', tokens })
  })

  it('are kept with a cost that is none', async () => {
    for (const total_cost_usd of [-1, 'much', 1e300, null]) {
      await says([INIT, message('fine'), result({ total_cost_usd })])
      expect(await ask()).toMatchObject({ text: 'fine', tokens: { output: 9 } })
    }
  })

  it('are understood in any mixture: the answer is given, or why there is none', async () => {
    const line = fc.constantFrom<object | string>(
      ...[
        INIT,
        '',
        'oops',
        '{"type":',
        'null',
        piece('fi'),
        piece('ne'),
        message('fine'),
        ...STOPPED,
        result(),
      ],
      ...[
        result({ usage: { input_tokens: 'x' } }),
        result({ is_error: true, result: 'API Error: 500' }),
        { type: 'rate_limit_event' },
      ],
    )
    await install(`#!/bin/sh\ncat > /dev/null\ncat '${folder}/lines'\n`)
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
        await writeFile(
          join(folder, 'lines'),
          lines.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n'),
        )
        const first = lines.find((one) => typeof one === 'object' && 'is_error' in one) as
          | { is_error?: boolean }
          | undefined
        const answer = await ask().catch((error: unknown) => classify(error, CHOICE))
        if (first && !first.is_error) expect(answer).toMatchObject({ text: 'fine' })
        else if (!('text' in answer))
          expect(answer).toMatchObject({
            code: expect.any(String),
            message: expect.stringMatching(/^claude-code: ./),
          })
      }),
      { numRuns: 15 },
    )
  })
})

describe('a Claude Code that is of no use', () => {
  it.each([
    ['is not there', undefined, 'missing', 'PATH'],
    ['may not be run', '', 'unusable', 'EACCES'],
    ['lacks what runs it', '#!/no/such/interpreter\n', 'unusable', 'claude'],
    [
      'refuses to start',
      '#!/bin/sh\necho "Error: cannot be launched inside another session" >&2; exit 1\n',
      'unusable',
      'inside another session',
    ],
    ['is none', '#!/bin/sh\nexit 127\n', 'unusable', '127'],
  ])('fails at once when it %s, and says why', async (_, program, code, words) => {
    if (program !== undefined) await install(program)
    if (program === '') await chmod(join(folder, 'claude'), 0o644)
    vi.stubEnv('PATH', folder)
    const begun = performance.now()
    expect(await failureOf()).toMatchObject({
      ...{ code, retryable: false, next_step: expect.stringMatching(/claude/i) },
      message: expect.stringContaining(words),
    })
    expect(performance.now() - begun).toBeLessThan(15_000)
  })

  it('fails at once in Bun too, where the output of what was never started does not end', async () => {
    const program = join(folder, 'try.ts')
    const core = join(import.meta.dirname, '../../../f/hai/core/model')
    await writeFile(
      program,
      `import { callModel } from '${core}/call.ts'
const call = { choice: ${JSON.stringify(CHOICE)}, maxOutput: 9, firstByteSeconds: 60, livenessSeconds: 60, onText() {},
  messages: [{ role: 'user', content: [{ type: 'text', text: 'why?' }] }], signal: new AbortController().signal }
console.log(await callModel(call).catch((error) => error.code))`,
    )
    const child = spawn(bunBinary(), [program], { env: { PATH: folder, HOME: folder } })
    const [said] = await Promise.all([readAll(child.stdout), once(child, 'close')])
    expect(said.trim()).toBe('ENOENT')
  })

  it('has its last words told when it breaks off', async () => {
    await says([INIT, piece('half')], 'echo "out of memory" >&2; exit 134')
    const error = await ask().catch((error: unknown) => error)
    expect(error).toMatchObject({
      code: 'cut',
      message: expect.stringContaining('out of memory'),
      got: { text: 'half' },
    })
  })

  it('is watched from its first moment, and by all that it writes', async () => {
    await install('#!/bin/sh\nexec sleep 60\n')
    expect(await failureOf({ firstByteSeconds: 0.5 })).toMatchObject({
      code: 'stalled',
      next_step: expect.stringContaining('first_byte_seconds'),
    })
    await says(
      [INIT],
      `for n in 1 2 3 4 5 6; do sleep 0.3; echo busy >&2; done; echo '${JSON.stringify(result())}'`,
    )
    expect(await ask({ firstByteSeconds: 9, livenessSeconds: 1.2 })).toMatchObject({ text: 'fine' })
  })
})

it('is not told that it is run by another Claude Code, but what its operator set for it', async () => {
  await install(`#!/bin/sh\ncat > /dev/null\nenv > '${folder}/env'\necho '${JSON.stringify(result())}'\n`)
  const ours = [
    'CLAUDE_CODE_OAUTH_TOKEN',
    'CLAUDE_CONFIG_DIR',
    'CLAUDE_CODE_USE_BEDROCK',
    'ANTHROPIC_BASE_URL',
  ]
  const others = [
    'CLAUDECODE',
    'CLAUDE_CODE_ENTRYPOINT',
    'CLAUDE_CODE_SSE_PORT',
    'CLAUDE_CODE_SESSION_ID',
    'CLAUDE_PROJECT_DIR',
    'WM_TOKEN',
    'HAI_TOKEN',
  ]
  for (const name of [...ours, ...others]) vi.stubEnv(name, 'x')
  await ask()
  const names = (await readFile(join(folder, 'env'), 'utf8'))
    .split('\n')
    .map((line) => line.replace(/=.*/, ''))
  expect(names.filter((name) => ours.includes(name)).sort()).toEqual([...ours].sort())
  expect(names.filter((name) => others.includes(name))).toEqual([])
})

function isGroupAlive(pid: number): boolean {
  try {
    return process.kill(-pid, 0)
  } catch {
    return false
  }
}
