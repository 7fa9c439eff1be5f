import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Turn } from '../../../cli/answer/chat.ts'
import { type CannedServer, cannedServer, refusal } from '../canned-server.ts'
import { aHomeFolder, type FakeIo, runHai, until } from '../run-hai.ts'
import { anAccepted, aTask, doorsOfTask, TASK_ID } from '../samples.ts'

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>
let env: Record<string, string>

beforeEach(async () => {
  server = await cannedServer({
    ...doorsOfTask('done', {}),
    inbox: ({ body }, call) => {
      const { conversation_id = `c-${call}` } = body as { conversation_id?: string }
      return { result: anAccepted({ conversation_id }) }
    },
    'task/result': (_args, call) => ({ result: { id: TASK_ID, state: 'done', output: `answer ${call}` } }),
  })
  home = aHomeFolder()
  env = { ...home.env, ...server.env }
})

afterEach(async () => {
  await server.close()
  home.remove()
})

const asked = () =>
  server.callsOf('inbox').map(({ args }) => {
    const { content, conversation_id } = args.body as { content: string; conversation_id?: string }
    return { content, conversation_id }
  })

describe('hai chat in a pipe', () => {
  const chat = (stdin: string, ...argv: string[]) => runHai(['chat', ...argv], { env, stdin })

  it('answers line by line, in one conversation', async () => {
    const ran = await chat('first\n\nsecond\n')
    expect(ran).toMatchObject({ exit: 0, stdout: 'answer 1\nanswer 2\n' })
    expect(asked()).toEqual([
      { content: 'first', conversation_id: undefined },
      { content: 'second', conversation_id: 'c-1' },
    ])
  })

  it('goes on with the conversation that is named', async () => {
    await chat('first\nsecond\n', '#rack-move')
    expect(asked().map(({ conversation_id }) => conversation_id)).toEqual(['#rack-move', '#rack-move'])
  })

  it('begins another conversation with /new, and ends with /exit', async () => {
    await chat('first\n/new\nsecond\n/exit\nthird\n')
    expect(asked()).toEqual([
      { content: 'first', conversation_id: undefined },
      { content: 'second', conversation_id: undefined },
    ])
  })

  it('says that a command is none, and takes a path for text', async () => {
    const ran = await chat('/nwe\n/etc/fstab has which disks?\n')
    expect(ran.stderr).toContain('/nwe is no command here')
    expect(asked().map(({ content }) => content)).toEqual(['/etc/fstab has which disks?'])
  })

  it('goes on after an answer that failed, and ends with its status', async () => {
    server.doors['task/result'] = (_args, call) => ({
      result: { id: TASK_ID, state: call === 1 ? 'dead' : 'done', output: call === 1 ? undefined : 'ok' },
    })
    expect(await chat('first\nsecond\n')).toMatchObject({ exit: 6, stdout: 'ok\n' })
  })

  it('stops when nobody can answer at all', async () => {
    await server.close()
    const ran = await chat('first\nsecond\n')
    expect(ran.exit).toBe(5)
    expect(ran.stderr.match(/cannot reach/g)).toHaveLength(1)
  })
})

it.each([
  [['one \\', 'two'], 'one \ntwo'],
  [['look:', '```', 'a', '', 'b', '```'], '```\na\n\nb\n```'],
  [['a backslash \\\\'], 'a backslash \\\\'],
])('takes %j for one message', (lines, expected) => {
  const turn = new Turn()
  const messages = lines.map((line) => turn.add(line)).filter((message) => message !== undefined)
  expect(messages.at(-1)).toBe(expected)
})

describe('hai chat at a terminal', () => {
  let io: FakeIo
  let ended: Promise<{ exit: number }>

  beforeEach(() => {
    ended = runHai(['chat'], {
      env,
      columns: 80,
      attended: true,
      onIo: (given) => {
        io = given
      },
    })
  })

  const type = (text: string) => (io.stdin as PassThrough).write(text)
  const prompted = (times: number) =>
    until(() => io.stderr.text.split('› ').length > times, `prompt ${times}`)
  const shows = (text: string) => until(() => io.stdout.text.includes(text), text)

  it('prompts, answers, and keeps what was typed for the next chat', async () => {
    await prompted(1)
    type('first\r')
    await shows('answer 1')
    type('second \\\r')
    await until(() => io.stderr.text.includes('… '), 'the prompt for more')
    type('and more\r')
    await shows('answer 2')
    type('/exit\r')
    expect((await ended).exit).toBe(0)
    expect(asked()[1]).toEqual({ content: 'second \nand more', conversation_id: 'c-1' })
    const file = join(home.path, '.local/state/hai/chat-history')
    expect(readFileSync(file, 'utf8')).toBe('/exit\nand more\nsecond \\\nfirst\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('takes pasted lines for one message', async () => {
    await prompted(1)
    type('first\rline\rlast\r')
    await shows('answer 1')
    type('\u0004')
    await ended
    expect(asked().map(({ content }) => content)).toEqual(['first\nline\nlast'])
  })

  it('says once that a conversation is new', async () => {
    await prompted(1)
    type('/exit\r')
    await ended
    server.doors.inbox = () => ({
      result: anAccepted({ conversation_id: '#rack', begins_conversation: true }),
    })
    server.doors['task/list'] = () => ({ result: { tasks: [], total: 0, next_cursor: null } })
    ended = runHai(['chat', '#rack'], {
      env,
      columns: 80,
      attended: true,
      onIo: (given) => {
        io = given
      },
    })
    await prompted(1)
    type('first\r')
    await shows('answer 1')
    type('/exit\r')
    await ended
    expect(io.stderr.text.split('#rack is new').length).toBe(2)
  })

  it('drops at Ctrl-C what was typed, and ends at Ctrl-D', async () => {
    await prompted(1)
    type('not this')
    type('\u0003')
    await until(() => io.stderr.text.endsWith('› \u001b[3G'), 'an empty prompt')
    type('but this\r')
    await shows('answer 1')
    type('\u0004')
    expect((await ended).exit).toBe(0)
    expect(asked().map(({ content }) => content)).toEqual(['but this'])
  })

  describe('at Ctrl-C while an answer is written', () => {
    const states = ['running', 'done']
    const interrupt = async () => {
      server.doors['task/events'] = () => ({ result: { events: [], state: states[0], last_seq: 0 } })
      await prompted(1)
      type('slow\r')
      await until(() => io.interrupt(), 'the wait')
    }
    const goesOn = async (answer: string) => {
      states.shift()
      type('next\r')
      await shows(answer)
      type('/exit\r')
      expect((await ended).exit).toBe(0)
      expect(asked().map(({ conversation_id }) => conversation_id)).toEqual([undefined, 'c-1'])
    }

    beforeEach(() => states.splice(0, states.length, 'running', 'done'))

    it('stops the answer and goes on with the chat', async () => {
      server.doors['task/cancel'] = () => ({ result: aTask({ state: 'cancelled' }) })
      await interrupt()
      await until(() => io.stderr.text.includes('task AB7F3K was stopped'), 'the note')
      expect(server.callsOf('task/cancel').map(({ args }) => args)).toEqual([
        { id: TASK_ID, reason: 'interrupted in the chat' },
      ])
      await goesOn('answer 1')
    })

    it('tells where the answer is that was done at the same moment', async () => {
      server.doors['task/cancel'] = () => refusal(409, 'conflict', 'task AB7F3K is done')
      await interrupt()
      await until(() => io.stderr.text.includes('hai task result AB7F3K'), 'the note')
      await goesOn('answer 1')
    })
  })
})

describe('--in', () => {
  it('goes on with the conversation of a recent task by @', async () => {
    await runHai(['ask', 'x'], { env })
    await runHai(['ask', 'y', '--in', '@'], { env })
    expect(asked()[1]?.conversation_id).toBe('c-1')
  })

  it('refuses what is no name, and sends nothing', async () => {
    const ran = await runHai(['ask', 'x', '--in', '#rack move'], { env })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('"#rack move" is no conversation')
    expect(asked()).toEqual([])
  })
})
