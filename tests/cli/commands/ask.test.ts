import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ModelList } from '../../../f/hai/core/model/shape.ts'
import type { State } from '../../../f/hai/core/task/shape.ts'
import { type Door, refusal } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { type FakeIo, runHai, until } from '../run-hai.ts'
import { anAccepted, anEvent, aView, doorsOfTask, TASK_ID } from '../samples.ts'

let server: CannedWorld['server']
let home: CannedWorld['home']
let env: CannedWorld['env']
cannedWorld((world) => {
  ;({ server, home, env } = world)
})

const serve = (doors: Record<string, Door>) => Object.assign(server.doors, doors)

describe('hai ask', () => {
  it('prints the answer on stdout and with --verbose the steps on stderr', async () => {
    serve(
      doorsOfTask('done', { output: 'nothing is open' }, [
        anEvent(1, 'accepted'),
        anEvent(2, 'understood: list'),
      ]),
    )
    const ran = await runHai(['ask', 'what', 'is', 'open?', '-v'], { env })
    expect(ran).toMatchObject({ exit: 0, stdout: 'nothing is open\n' })
    expect(ran.stderr.split('\n').slice(1)).toEqual(['accepted', 'understood: list', ''])
    expect(server.callsOf('inbox')[0]?.args).toEqual({
      body: {
        content: 'what is open?',
        source: 'cli',
        idempotency_key: expect.stringMatching(/^[0-9a-z-]{20,}$/),
      },
    })
  })

  it('says nothing but the answer with --quiet', async () => {
    serve(doorsOfTask('done', { output: 'nothing is open' }, [anEvent(1, 'accepted')]))
    const ran = await runHai(['ask', 'what is open?', '--quiet'], { env })
    expect(ran.stdout).toBe('nothing is open\n')
    expect(ran.stderr).not.toContain('accepted')
  })

  it.each<[State, number]>([
    ['done', 0],
    ['dead', 6],
    ['cancelled', 7],
    ['expired', 7],
    ['rejected', 7],
    ['awaiting_approval', 8],
  ])('ends with the status of a task that is %s: %i', async (state, exit) => {
    serve(doorsOfTask(state, {}))
    expect((await runHai(['ask', 'x'], { env })).exit).toBe(exit)
  })

  it.each([
    ['not_found', 3],
    ['conflict', 9],
  ] as const)('ends as a door would where nothing was changed, which is %s: %i', async (refused, exit) => {
    const output = 'no open todo says “mum”; nothing was changed'
    serve(doorsOfTask('done', { output, refused }))
    const ran = await runHai(['ask', 'done: mum'], { env })
    expect(ran).toMatchObject({ exit, stdout: `${output}\n` })
    expect(ran.stderr).not.toContain('hai:')
    const told = await runHai(['ask', '--json', 'done: mum'], { env })
    expect([told.exit, JSON.parse(told.stdout)]).toMatchObject([exit, { state: 'done', output, refused }])
    expect((await runHai(['task', 'result', TASK_ID], { env })).exit).toBe(exit)
  })

  it('ends with 10 where a task died of its cost, as every other refusal for it does', async () => {
    serve(doorsOfTask('dead', { error: { code: 'budget', message: 'cloud/x has no price' } }))
    expect((await runHai(['ask', 'x'], { env })).exit).toBe(10)
  })

  it('says that the task is accepted where the token may not read its answer', async () => {
    const door = 'jobs:run:scripts:f/hai/task/events'
    serve({
      ...doorsOfTask('pending', {}),
      'task/events': () => refusal(403, 'forbidden', `Required scope: ${door}`),
      'task/show': () => refusal(403, 'forbidden', `Required scope: ${door}`),
    })
    const ran = await runHai(['ask', 'what is open?'], { env })
    expect(ran.exit).toBe(4)
    expect(ran.stderr).toContain(`task ${TASK_ID.slice(-6)} is accepted and goes on`)
    expect(ran.stderr).toContain('→ with such a token: hai ask --no-wait TEXT')
    expect(server.callsOf('inbox')).toHaveLength(1)
  })

  it('says why a task is dead, and the next step', async () => {
    const error = {
      code: 'no_route',
      message: 'no model is configured',
      next_step: 'hai model enable ollama',
    }
    serve(doorsOfTask('dead', { error }))
    const ran = await runHai(['ask', 'why?'], { env })
    expect(ran).toMatchObject({ exit: 6, stdout: '' })
    expect(ran.stderr).toContain('hai: no model is configured\n→ hai model enable ollama\n')
  })

  it("prints exactly the webhook's result with --json", async () => {
    serve(doorsOfTask('done', { output: 'yes', result: { n: 1 } }))
    const ran = await runHai(['ask', 'x', '--json'], { env })
    expect(ran.stdout).toBe(
      `${JSON.stringify({ id: TASK_ID, state: 'done', output: 'yes', result: { n: 1 } }, null, 2)}\n`,
    )
  })

  it("prints the task's id with --no-wait, and asks for no event", async () => {
    serve(doorsOfTask('done', {}))
    const ran = await runHai(['ask', 'x', '--no-wait'], { env })
    expect(ran).toMatchObject({ exit: 0, stdout: `${TASK_ID}\n` })
    expect(server.callsOf('task/events')).toEqual([])
  })

  it.each<[string, Partial<ModelList>, State, string | undefined]>([
    [
      'its server is known to be away',
      { problems: ['ollama has been unreachable for 4 min; start Ollama'] },
      'pending',
      '! ollama has been unreachable for 4 min; start Ollama',
    ],
    ['there is no model', { default: null, models: [] }, 'pending', '! no model is there to answer it'],
    [
      'the default can’t be used',
      { unusable: true, reason: 'the default is gone/x, but there is no backend gone' },
      'running',
      '! nothing can answer it now: the default is gone/x',
    ],
    ['another server is away', { problems: ['vllm was unreachable'] }, 'pending', undefined],
    ['hai answers it itself', { default: null, models: [] }, 'done', undefined],
  ])(
    'says with task add and --no-wait what keeps a task from being answered: %s',
    async (_, found, state, word) => {
      const row = { backend: 'ollama', model: 'x', enabled: true } as ModelList['models'][number]
      const list: ModelList = { default: 'ollama/x', models: [row], offers: [], ...found }
      serve({ ...doorsOfTask(state, {}), 'model/list': () => ({ result: list }) })
      for (const argv of [
        ['task', 'add', 'x'],
        ['ask', '-q', '--no-wait', 'x'],
      ]) {
        const ran = await runHai(argv, { env })
        expect(ran).toMatchObject({ exit: 0, stdout: `${TASK_ID}\n` })
        if (word) expect(ran.stderr).toContain(word)
        else expect(ran.stderr).not.toContain('!')
      }
    },
  )

  it('is done with --no-wait where the token may not see the models', async () => {
    serve({
      ...doorsOfTask('pending', {}),
      'model/list': () => refusal(403, 'forbidden', 'Required scope: x'),
    })
    const ran = await runHai(['ask', 'x', '--no-wait'], { env })
    expect(ran).toMatchObject({ exit: 0, stdout: `${TASK_ID}\n` })
    expect(ran.stderr).not.toContain('scope')
  })

  it('gives up after --timeout, says that the task goes on, and leaves it running', async () => {
    serve(doorsOfTask('running', {}))
    const ran = await runHai(['ask', 'x', '--timeout', '0.2'], { env })
    expect(ran).toMatchObject({ exit: 124, stdout: '' })
    expect(ran.stderr).toContain('task AB7F3K goes on\n→ to pick it up: hai task tail AB7F3K')
    expect(server.callsOf('task/cancel')).toEqual([])
  })

  it('ends at Ctrl-C with 130 and says how to pick the task up', async () => {
    serve(doorsOfTask('running', {}, [anEvent(1, 'started')]))
    let io: FakeIo | undefined
    const running = runHai(['ask', 'x'], {
      env,
      onIo: (given) => {
        io = given
      },
    })
    await until(() => io?.stderr.text.includes('started') ?? false, 'the first step')
    io?.interrupt()
    const ran = await running
    expect(ran.exit).toBe(130)
    expect(ran.stderr).toContain('hai task tail AB7F3K; to end it: hai task cancel AB7F3K')
  })

  it('says at Ctrl-C while it is handed over that it may have been accepted', async () => {
    serve({ inbox: () => ({ stream: () => {} }) })
    let io: FakeIo | undefined
    const running = runHai(['ask', 'x'], {
      env,
      onIo: (given) => {
        io = given
      },
    })
    await until(() => server.callsOf('inbox').length > 0, 'the call')
    io?.interrupt()
    const ran = await running
    expect(ran.exit).toBe(130)
    expect(ran.stderr).toContain('whether it was accepted is not known\n→ hai task ls')
  })

  it('shows each event once and in order although connections break', async () => {
    const all = [1, 2, 3, 4].map((seq) => anEvent(seq, `step ${seq}`))
    serve({
      ...doorsOfTask('done', { output: 'ok' }),
      'task/events': ({ after }, call) => {
        if (call % 2 === 0) return 'hang up'
        const events = all.filter(({ seq }) => seq > Number(after)).slice(0, 2)
        // The server repeats what was seen already, as one that lost the cursor would.
        const seen = all.filter(({ seq }) => seq <= Number(after))
        return {
          result: {
            events: [...seen, ...events],
            state: events.length > 0 ? 'running' : 'done',
            last_seq: 4,
          },
        }
      },
    })
    const ran = await runHai(['ask', 'x', '-v'], { env })
    expect(ran.stderr.match(/step \d/g)).toEqual(['step 1', 'step 2', 'step 3', 'step 4'])
    expect(ran.stdout).toBe('ok\n')
  })

  it('says what a quiet task waits for, once', async () => {
    const waiting_on = {
      code: 'lane_full' as const,
      since: '2026-11-22T09:00:00Z',
      text: 'lane full, position 2 of 3',
    }
    serve({
      ...doorsOfTask('pending', {}),
      'task/show': () => ({ result: aView({ state: 'pending', waiting_on }) }),
    })
    const ran = await runHai(['ask', 'x', '--timeout', '5'], { env })
    expect(ran.stderr.match(/lane full, position 2 of 3/g)).toHaveLength(1)
  })
})

describe('what goes along with a question', () => {
  const sent = () => (server.callsOf('inbox')[0]?.args.body as { content: string; context?: object[] }) ?? {}

  beforeEach(() => serve(doorsOfTask('done', { output: 'ok' })))

  it('attaches piped text and files, and leaves the question alone', async () => {
    writeFileSync(join(home.path, 'notes.md'), 'see rack 2\n')
    await runHai(['ask', 'what broke?', '-f', 'notes.md'], { env, stdin: 'k3s failed\n' })
    expect(sent()).toMatchObject({
      content: 'what broke?',
      context: [
        { name: 'notes.md', content: 'see rack 2\n' },
        { name: 'stdin', content: 'k3s failed\n' },
      ],
    })
  })

  it('attaches nothing when stdin is empty', async () => {
    await runHai(['ask', 'x'], { env, stdin: '' })
    expect(sent()).not.toHaveProperty('context')
  })

  it('leaves stdin alone with -n', async () => {
    await runHai(['ask', '-n', 'x'], { env, stdin: 'the next lines of a loop' })
    expect(sent()).not.toHaveProperty('context')
    for (const words of [['-'], ['x', '-f', '-']]) {
      const ran = await runHai(['ask', '-n', ...words], { env, stdin: 'x' })
      expect(ran).toMatchObject({ exit: 2, stderr: expect.stringContaining('-n leaves') })
    }
  })

  it('reads the question from stdin when the text is -', async () => {
    await runHai(['ask', '-'], { env, stdin: 'what is open?\n' })
    expect(sent()).toMatchObject({ content: 'what is open?' })
    expect(sent()).not.toHaveProperty('context')
  })

  it.each([
    ['more than 4 MiB', 'x'.repeat(4 * 1024 * 1024 + 1), /stdin is 4\.01 MiB; at most 4 MiB/],
    ['what is not text', 'a\0b', /stdin is not UTF-8 text/],
  ])('refuses %s and sends nothing', async (_what, stdin, message) => {
    const ran = await runHai(['ask', 'x'], { env, stdin })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toMatch(message)
    expect(server.calls).toEqual([])
  })

  it('counts files and stdin together', async () => {
    writeFileSync(join(home.path, 'a.log'), 'a'.repeat(3 * 1024 * 1024))
    const ran = await runHai(['ask', 'x', '-f', 'a.log'], { env, stdin: 'b'.repeat(2 * 1024 * 1024) })
    expect(ran).toMatchObject({ exit: 2 })
    expect(ran.stderr).toContain('the attached text is 5 MiB')
  })

  it('names a file that is not there', async () => {
    const ran = await runHai(['ask', 'x', '-f', 'nope.log'], { env })
    expect(ran).toMatchObject({ exit: 2 })
    expect(ran.stderr).toContain('cannot attach nope.log: there is no such file')
  })

  it('passes conversation, agent, priority and ttl on', async () => {
    const words = ['--in', 'c-9', '--agent', 'coder', '--priority', 'high', '--ttl', '2h']
    await runHai(['ask', 'x', ...words], { env })
    const fields = { conversation_id: 'c-9', target_agent: 'coder', priority: 'high', ttl_seconds: 7200 }
    expect(sent()).toMatchObject(fields)
  })
})

describe('hai reply', () => {
  it('goes on with the conversation of the last task', async () => {
    serve(doorsOfTask('done', { output: 'ok' }))
    serve({
      inbox: (_args, call) => ({ result: anAccepted({ conversation_id: call === 1 ? 'c-1' : 'c-2' }) }),
    })
    await runHai(['ask', 'x'], { env })
    await runHai(['reply', 'and then?'], { env })
    expect(server.callsOf('inbox')[1]?.args.body).toMatchObject({
      content: 'and then?',
      conversation_id: 'c-1',
    })
  })

  it('says so when there is nothing to reply to', async () => {
    const ran = await runHai(['reply', 'x'], { env })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('no task was touched from here yet')
  })
})

describe('trying again', () => {
  it('repeats a broken connection with the same idempotency key', async () => {
    serve(doorsOfTask('done', { output: 'ok' }))
    serve({
      inbox: (_args, call) => (call < 3 ? 'hang up' : { result: anAccepted({ status: 'duplicate' }) }),
    })
    const ran = await runHai(['ask', 'x'], { env })
    expect(ran).toMatchObject({ exit: 0, stdout: 'ok\n' })
    const keys = server
      .callsOf('inbox')
      .map(({ args }) => (args.body as { idempotency_key: string }).idempotency_key)
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
  })

  it('repeats what a proxy answered for a server that was away', async () => {
    serve(doorsOfTask('done', { output: 'ok' }))
    serve({
      inbox: (_a, call) => (call < 2 ? { status: 502, body: 'Bad Gateway' } : { result: anAccepted() }),
    })
    expect(await runHai(['ask', 'x'], { env })).toMatchObject({ exit: 0 })
  })

  it('asks a busy server three times more, when it says, and then ends with 5', async () => {
    serve({
      inbox: () => refusal(503, 'unavailable', 'too many pending from cli', { retry_after_seconds: 0.01 }),
    })
    const ran = await runHai(['ask', 'x'], { env })
    expect(ran).toMatchObject({ exit: 5 })
    expect(ran.stderr).toContain('hai: too many pending from cli')
    expect(server.callsOf('inbox')).toHaveLength(4)
  })

  it('does not sit out a long wait', async () => {
    serve({ inbox: () => refusal(503, 'unavailable', 'come back later', { retry_after_seconds: 3600 }) })
    expect(await runHai(['ask', 'x'], { env })).toMatchObject({ exit: 5 })
    expect(server.callsOf('inbox')).toHaveLength(1)
  })

  it('ends with 5 when nobody listens', async () => {
    await server.close()
    const ran = await runHai(['ask', 'x'], { env })
    expect(ran.exit).toBe(5)
    expect(ran.stderr).toContain(`cannot reach ${server.endpoint}`)
  })

  it('never repeats a retry that may have arrived', async () => {
    serve({ 'task/retry': () => 'hang up' })
    const ran = await runHai(['task', 'retry', TASK_ID], { env })
    expect(ran.exit).toBe(5)
    expect(ran.stderr).toContain('whether it was done is not known')
    expect(server.callsOf('task/retry')).toHaveLength(1)
  })
})
