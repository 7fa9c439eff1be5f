import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { TaskResult } from '../../../f/hai/core/task/shape.ts'
import { LiveTask } from '../answer/live-task.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai, until } from '../run-hai.ts'
import { startHai } from '../running-hai.ts'
import { anAccepted, anEvent, TASK_ID } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld((world) => {
  ;({ server, env } = world)
})

/** What a job takes on a server that is not asleep; milliseconds. */
const CALL_MS = 165
const RESULT: TaskResult = { id: TASK_ID, state: 'done', output: 'nothing is open' }

/** A server of this release, or of the one before, that answers a question by itself once `done` is called. */
function aQuestion(telling: boolean) {
  let listener: ServerResponse | undefined
  let done = false
  server.calls.length = 0
  server.delay = CALL_MS
  Object.assign(server.doors, {
    inbox: () => ({ result: anAccepted({ job_id: 'job-1' }) }),
    'task/events': ({ after, with_result }: Record<string, unknown>) => ({
      result: {
        events: [anEvent(1, 'accepted'), ...(done ? [anEvent(2, 'answered')] : [])].filter(
          ({ seq }) => seq > Number(after),
        ),
        state: done ? 'done' : 'pending',
        last_seq: done ? 2 : 1,
        ...(done && telling && with_result ? { outcome: RESULT } : {}),
      },
    }),
    'task/result': () => ({ result: RESULT }),
    'jobs_u/getupdate_sse/job-1': () => ({
      stream: (response: ServerResponse) => {
        listener = response
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"type":"ping"}\n\n')
      },
    }),
  })
  return {
    listening: () => until(() => listener !== undefined, 'a listener to the job'),
    answer: () => {
      done = true
    },
    /** The job that was called is over. */
    end: () => listener!.end(`data: ${JSON.stringify({ type: 'update', completed: true })}\n\n`),
  }
}

const jobs = () => server.calls.filter(({ path }) => !path.startsWith('jobs_u/')).map(({ path }) => path)

describe('a question that hai answers itself, to a remote server', () => {
  it('is one job where the inbox answered it, its steps and its answer shown as ever', async () => {
    aQuestion(true)
    const events = [anEvent(1, 'accepted'), anEvent(2, 'claimed'), anEvent(3, 'done')]
    const seen = { state: 'done' as const, last_seq: 3, job_id: 'job-0', events, outcome: RESULT }
    server.doors.inbox = () => ({ result: anAccepted({ seen }) })
    const asked = await runHai(['ask', '-v', 'what is open?'], { env })
    expect(asked).toMatchObject({ exit: 0, stdout: 'nothing is open\n' })
    expect(asked.stderr).toContain('claimed')
    expect(server.calls.map(({ path }) => path)).toEqual(['inbox'])
    const error = { code: 'invalid', message: 'that day is none', next_step: 'name another' }
    const dead = { ...seen, state: 'dead' as const, outcome: { id: TASK_ID, state: 'dead' as const, error } }
    server.doors.inbox = () => ({ result: anAccepted({ seen: dead }) })
    const refused = await runHai(['ask', 'what is open?'], { env })
    expect(refused).toMatchObject({ exit: 6, stdout: '' })
    expect(refused.stderr).toContain('that day is none')
    expect(server.callsOf('task/events')).toEqual([])
  })

  it('is followed where the inbox’s job began it and left it to others', async () => {
    const question = aQuestion(true)
    const seen = { state: 'pending' as const, last_seq: 1, events: [anEvent(1, 'accepted')] }
    server.doors.inbox = () => ({ result: anAccepted({ seen }) })
    question.answer()
    const asked = await runHai(['ask', 'what is open?'], { env })
    expect(asked).toMatchObject({ exit: 0, stdout: 'nothing is open\n' })
    expect(server.callsOf('task/events').map(({ args }) => args.after)).toEqual([1])
  })

  it('is answered within 0.8 s where a call takes 165 ms, by three jobs', async () => {
    const took = async () => {
      const question = aQuestion(true)
      const began = performance.now()
      const hai = startHai(['ask', 'what is open?'], { env })
      await question.listening()
      question.answer()
      question.end()
      expect(await hai.ended).toMatchObject({ exit: 0, stdout: 'nothing is open\n' })
      expect(jobs().filter((path) => path !== 'task/events')).toEqual(['inbox'])
      expect(server.callsOf('task/events').length).toBeLessThanOrEqual(2)
      return performance.now() - began
    }
    await expect.poll(took).toBeLessThan(800)
  })

  it('is looked for where the job is not for these eyes', async () => {
    const question = aQuestion(true)
    server.doors['jobs_u/getupdate_sse/job-1'] = () => ({ status: 403, body: 'Required scope: jobs:read' })
    question.answer()
    const { exit, stdout } = await runHai(['ask', 'what is open?'], { env })
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'nothing is open\n' })
    expect(jobs()).toEqual(['inbox', 'task/events'])
  })

  it('is asked for its answer where the server is of the release before', async () => {
    aQuestion(false).answer()
    const { stdout } = await runHai(['ask', 'what is open?'], { env })
    expect(stdout).toBe('nothing is open\n')
    expect(jobs()).toEqual(['inbox', 'task/events', 'task/result'])
  })

  it('is not waited for in vain when the job ended and another one answers', async () => {
    const question = aQuestion(true)
    const hai = startHai(['ask', 'what is open?'], { env })
    await question.listening()
    question.end()
    await until(() => server.callsOf('task/events').length > 0, 'a look')
    question.answer()
    expect((await hai.ended).stdout).toBe('nothing is open\n')
  })
})

it('shows no text before the attempt that it is of, and looks at once for that', async () => {
  const task = new LiveTask()
  Object.assign(server.doors, task.doors(), {
    inbox: () => ({ result: anAccepted({ job_id: 'job-1' }) }),
  })
  const hai = startHai(['ask', 'x', '-v'], { env })
  await until(() => task.listening > 0, 'a listener to the job')
  task.say(0, 'A scrub ')
  await hai.shows('A scrub ')
  task.say(8, 'reads all.')
  await hai.shows('A scrub reads all.')
  task.end('done', 'A scrub reads all.')
  expect(await hai.ended).toMatchObject({ exit: 0, stdout: 'A scrub reads all.\n' })
  expect(hai.io.stderr.text).toContain('attempt 1')
})
