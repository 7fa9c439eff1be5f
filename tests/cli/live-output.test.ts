import { describe, expect, it } from 'vitest'
import type { Door } from './canned-server.ts'
import { type CannedWorld, cannedWorld } from './canned-world.ts'
import { LiveTask } from './live-task.ts'
import { until } from './run-hai.ts'
import { startHai } from './running-hai.ts'
import { TASK_ID } from './samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
let task: LiveTask
// A remote server is looked at once a second, so that what comes sooner came by the stream.
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => {
    task = new LiveTask()
    return task.doors()
  },
)

const start = (argv: string[], world: { columns?: number; attended?: boolean } = {}) =>
  startHai(argv, { env, ...world })

const looks = (more: number) => task.looks(server, more)
const listening = () => until(() => task.listening > 0, 'a subscriber')

describe('who wants no stream', () => {
  it('gets only the result with --json', async () => {
    task.delta(0, 'par')
    const hai = start(['ask', 'x', '--json'])
    await until(() => hai.io.stderr.text.includes('its only model'), 'the steps')
    task.end('done', 'parts')
    const { stdout } = await hai.ended
    expect(JSON.parse(stdout)).toEqual({ id: TASK_ID, state: 'done', output: 'parts' })
    expect(server.callsOf('jobs_u/getupdate_sse/job-1')).toEqual([])
  })

  it('gets one whole answer with --quiet in a pipe, though an attempt failed', async () => {
    task.delta(0, 'half of the first')
    const hai = start(['ask', 'x', '--quiet'])
    await until(() => server.callsOf('task/events').length > 0, 'the first look')
    task.claim(2)
    task.end('done', 'the second')
    expect((await hai.ended).stdout).toBe('the second\n')
    expect(hai.io.stderr.text).not.toMatch(/accepted|attempt/)
  })

  it('is not subscribed for what is answered at once', async () => {
    task = new LiveTask()
    const doors: Record<string, Door> = task.doors()
    doors['task/events'] = (_args, call) => ({
      result: {
        events: call === 1 ? [{ seq: 1, at: '', type: 'claimed', text: 'started', data: {} }] : [],
        state: call === 1 ? 'running' : 'done',
        last_seq: 1,
        job_id: 'job-1',
      },
    })
    Object.assign(server.doors, doors)
    task.output = 'ok'
    await start(['ask', 'x']).ended
    expect(server.callsOf('jobs_u/getupdate_sse/job-1')).toEqual([])
  })
})

describe('on a terminal', () => {
  const terminal = { columns: 60, attended: true }

  it('keeps steps out of the middle of a line', async () => {
    const hai = start(['ask', 'x'], terminal)
    await listening()
    task.say(0, 'one line')
    await hai.shows('one line')
    task.event('notice', 'something else')
    await looks(2)
    expect(hai.io.stderr.text).not.toContain('something else')
    task.say(8, '\nand another')
    await until(() => hai.io.stderr.text.includes('something else'), 'the step')
    task.end('done', 'one line\nand another')
    expect((await hai.ended).stdout).toBe('one line\nand another\n')
  })

  it('tells of an attempt that failed at once, on a line of its own', async () => {
    const hai = start(['ask', 'x'], terminal)
    await listening()
    task.say(0, 'half a line')
    await hai.shows('half a line')
    task.event('retry', 'attempt 1 failed: cut; next in 10 s')
    await until(() => hai.io.stderr.text.includes('next in 10 s'), 'the step')
    expect(hai.io.stdout.text).toBe('half a line\n')
    task.end('cancelled')
    expect(await hai.ended).toMatchObject({ exit: 7, stdout: 'half a line\n' })
  })

  it('lets no text redraw the screen', async () => {
    const hai = start(['ask', 'x'], terminal)
    await listening()
    task.say(0, 'a\u001b[2Jb\r\nc')
    await hai.shows('a�[2Jb\nc')
    task.end('done', 'a\u001b[2Jb\r\nc')
    expect((await hai.ended).stdout).toBe('a�[2Jb\nc\n')
  })
})
