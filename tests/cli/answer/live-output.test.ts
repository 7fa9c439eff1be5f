import { describe, expect, it } from 'vitest'
import type { Door } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { until } from '../run-hai.ts'
import { startHai } from '../running-hai.ts'
import { aView, TASK_ID } from '../samples.ts'
import { LiveTask } from './live-task.ts'

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

const start = (argv: string[], world: { columns?: number; attended?: boolean; merged?: boolean } = {}) =>
  startHai(argv, { env, ...world })

const looks = (more: number) => task.looks(server, more)
const listening = () => until(() => task.listening > 0, 'a subscriber')

describe('who wants no stream', () => {
  it('gets only the result with --json', async () => {
    task.delta(0, 'par')
    const hai = start(['ask', 'x', '-v', '--json'])
    await until(() => hai.io.stderr.text.includes('its only model'), 'the steps')
    task.end('done', 'parts')
    const { stdout } = await hai.ended
    expect(JSON.parse(stdout)).toEqual({ id: TASK_ID, state: 'done', output: 'parts' })
    expect(server.callsOf('jobs_u/getupdate_sse/job-1')).toEqual([])
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
    await hai.shows('one')
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
    await hai.shows('half a')
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
    await hai.shows('a�[2Jb\n')
    task.end('done', 'a\u001b[2Jb\r\nc')
    expect((await hai.ended).stdout).toBe('a�[2Jb\nc\n')
  })
})

describe('with --quiet', () => {
  it.each([
    ['A scrub ', {}],
    ['A scrub', { columns: 60, attended: true }],
  ])('the text comes as it is written, and no step: %j %j', async (shown, world) => {
    const hai = start(['ask', 'x', '-q'], world)
    await listening()
    task.say(0, 'A scrub ')
    await hai.shows(shown)
    task.end('done', 'A scrub reads all.')
    const ran = await hai.ended
    expect(ran).toMatchObject({ exit: 0, stdout: 'A scrub reads all.\n' })
    expect(ran.stderr).toBe(`profile ${env.HAI_ENDPOINT}\n`)
  })

  it('what the answer is not to be read without is told', async () => {
    const hai = start(['ask', 'x', '-q'])
    await listening()
    task.event('notice', 'stdin: only the end of it fits')
    task.say(0, 'In ancient India, the')
    task.event('cut', 'the answer stops at the longest that the model may write')
    task.end('done', 'In ancient India, the')
    const [, ...notes] = (await hai.ended).stderr.trim().split('\n')
    expect(notes).toEqual([
      'stdin: only the end of it fits',
      'the answer stops at the longest that the model may write',
    ])
  })

  it('an answer that has to start again says so', async () => {
    const hai = start(['ask', 'x', '-q'])
    await listening()
    task.say(0, 'half of the first')
    await hai.shows('half of the first')
    task.event('retry', 'attempt 1 failed: cut; next in 10 s')
    task.claim(2)
    task.end('done', 'the second')
    const ran = await hai.ended
    expect(ran.stdout).toBe('half of the first\nthe second\n')
    expect(ran.stderr).toBe(`profile ${env.HAI_ENDPOINT}\nthe answer starts again\n`)
  })
})

describe('a note', () => {
  const noted = async (merged: boolean) => {
    const hai = start(['ask', 'x'], { merged })
    await listening()
    task.say(0, 'Lumina')
    await hai.shows('Lumina')
    task.event('retry', 'attempt 1 failed: cut; next in 10 s')
    await until(() => hai.io.stderr.text.includes('next in 10 s'), 'the note')
    const shown = hai.io.stdout.text
    task.end('cancelled')
    await hai.ended
    return shown
  }

  it('is not glued to half a line where both streams go into one file', async () => {
    expect(await noted(true)).toBe('Lumina\n')
  })

  it('leaves an answer alone that goes elsewhere', async () => {
    expect(await noted(false)).toBe('Lumina')
  })
})

describe('what had come of an answer that was not to be', () => {
  it.each([['result'], ['tail']])('goes to stderr by hai task %s, as it is no answer', async (verb) => {
    task.event('dead', 'dead')
    task.state = 'dead'
    task.partial = 'A scrub rea'
    server.doors['task/show'] = () => ({ result: aView({ id: TASK_ID, state: 'dead' }) })
    const ran = await start(['task', verb, TASK_ID]).ended
    expect(ran).toMatchObject({ exit: 6, stdout: '' })
    expect(ran.stderr).toContain('what had come of an answer (not whole):\nA scrub rea\n')
  })

  it('is not told again to who saw it come', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'A scrub rea')
    await hai.shows('A scrub rea')
    task.partial = 'A scrub rea'
    task.end('dead')
    const ran = await hai.ended
    expect(ran.stdout).toBe('A scrub rea\n')
    expect(ran.stderr).not.toContain('not whole')
  })

  it('is in the JSON of a result, and in hai task show', async () => {
    task.state = 'cancelled'
    task.partial = 'A scrub rea'
    const json = await start(['task', 'result', TASK_ID, '--json']).ended
    expect(JSON.parse(json.stdout)).toMatchObject({ state: 'cancelled', partial: 'A scrub rea' })
    server.doors['task/show'] = () => ({ result: aView({ state: 'cancelled', partial: 'A scrub rea' }) })
    const shown = await start(['task', 'show', TASK_ID]).ended
    expect(shown.stdout).toContain('\nWhat had come (not whole)\n  A scrub rea\n')
  })
})
