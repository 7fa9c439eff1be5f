import { describe, expect, it } from 'vitest'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { until } from '../run-hai.ts'
import { startHai } from '../running-hai.ts'
import { TASK_ID } from '../samples.ts'
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

const start = (argv: string[]) => startHai([...argv, '--verbose'], { env })

const looks = (more: number) => task.looks(server, more)
const listening = () => until(() => task.listening > 0, 'a subscriber')

describe('an answer while it is written', () => {
  it('comes to stdout piece by piece, its steps to stderr, and ends with one line break', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'A scrub ')
    await hai.shows('A scrub ')
    task.say(8, 'reads\nall.\n\n')
    await hai.shows('A scrub reads\nall.')
    task.event('step_done', 'ollama/llama3 (12 ms)', { ms: 12 })
    task.end('done', 'A scrub reads\nall.\n\n')
    expect(await hai.ended).toMatchObject({ exit: 0, stdout: 'A scrub reads\nall.\n' })
    const [, ...steps] = hai.io.stderr.text.trim().split('\n')
    const route = '→ ollama/llama3: its only model'
    const done = ['ollama/llama3: 12 ms', 'llama3 · 12 ms · @ AB7F3K']
    expect(steps).toEqual(['accepted from cli', 'attempt 1', route, ...done])
  })

  it('leaves out what the job says about other tasks, and what it says that is no piece', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'not for you', 'another-task')
    task.say(0, 'yes')
    await hai.shows('yes')
    task.end('done', 'yes')
    expect((await hai.ended).stdout).toBe('yes\n')
  })

  it('is over as soon as the stream says so, though the job goes on with other tasks', async () => {
    const took = async () => {
      task = new LiveTask()
      Object.assign(server.doors, task.doors())
      const hai = start(['ask', 'x'])
      await listening()
      task.say(0, 'yes')
      await hai.shows('yes')
      // the next look is a second away
      await looks(1)
      const began = performance.now()
      task.endWithinJob('done', 'yes')
      expect((await hai.ended).stdout).toBe('yes\n')
      return performance.now() - began
    }
    await expect.poll(took).toBeLessThan(700)
  })

  it('tells a try that is put off for the same reason once, and another reason again', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    const put = (why: string, seconds: number) => {
      task.event('step', 'llama/m')
      task.event('retry', `put off: ${why}; next try in ${seconds} s`)
      task.claim(1)
      task.event('route', '→ llama/m: free')
    }
    put('nothing listens', 2)
    put('nothing listens', 3)
    put('nothing listens', 5)
    put('loading', 5)
    task.event('step', 'llama/m')
    task.event('step_done', 'llama/m (12 ms)', { ms: 12 })
    task.end('done', 'yes')
    expect(await hai.ended).toMatchObject({ exit: 0, stdout: 'yes\n' })
    const { text } = hai.io.stderr
    expect(text.match(/^put off: .*$/gm)).toEqual([
      'put off: nothing listens; next try in 2 s',
      'put off: loading; next try in 5 s',
    ])
    expect(text.match(/^attempt 1$/gm)).toHaveLength(2)
    expect(text).toContain('llama/m: 12 ms')
  })

  it('goes on after a cut where it was, and repeats and loses nothing', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'one ')
    await hai.shows('one ')
    task.cut()
    task.say(4, 'two ')
    await hai.shows('one two ')
    task.say(8, 'three')
    task.end('done', 'one two three')
    expect(await hai.ended).toMatchObject({ stdout: 'one two three\n' })
    expect(task.offsets[0]).toBe(0)
    expect(task.offsets[1]).toBeGreaterThan(0)
  })

  it('subscribes anew when the server ends the stream before the job', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.timeOut()
    await until(() => task.offsets.length === 2, 'another subscription')
    task.say(0, 'at last')
    await hai.shows('at last')
    task.end('done', 'at last')
    expect((await hai.ended).stdout).toBe('at last\n')
  })

  it('takes overlapping pieces of stream and events for what they are', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'abcde')
    task.delta(0, 'abc')
    task.say(3, 'defgh')
    task.delta(3, 'defgh')
    await hai.shows('abcdefgh')
    await looks(2)
    task.end('done', 'abcdefgh')
    expect((await hai.ended).stdout).toBe('abcdefgh\n')
    expect(hai.io.stderr.text).not.toContain('starts again')
  })

  it('fills a gap of the stream from the events, and keeps what came after it', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'one ')
    task.say(8, 'three')
    await hai.shows('one ')
    task.delta(0, 'one two ')
    await hai.shows('one two three')
    task.end('done', 'one two three')
    expect((await hai.ended).stdout).toBe('one two three\n')
  })

  it.each([404, 501])('comes from the events where the server answers %i to the stream', async (status) => {
    server.doors['jobs_u/getupdate_sse/job-1'] = () => ({ status, body: 'no such route' })
    task.delta(0, 'from ')
    const hai = start(['ask', 'x'])
    await hai.shows('from ')
    task.delta(5, 'events')
    await hai.shows('from events')
    task.end('done', 'from events, and the end')
    const ran = await hai.ended
    expect(ran.stdout).toBe('from events, and the end\n')
    expect(ran.stderr).not.toMatch(/route|\b(?:501|404)\b/)
    expect(server.callsOf('jobs_u/getupdate_sse/job-1')).toHaveLength(1)
  })

  it('says that it starts again when another attempt writes something else', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'The disks are')
    await hai.shows('The disks are')
    task.event('retry', 'attempt 1 failed: the answer broke off; next in 1 s')
    task.claim(2)
    task.say(0, 'The pool')
    task.say(8, ' is busy')
    await hai.shows('The disks are\nThe pool is busy')
    task.end('done', 'The pool is busy')
    const ran = await hai.ended
    expect(ran.stdout).toBe('The disks are\nThe pool is busy\n')
    expect(ran.stderr).toContain('the answer starts again')
  })

  it('goes on when another attempt writes the same', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'The disks ')
    await hai.shows('The disks ')
    task.claim(2)
    task.say(0, 'The disks are')
    await hai.shows('The disks are')
    task.end('done', 'The disks are busy')
    const ran = await hai.ended
    expect(ran.stdout).toBe('The disks are busy\n')
    expect(ran.stderr).not.toContain('starts again')
  })

  it('shows the answer itself when it is not what was streamed', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'It is 42 and more')
    await hai.shows('It is 42 and more')
    task.end('done', 'It is 42')
    expect((await hai.ended).stdout).toBe('It is 42 and more\nIt is 42\n')
  })

  it('does not tear characters apart', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'ok \ud83d')
    await hai.shows('ok ')
    task.say(4, '\ude00!')
    await hai.shows('ok 😀!')
    task.end('done', 'ok 😀!')
    expect((await hai.ended).stdout).toBe('ok 😀!\n')
  })

  it('ends its line before it says that the task failed', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'half an ans')
    await hai.shows('half an ans')
    task.end('dead')
    expect(await hai.ended).toMatchObject({ exit: 6, stdout: 'half an ans\n' })
  })

  it('ends its line at Ctrl-C', async () => {
    const hai = start(['ask', 'x'])
    await listening()
    task.say(0, 'half an ans')
    await hai.shows('half an ans')
    hai.io.interrupt()
    expect(await hai.ended).toMatchObject({ exit: 130, stdout: 'half an ans\n' })
  })
})

it('picks up an answer that is half written with hai task tail', async () => {
  task.say(0, 'first half, ')
  server.doors['task/show'] = () => ({ result: { id: TASK_ID, conversation_id: 'c-1' } })
  const hai = start(['task', 'tail', TASK_ID])
  await hai.shows('first half, ')
  task.say(12, 'second half')
  task.end('done', 'first half, second half')
  expect((await hai.ended).stdout).toBe('first half, second half\n')
})
