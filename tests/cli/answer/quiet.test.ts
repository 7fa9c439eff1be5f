import { describe, expect, it } from 'vitest'
import type { WaitingOn } from '../../../f/hai/core/task/shape.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { until } from '../run-hai.ts'
import { startHai } from '../running-hai.ts'
import { anAccepted, TASK_ID } from '../samples.ts'
import { LiveTask } from './live-task.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
let task: LiveTask
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => {
    task = new LiveTask()
    return task.doors()
  },
)

const TERMINAL = { columns: 80, attended: true }
const start = (argv: string[], world: { columns?: number; attended?: boolean } = {}) =>
  startHai(argv, { env, ...world })
const listening = () => until(() => task.listening > 0, 'a subscriber')
const stderr = (text: string) => text.replace(`profile ${env.HAI_ENDPOINT}\n`, '')

async function answered(argv: string[], did: () => void, world = {}) {
  const hai = start(argv, world)
  await listening()
  task.event('step', 'ollama/qwen3:8b', { call_id: '1' })
  task.say(0, 'A scrub reads all.')
  did()
  task.end('done', 'A scrub reads all.')
  const ran = await hai.ended
  expect(ran).toMatchObject({ exit: 0, stdout: 'A scrub reads all.\n' })
  return stderr(ran.stderr)
}

const done = (name: string, told: Record<string, unknown>) =>
  task.event('step_done', `${name} (1234 ms)`, {
    ms: 1234,
    usd: null,
    tokens: { input: 42, output: 8 },
    ...told,
  })

describe('under an answer', () => {
  it.each([
    [['ask', 'x'], {}],
    [['ask', 'x'], TERMINAL],
    [['task', 'tail', TASK_ID], {}],
    [['reply', 'x'], {}],
  ])('is one line, that says who gave it and what it took: %j %j', async (argv, world) => {
    server.doors['task/show'] = () => ({ result: { id: TASK_ID, conversation_id: 'c-1' } })
    if (argv[0] === 'reply') {
      const before = start(['ask', 'before'])
      await listening()
      task.end('done', 'yes')
      await before.ended
      task = new LiveTask()
      Object.assign(server.doors, task.doors())
    }
    const said = await answered(argv, () => done('ollama/qwen3:8b', { billing: 'local' }), world)
    expect(said).toBe('qwen3:8b · 42 in, 8 out · 1.2 s · @ AB7F3K\n')
  })

  it.each([
    ['anthropic/claude-x', { billing: 'metered', usd: 0.0012 }, 'claude-x · 42 in, 8 out · 1.2 s · $0.0012'],
    ['anthropic/claude-x', { billing: 'metered' }, 'claude-x · 42 in, 8 out · 1.2 s · cost unknown'],
    ['claude-code/default', { billing: 'subscription' }, 'claude-code · 42 in, 8 out · 1.2 s'],
    ['router/vendor/model:free', { billing: 'local', tokens: {} }, 'vendor/model:free · 1.2 s'],
  ])('what is known of it: %s %j', async (name, told, receipt) => {
    expect(await answered(['ask', 'x'], () => done(name, told))).toBe(`${receipt} · @ AB7F3K\n`)
  })

  it('says that it took more than one attempt', async () => {
    const said = await answered(['ask', 'x'], () => {
      task.claim(2)
      done('ollama/qwen3:8b', { billing: 'local' })
    })
    expect(said).toBe('qwen3:8b · 42 in, 8 out · 1.2 s · attempt 2 · @ AB7F3K\n')
  })

  it('stands after what the answer is not to be read without', async () => {
    const said = await answered(['ask', 'x'], () => {
      done('ollama/qwen3:8b', { billing: 'local' })
      task.event('cut', 'the answer stops at the longest that the model may write')
    })
    expect(said.split('\n')).toEqual([
      'the answer stops at the longest that the model may write',
      'qwen3:8b · 42 in, 8 out · 1.2 s · @ AB7F3K',
      '',
    ])
  })

  it.each([
    [['ask', 'x', '-q'], () => done('ollama/qwen3:8b', { billing: 'local' })],
    // what hai answers itself
    [['ask', 'x'], () => {}],
  ])('is nothing at all: %j', async (argv, did) => {
    expect(await answered(argv, did)).toBe('')
  })
})

describe('meanwhile', () => {
  const label = (text: string) => until(() => current().includes(text), text)
  let screen: () => string
  /** What was written last of the line that goes. */
  const current = () => screen().split('\r\u001b[K').at(-1) ?? ''

  const watched = (...argv: string[]) => {
    const hai = start(argv, TERMINAL)
    screen = () => hai.io.stderr.text
    return hai
  }

  it('a terminal shows what is waited for, with its seconds, and at the end only the answer', async () => {
    const hai = watched('ask', 'x')
    await listening()
    task.event('loading', 'loading qwen3:8b into memory')
    await label('loading qwen3:8b, 1 s')
    task.event('step', 'ollama/qwen3:8b')
    task.event('route', 'ollama/qwen3:8b reads about 4213 tokens', { reads: 4213 })
    await label('reading 4k tokens, 2 s')
    task.say(0, 'yes')
    // the word is held until its end
    await label('writing, 1 s')
    task.end('done', 'yes')
    expect((await hai.ended).stdout).toBe('yes\n')
    expect(current()).toBe('')
  })

  it('says what it waits for until its turn comes', async () => {
    const waiting_on: WaitingOn = {
      code: 'lane_full',
      since: '2026-11-22T09:00:00Z',
      text: 'waits for ollama, which answers one at a time; position 3',
    }
    task = new LiveTask()
    const doors = task.doors()
    const events = doors['task/events']!
    const asked: unknown[] = []
    Object.assign(server.doors, doors, {
      'task/events': (args: Record<string, unknown>, call: number) => {
        asked.push(args.with_waiting)
        const { result } = events(args, call) as { result: object }
        return { result: args.with_waiting ? { ...result, waiting_on } : result }
      },
    })
    task.state = 'pending'
    const hai = watched('ask', 'x')
    await label('waiting for a slot, place 3, 2 s')
    hai.io.interrupt()
    expect((await hai.ended).exit).toBe(130)
    // who looks whether it has begun needs no more: that costs the server less
    expect(asked[0]).toBe(false)
    expect(hai.io.stderr.text).not.toContain('position 3')
  })

  it('a pipe gets one line after two seconds, and none with --quiet', async () => {
    const quiet = start(['ask', 'x', '-q'])
    await listening()
    task.event('step', 'ollama/llama3')
    const hai = start(['ask', 'x'])
    await until(() => hai.io.stderr.text.includes('its only model'), 'the line')
    task.end('done', 'yes')
    expect(stderr((await hai.ended).stderr)).toBe('→ ollama/llama3: its only model\n')
    expect(stderr((await quiet.ended).stderr)).toBe('')
  })

  it('says at once, and so that it stays, what does not pass by itself', async () => {
    const waiting_on = {
      code: 'budget',
      since: '2026-11-22T09:00:00Z',
      text: 'the cap of the day is reached',
      next_step: 'hai cost cap raise 2 --today',
    }
    server.doors.inbox = () => ({ result: anAccepted() })
    server.doors['task/events'] = ({ with_waiting }) => ({
      result: { events: [], state: 'pending', last_seq: 0, ...(with_waiting ? { waiting_on } : {}) },
    })
    const hai = start(['ask', 'x', '-q'])
    const note = 'the cap of the day is reached → hai cost cap raise 2 --today'
    await until(() => hai.io.stderr.text.includes(note), 'the note')
    hai.io.interrupt()
    await hai.ended
    expect(hai.io.stderr.text.split(note)).toHaveLength(2)
  })
})

it('no remark is glued to half a line, whoever makes it', async () => {
  const hai = start(['ask', 'x'], TERMINAL)
  await listening()
  task.say(0, 'half a line')
  await hai.shows('half a')
  const events = server.doors['task/events']!
  let refused = 0
  server.doors['task/events'] = (args, call) => {
    if (refused++ > 0) return events(args, call)
    const error = { code: 'unavailable', message: 'it is busy', details: { retry_after_seconds: 1 } }
    return { status: 503, body: JSON.stringify({ error }) }
  }
  await until(() => hai.io.stderr.text.includes('trying again'), 'the remark')
  expect(hai.io.stdout.text).toBe('half a line\n')
  task.end('done', 'half a line')
  await hai.ended
})
