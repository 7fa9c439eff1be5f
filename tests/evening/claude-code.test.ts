import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TaskView } from '../../f/hai/core/task/shape.ts'
import { spawnHai } from '../cli/run-hai.ts'
import type { Ran } from '../support/hai.ts'
import { ASK_AGAIN } from '../support/patience.ts'
import {
  type ClaudeProgram,
  claudeProgram,
  deltas,
  FINE,
  INIT,
  LIMITS,
  message,
  result,
  UNSTORABLE,
} from './claude-bytes.ts'
import { anEvening, type Evening, notices, said } from './world.ts'

let folder: string
let claude: ClaudeProgram
let evening: Evening
const tasks = new Map<string, string>()

/** So long that what ends before is not ended by it. */
const LIVENESS_SECONDS = 60
const SETTINGS = `liveness_seconds: ${LIVENESS_SECONDS}
backends:
  claude-code: { kind: claude-code, billing: subscription, models: { default: {} } }
`
const QUESTIONS: Record<string, [stdout: string, then?: string]> = {
  ...Object.fromEntries(Object.entries(FINE).map(([name, stdout]) => [`fine: ${name}`, [stdout]])),
  'an exit that is no success': [FINE['no deltas']!, 'exit 1'],
  'a complaint after the answer': [
    FINE['no deltas']!,
    'echo "EPIPE: could not save the session" >&2; exit 1',
  ],
  'goes on after its result': [INIT + deltas('fine') + message('fine') + result('fine'), 'exec sleep 300'],
  'leaves a child that holds its output': [FINE['no deltas']!, 'sleep 300 & exit 0'],
  'cannot be told to stop': [FINE['no deltas']!, "trap '' TERM; sleep 300"],
  unstorable: [UNSTORABLE],
  'odd counts': [
    INIT + deltas('fine') + result('fine', { usage: { input_tokens: -1, output_tokens: 9e15 } }),
  ],
  'another model': [
    INIT.replace('claude-x', 'claude-tiny-1') +
      message('fine').replace('claude-x', 'claude-tiny-1') +
      result('fine'),
  ],
  'not whole': [INIT + deltas('fine') + message('fine') + result('fine', { stop_reason: 'max_tokens' })],
  refused: [INIT + deltas('fine') + message('fine') + result('fine', { stop_reason: 'refusal' })],
}

/** What the program may not have in its environment: of hai's, nothing but the mark by which it is found and ended. */
const TOLD = /^(CLAUDECODE|CLAUDE_CODE_ENTRYPOINT|WM_|HAI_(?!STARTED_BY=))/m

const word = (name: string) => `K${String(Object.keys(QUESTIONS).indexOf(name)).padStart(3, '0')}K`
const ended = (name: string): Promise<TaskView> => evening.settled(tasks.get(name)!)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hai-evening-'))
  chmodSync(folder, 0o755)
  claude = claudeProgram(folder)
  evening = await anEvening({
    PATH: `${claude.bin}:${process.env.PATH}`,
    CLAUDECODE: '1',
    CLAUDE_CODE_ENTRYPOINT: 'cli',
  })
  evening.settings('models.yaml', SETTINGS)
  const names = Object.keys(QUESTIONS)
  for (const name of names) claude.at(word(name), ...QUESTIONS[name]!)
  const ids = await evening.putDown(...names.map((name) => `please explain ${word(name)}`))
  for (const [at, name] of names.entries()) tasks.set(name, ids[at]!)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an answer of Claude Code', () => {
  it.each(Object.keys(FINE))('with %s is read, at the first attempt', async (name) => {
    const task = await ended(`fine: ${name}`)
    expect(task).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
    const { calls } = await evening.costs(task.id)
    expect(calls).toMatchObject([{ tokens: { input: 113, output: 9 } }])
  })

  it.each(['an exit that is no success', 'a complaint after the answer'])(
    'is done whatever comes after it: %s',
    async (name) => {
      expect(await ended(name)).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
    },
  )

  it.each(['goes on after its result', 'leaves a child that holds its output', 'cannot be told to stop'])(
    'is done although its program %s',
    async (name) => {
      const task = await ended(name)
      expect(task).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
      expect(Date.parse(task.finished_at!) - Date.parse(task.started_at!)).toBeLessThan(
        LIVENESS_SECONDS * 1000,
      )
      const { calls } = await evening.costs(task.id)
      expect(calls).toMatchObject([{ tokens: { input: 113, output: 9 } }])
    },
  )

  it('with half a character is stored', async () => {
    expect(await ended('unstorable')).toMatchObject({ state: 'done', output: 'ok \ufffd end', attempt: 1 })
  })

  it('with counts that are none is kept, and its count is unknown', async () => {
    const task = await ended('odd counts')
    expect(task).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
    expect(notices(task).filter((line) => /count|token|usage/i.test(line))).toHaveLength(1)
  })

  it('names the model that answered', async () => {
    const task = await ended('another model')
    const { stdout } = await evening.run('task', 'show', task.id)
    expect(stdout).toMatch(/claude-tiny-1.*113 in, 9 out/)
  })

  it.each([
    ['not whole', /longest|limit|stops|max_tokens/i],
    ['refused', /refus/i],
  ])('is said to be so when it is %s', async (name, notice) => {
    const task = await ended(name)
    expect(task.output).toBe('fine')
    expect(notices(task).join('\n')).toMatch(notice)
  })

  it('comes from a program that is not told that it runs within Claude Code', async () => {
    await ended('fine: no deltas')
    expect(claude.runs().length).toBeGreaterThan(0)
    for (const env of claude.runs()) expect(env).not.toMatch(TOLD)
  })
})

describe('a limit that Claude Code tells in prose', () => {
  it('puts the task off until then, and no attempt is used', async () => {
    const seen: object[] = []
    const right: object[] = []
    for (const [name, [stdout, at]] of Object.entries(LIMITS(new Date()))) {
      claude.at('KLIMIT', stdout, 'exit 1')
      await evening.forget()
      const [id] = await evening.putDown('please explain KLIMIT')
      await expect.poll(async () => (await evening.show(id!)).error, ASK_AGAIN).not.toBeNull()
      const { state, error, run_at, events } = await evening.show(id!)
      const late = (Date.parse(run_at) - at!.getTime()) / 60_000
      const used = events.some(({ text }) => /attempt \d failed/.test(text))
      seen.push({ name, state, code: error?.code, onTime: late > -1 && late < 5, used })
      right.push({ name, state: 'pending', code: 'quota_exhausted', onTime: true, used: false })
      await evening.run('task', 'cancel', id!)
    }
    await evening.forget()
    expect(seen).toEqual(right)
  })
})

describe('Claude Code that is not there', () => {
  beforeEach(async () => {
    evening.settings('models.yaml', SETTINGS)
    await evening.forget()
  })
  afterEach(() => claude.putBack())

  it('ends a task at once, with its own code and what to do', async () => {
    claude.remove()
    const started = Date.now()
    const ran = await evening.run('ask', '--timeout', '60', 'please explain KMISSING')
    expect(Date.now() - started).toBeLessThan(40_000)
    expect(ran).toMatchObject({ code: 6, stdout: '' })
    expect(ran.stderr).toMatch(NOT_THERE)
    expect(await evening.json<TaskView>('task', 'show', '@')).toMatchObject({
      state: 'dead',
      error: { code: 'missing' },
    })
  })

  it('is said by a test of it, and when it is enabled', async () => {
    claude.remove()
    const tested = await timed(evening.run('model', 'test', 'claude-code/default'))
    expect(tested).toMatchObject({ code: 6 })
    expect(tested.stderr).toMatch(NOT_THERE)
    evening.settings('models.yaml', 'liveness_seconds: 5\n')
    const enabled = await evening.run('model', 'enable', 'claude-code')
    expect(enabled.stdout + enabled.stderr).toMatch(NOT_THERE)
  })

  it.each([
    ['is a file that cannot be run', '#!/no/such/interpreter\n', /claude/],
    [
      'says at once that it cannot start',
      '#!/bin/sh\necho "Error: Claude Code needs Node 18" >&2\nexit 1\n',
      /needs Node 18/,
    ],
    ['is not logged in', '#!/bin/sh\necho "Invalid API key · Please run /login" >&2\nexit 1\n', /login/],
  ])('ends the attempt at once, in its own words, as does one that %s', async (_, program, words) => {
    writeFileSync(join(claude.bin, 'claude'), program, { mode: 0o755 })
    const [id] = await evening.putDown('please explain KCANNOT')
    await expect.poll(async () => (await evening.show(id!)).error, ASK_AGAIN).not.toBeNull()
    const text = said(await evening.show(id!))
    expect(text).toMatch(words)
    expect(text).not.toMatch(/no sign of life/)
    await evening.run('task', 'cancel', id!)
  })
})

describe('a worker elsewhere that was started within Claude Code', () => {
  it('does not tell the program so, and its answer comes', async () => {
    const external = SETTINGS.replace('billing:', 'external: true, billing:')
    evening.settings('models.yaml', external)
    const before = claude.runs().length
    const { child, ended: left } = spawnHai(['worker', 'run', '--backend', 'claude-code'], {
      env: evening.stack.env,
    })
    try {
      const ran = await evening.run(
        'ask',
        '--timeout',
        '60',
        `please explain ${word('fine: carriage returns')}`,
      )
      expect(ran).toMatchObject({ code: 0, stdout: 'fine\n' })
      const [run = ''] = claude.runs().slice(before)
      expect(run).toMatch(/^PATH=/m)
      expect(run).not.toMatch(TOLD)
    } finally {
      child.kill('SIGKILL')
      await left
    }
  })
})

const NOT_THERE = /no claude|not (installed|found|there)|PATH/i

/** Fails rather than to wait for ever. */
const timed = (ran: Promise<Ran>): Promise<Ran> =>
  Promise.race([
    ran,
    new Promise<Ran>((_, reject) => setTimeout(() => reject(new Error('still waiting')), 60_000).unref()),
  ])
