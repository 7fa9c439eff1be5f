import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Choice, Message } from '../../../f/hai/core/base/backends.ts'
import type { Wanted } from '../../../f/hai/core/model/answer_form.ts'
import { callModel } from '../../../f/hai/core/model/call.ts'
import { classify, tokensOfFailure } from '../../../f/hai/core/model/failure.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { MARK } from '../../../runner/process/mark.ts'
import { testDatabase } from '../../support/database.ts'
import { aTask, clear, rowOf } from '../../support/factories.ts'
import {
  type ClaudeRun,
  type ClaudeScript,
  type FakeClaude,
  fakeClaude,
} from '../../support/models/claude.ts'
import { setBudget } from '../cost/ledger.ts'
import { anAccess, aShift } from './answering.ts'
import { endPause, usageOf } from './records.ts'

const db = testDatabase()
let folder: string
beforeEach(async () => {
  await clear(db.sql)
  folder = await mkdtemp(join(tmpdir(), 'hai-claude-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

const aClaude = (given: Partial<Choice['backend']> = {}): Choice => ({
  name: 'claude-code',
  backend: {
    kind: 'claude-code',
    url: 'claude',
    billing: 'subscription',
    enabled: true,
    models: {},
    ...given,
  },
  model: 'default',
  context: 200_000,
  reason: 'the test says so',
})

/** Puts a `claude` that goes by `script`, and nothing else, on the PATH of this process. */
async function install(script: ClaudeScript = {}): Promise<FakeClaude> {
  const claude = await fakeClaude(folder, script)
  vi.stubEnv('PATH', claude.bin)
  for (const [name, value] of Object.entries(claude.env)) vi.stubEnv(name, value)
  return claude
}

interface Given {
  choice?: Choice
  firstByteSeconds?: number
  livenessSeconds?: number
  signal?: AbortSignal
  onText?: (text: string) => void
  messages?: Message[]
  maxOutput?: number
  wanted?: Wanted
}

const ask = (given: Given = {}) =>
  callModel({
    choice: aClaude(),
    apiKey: undefined,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'name a fruit' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Quince.' }] },
      { role: 'user', content: [{ type: 'text', text: 'and another?' }] },
    ],
    maxOutput: 8192,
    firstByteSeconds: 20,
    livenessSeconds: 20,
    signal: new AbortController().signal,
    onText: () => {},
    ...given,
  })

const failureOf = async (given: Given = {}) =>
  classify(await ask(given).catch((error: unknown) => error), given.choice ?? aClaude())

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('Claude Code', () => {
  it('answers piece by piece, with the tokens that its cache held and took', async () => {
    await install({ text: ['Med', 'lar.'], tokens: { input: 5, cacheRead: 90, cacheWrite: 7, output: 3 } })
    const told: string[] = []
    const answer = await ask({ onText: (text) => told.push(text) })
    expect(answer).toMatchObject({
      text: 'Medlar.',
      ending: 'whole',
      tokens: { input: 102, output: 3, cache_read: 90, cache_write: 7 },
    })
    expect(told).toEqual(['Med', 'lar.'])
  })

  it('is told the whole conversation on its standard input, and nothing of it on its command line', async () => {
    const claude = await install()
    await ask()
    const [run] = await claude.runs()
    expect(run!.stdin).toMatch(/Be brief\.[\s\S]*name a fruit[\s\S]*Quince\.[\s\S]*and another\?$/)
    expect(run!.argv.join(' ')).not.toMatch(/fruit|Quince|another/)
  })

  it('is given a chat’s instructions in place of its own, in a file that is gone afterwards', async () => {
    const claude = await install()
    await ask({ wanted: { instructions: 'Be brief.', answer: {} } })
    const [run] = await claude.runs()
    expect(run).toMatchObject({ system: 'Be brief.' })
    expect(run!.stdin).toMatch(/^I said before:\nname a fruit[\s\S]*Quince\.[\s\S]*and another\?$/)
    const file = run!.argv[run!.argv.indexOf('--system-prompt-file') + 1]!
    expect(existsSync(file)).toBe(false)
  })

  it('is told them in its question where it is too old for that', async () => {
    const claude = await install()
    vi.stubEnv('FAKE_CLAUDE_OLD', 'system-prompt-file')
    expect(await ask({ wanted: { instructions: 'Be brief.', answer: {} } })).toMatchObject({
      text: 'It is well.',
    })
    const [run] = await claude.runs()
    expect(run!.stdin).toMatch(/^Be brief\.\n\nI said before/)
  })

  it('goes on with what it has begun, up to where it is to stop', async () => {
    const claude = await install({ text: ['Med', 'lar. ', 'It is sweet. ', '###', 'And more.'], pauseMs: 5 })
    const messages: Message[] = [
      { role: 'user', content: [{ type: 'text', text: 'name a fruit' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Medlar. ' }] },
    ]
    const wanted = { begun: 'Medlar. ', answer: { stop: ['###'] } }
    expect(await ask({ messages, wanted })).toMatchObject({ text: 'It is sweet. ', ending: 'whole' })
    const [run] = await claude.runs()
    expect(run!.stdin).toMatch(/^name a fruit\n\nYou have begun to answer this\. .*:\nMedlar\. $/)
  })

  it('is left once it has said as much as was wanted', async () => {
    await install({ text: Array.from({ length: 50 }, (_, n) => `word${n} `), pauseMs: 2 })
    const { text, ending } = await ask({ maxOutput: 20, wanted: { answer: { max_tokens: 20 } } })
    expect(ending).toBe('length')
    expect(text).toMatch(/^word0 (word\d+ ?)+$/)
    expect(text.length).toBeLessThan(80)
  })

  it('has its mark, but neither the job’s token nor a key that would be billed, unless it is to be billed', async () => {
    const claude = await install()
    vi.stubEnv('ANTHROPIC_API_KEY', 'sk-fake')
    vi.stubEnv('WM_TOKEN', 'secret')
    vi.stubEnv('HAI_SECRET', 'secret')
    vi.stubEnv(MARK, 'stack-1/w')
    await ask()
    await ask({ choice: aClaude({ billing: 'metered' }) })
    const [subscribed, metered] = await claude.runs()
    expect(subscribed!.env).not.toHaveProperty('ANTHROPIC_API_KEY')
    expect(metered!.env).toHaveProperty('ANTHROPIC_API_KEY', 'sk-fake')
    expect(metered!.env).not.toHaveProperty('WM_TOKEN')
    expect(metered!.env).not.toHaveProperty('HAI_SECRET')
    expect(metered!.env).toHaveProperty(MARK, 'stack-1/w')
  })

  it('says so when the answer stops at the model’s limit', async () => {
    await install({ stopReason: 'max_tokens' })
    expect(await ask()).toMatchObject({ ending: 'length' })
  })

  it('asks for login, which is final, and how to log in is said', async () => {
    await install({ mode: 'login_expired' })
    expect(await failureOf()).toMatchObject({
      ...{ code: 'login_expired', retryable: false, next_step: expect.stringContaining('/login') },
    })
  })

  it('is not there, which is final, and what to do is said', async () => {
    vi.stubEnv('PATH', folder)
    expect(await failureOf()).toMatchObject({
      retryable: false,
      next_step: expect.stringContaining('Claude'),
    })
  })

  it.each([
    ['crash', 'cut'],
    ['garbage', 'cut'],
    ['api_error', 'unavailable'],
  ] as const)('whose run ends by %s may do better the next time', async (mode, code) => {
    await install({ mode, status: 529 })
    expect(await failureOf()).toMatchObject({ code, retryable: true })
  })

  it('fails while its quota lasts, and is not taken for one whose quota is used up', async () => {
    const claude = await install()
    const lines = [
      { type: 'rate_limit_event', rate_limit_info: { status: 'allowed', resetsAt: 4_000_000_000 } },
      { type: 'result', subtype: 'success', is_error: true, result: 'API Error: 529 Overloaded' },
    ]
    const script = lines.map((line) => `echo '${JSON.stringify(line)}'`).join('\n')
    await writeFile(join(claude.bin, 'claude'), `#!/bin/sh\n${script}\n`)
    expect(await failureOf()).toMatchObject({ code: 'unavailable', retryable: true })
  })

  it('fails after it has used something, and says how much', async () => {
    const claude = await install()
    const usage = { input_tokens: 100, output_tokens: 9, cache_read_input_tokens: 20 }
    const line = JSON.stringify({ type: 'result', subtype: 'error_max_turns', is_error: false, usage })
    await writeFile(join(claude.bin, 'claude'), `#!/bin/sh\necho '${line}'\n`)
    const error: unknown = await ask().catch((error: unknown) => error)
    expect(classify(error, aClaude())).toMatchObject({ code: 'backend_error', retryable: true })
    expect(tokensOfFailure(error)).toMatchObject({ input: 120, output: 9, cache_read: 20 })
  })

  it('is not asked again for a model that it lacks', async () => {
    const claude = await install()
    const said = 'The selected model (old-1) has an issue. It may not exist or you may not have access to it.'
    const line = JSON.stringify({ type: 'result', subtype: 'success', is_error: true, result: said })
    await writeFile(join(claude.bin, 'claude'), `#!/bin/sh\necho '${line}'\n`)
    expect(await failureOf()).toMatchObject({
      ...{ code: 'model_missing', retryable: false },
      next_step: expect.stringContaining('models.yaml'),
    })
  })

  it.each([
    ['from the start', 'silent'],
    ['after some text', 'hang'],
  ] as const)('that is silent %s is stopped as stalled', async (_, mode) => {
    const claude = await install({ mode })
    let runs: ClaudeRun[] = []
    // on a slow machine it may have been stopped before it began
    for (let seconds = 1; runs.length === 0; seconds *= 2) {
      const limits = { firstByteSeconds: mode === 'silent' ? seconds : 20, livenessSeconds: 1 }
      expect(await failureOf(limits)).toMatchObject({ code: 'stalled', retryable: true })
      runs = await claude.runs()
    }
    await expect.poll(() => isAlive(runs[0]!.pid)).toBe(false)
  })

  it('is gone within five seconds when it is no longer wanted, be it ever so stubborn', async () => {
    const claude = await install({ mode: 'hang', stubborn: true })
    const leaving = new AbortController()
    const reason = new Error('told to stop')
    const asked = ask({ signal: leaving.signal, onText: () => leaving.abort(reason) })
    await expect(asked).rejects.toBe(reason)
    const [run] = await claude.runs()
    await expect.poll(() => isAlive(run!.pid)).toBe(false)
  })

  it.each([
    ['is billed costs what it says itself where no price is known', 'metered', {}, 0.0321],
    ['is billed costs what its price comes to', 'metered', { default: { input: 1, output: 1 } }, 0.000104],
    ['is a subscription costs nobody knows what', 'subscription', {}, null],
  ] as const)('that %s', async (_, billing, models, usd) => {
    await setBudget(db.sql, { unknown_price: 'allow' })
    await install({ costUsd: 0.0321, tokens: { input: 100, cacheRead: 0, cacheWrite: 0, output: 4 } })
    const id = await aTask(db.sql, { content: 'why?' })
    await work(db.sql, aShift(anAccess(aClaude({ billing, models }))))
    expect(await usageOf(db.sql, id)).toMatchObject([{ billing, usd }])
  })

  it('whose quota is used up is waited for, with no attempt used, though only one was left', async () => {
    const resetsAt = Math.floor(Date.now() / 1000) + 3600
    await install({ mode: 'quota_exhausted', resetsAt })
    const id = await aTask(db.sql, { content: 'why?', retry_policy: { max_attempts: 1 } })
    await work(db.sql, aShift(anAccess(aClaude())))
    const task = await rowOf(db.sql, id)
    expect(task).toMatchObject({ state: 'pending', error: { code: 'quota_exhausted' } })
    expect(Math.abs(Date.parse(task.run_at) / 1000 - resetsAt)).toBeLessThan(5)

    await endPause(db.sql)
    await install({ text: ['Because.'] })
    await db.sql`update hai.task_queue set run_at = now(), claim_at = now() where id = ${id}`
    await work(db.sql, aShift(anAccess(aClaude())))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: 'Because.', attempt: 1 })
    expect(await usageOf(db.sql, id)).toMatchObject([
      { billing: 'subscription', output: 0 },
      { billing: 'subscription', usd: null },
    ])
  })
})
