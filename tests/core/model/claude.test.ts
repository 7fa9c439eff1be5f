import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ClaudeScript, type FakeClaude, fakeClaude } from '../../support/models/claude.ts'
import { lines } from './requests.ts'

let folder: string
let children: ChildProcess[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hai-claude-'))
  children = []
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

const STREAM = ['-p', '--output-format', 'stream-json', '--verbose']

/** Runs the stand-in; the environment is its own and `env`'s alone. */
function run(claude: FakeClaude, args: string[], input = '', env: Record<string, string> = {}) {
  const child = spawn(join(claude.bin, 'claude'), args, { env: { ...claude.env, ...env } })
  children.push(child)
  child.stdin.end(input)
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  const out = collected(child.stdout)
  const err = collected(child.stderr)
  return {
    child,
    out,
    err,
    exited,
    done: async () => ({ ...(await exited), stdout: out.text, stderr: err.text }),
  }
}

function collected(stream: Readable): { text: string } {
  const all = { text: '' }
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    all.text += chunk
  })
  return all
}

async function outcome(script: ClaudeScript, args = [...STREAM, 'why?']) {
  return run(await fakeClaude(folder, script), args).done()
}

describe('the stand-in for claude', () => {
  it('tells who it is, what it says and what that took', async () => {
    const { code, stdout } = await outcome({
      text: ['Be', 'cause'],
      tokens: { input: 2, cacheRead: 15_109, cacheWrite: 7_882, output: 5 },
      costUsd: 0.17,
    })
    const [init, assistant, result, ...rest] = lines(stdout)
    const usage = {
      ...{ input_tokens: 2, cache_read_input_tokens: 15_109 },
      ...{ cache_creation_input_tokens: 7_882, output_tokens: 5 },
    }
    expect(code).toBe(0)
    expect(init).toMatchObject({
      type: 'system',
      subtype: 'init',
      model: 'claude-fake',
      apiKeySource: 'none',
    })
    expect(assistant).toMatchObject({
      type: 'assistant',
      message: { role: 'assistant', content: [{ type: 'text', text: 'Because' }], usage },
      session_id: init!.session_id,
    })
    expect(result).toMatchObject({
      ...{ type: 'result', subtype: 'success', is_error: false, result: 'Because', num_turns: 1 },
      ...{ total_cost_usd: 0.17, usage, session_id: init!.session_id, stop_reason: 'end_turn' },
    })
    expect(rest).toEqual([])
  })

  it('streams the API’s events when asked for partial messages', async () => {
    const { stdout } = await outcome({ text: ['Be', 'cause'] }, [
      ...STREAM,
      '--include-partial-messages',
      'why?',
    ])
    const events = lines(stdout).flatMap(({ type, event }) => (type === 'stream_event' ? [event] : []))
    expect((events as { type: string }[]).map(({ type }) => type)).toEqual([
      ...['message_start', 'content_block_start', 'content_block_delta', 'content_block_delta'],
      ...['content_block_stop', 'message_delta', 'message_stop'],
    ])
    expect(events[2]).toEqual({
      ...{ type: 'content_block_delta', index: 0 },
      delta: { type: 'text_delta', text: 'Be' },
    })
  })

  it('notes its arguments, input and environment', async () => {
    const claude = await fakeClaude(folder)
    await run(claude, [...STREAM, '--model', 'opus'], 'why?').done()
    const keyed = await run(claude, [...STREAM, 'and?'], '', { ANTHROPIC_API_KEY: 'sk-ant-1' }).done()
    const [first, second] = await claude.runs()
    expect(first).toMatchObject({ argv: [...STREAM, '--model', 'opus'], stdin: 'why?' })
    expect(first!.env).not.toHaveProperty('ANTHROPIC_API_KEY')
    expect(second!.env.ANTHROPIC_API_KEY).toBe('sk-ant-1')
    expect(lines(keyed.stdout)[0]).toMatchObject({ apiKeySource: 'ANTHROPIC_API_KEY' })
  })

  it('goes on with the session it is given', async () => {
    const { stdout } = await outcome({}, [...STREAM, '--resume', 'abc', 'and?'])
    expect(new Set(lines(stdout).map(({ session_id }) => session_id))).toEqual(new Set(['abc']))
  })

  it.each<[ClaudeScript, string, string]>([
    [{ mode: 'login_expired' }, 'Invalid API key · Please run /login', 'authentication_failed'],
    [
      { mode: 'quota_exhausted', resetsAt: 1_790_000_000 },
      'Claude AI usage limit reached|1790000000',
      'rate_limit',
    ],
    [
      { mode: 'api_error', status: 529 },
      'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      'server_error',
    ],
    [{ mode: 'login_expired', message: 'Not logged in' }, 'Not logged in', 'authentication_failed'],
  ])('fails with exit 1 and says why in its result: %j', async (script, said, error) => {
    const { code, stdout } = await outcome(script)
    const all = lines(stdout)
    expect(code).toBe(1)
    expect(all.at(-2)).toMatchObject({ type: 'assistant', error, message: { model: '<synthetic>' } })
    expect(all.at(-1)).toMatchObject({ type: 'result', subtype: 'success', is_error: true, result: said })
    expect(all.at(-1)).toMatchObject({ total_cost_usd: 0, usage: { input_tokens: 0, output_tokens: 0 } })
  })

  it('gives the time of the quota’s reset as an event, unless it is an older one', async () => {
    const limits = async (script: ClaudeScript) =>
      lines((await outcome({ mode: 'quota_exhausted', resetsAt: 1_790_000_000, ...script })).stdout).filter(
        ({ type }) => type === 'rate_limit_event',
      )
    expect(await limits({})).toMatchObject([
      { rate_limit_info: { status: 'rejected', resetsAt: 1_790_000_000 } },
    ])
    expect(await limits({ rateLimitEvent: false })).toEqual([])
  })

  it('dies in the middle, and talks garbage', async () => {
    const crash = await outcome({ mode: 'crash', text: ['Be'] }, [
      ...STREAM,
      '--include-partial-messages',
      'why?',
    ])
    expect(crash.signal).toBe('SIGKILL')
    expect(lines(crash.stdout).at(-1)).toMatchObject({ event: { delta: { text: 'Be' } } })
    const garbage = await outcome({ mode: 'garbage' })
    expect(() => lines(garbage.stdout)).toThrow(SyntaxError)
  })

  it('hangs until it is told to stop, and a stubborn one until it is killed', async () => {
    const hanging = run(await fakeClaude(folder, { mode: 'hang' }), [...STREAM, 'why?'])
    await expect.poll(() => hanging.out.text).toContain('init')
    hanging.child.kill('SIGTERM')
    expect(await hanging.exited).toEqual({ code: null, signal: 'SIGTERM' })

    const claude = await fakeClaude(folder, { mode: 'silent', stubborn: true })
    const stubborn = run(claude, [...STREAM, 'why?'])
    await expect.poll(async () => (await claude.runs()).length).toBe(1)
    stubborn.child.kill('SIGTERM')
    await expect.poll(() => stubborn.err.text).toBe('SIGTERM ignored\n')
    stubborn.child.kill('SIGKILL')
    expect(await stubborn.exited).toEqual({ code: null, signal: 'SIGKILL' })
    expect(stubborn.out.text).toBe('')
  })

  it('refuses what claude refuses', async () => {
    expect(await outcome({}, ['-p', '--output-format', 'stream-json', 'why?'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('requires --verbose'),
    })
    expect(await outcome({}, STREAM)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Input must be'),
    })
    expect((await outcome({}, ['--bogus'])).stderr).toBe("error: unknown option '--bogus'\n")
    expect((await outcome({}, ['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+ \(Claude Code\)\n$/)
  })
})
