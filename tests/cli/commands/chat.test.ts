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

  it('goes on where nothing was changed, and ends so', async () => {
    server.doors['task/result'] = (_args, call) => ({
      result: { id: TASK_ID, state: 'done', output: 'ok', ...(call === 1 ? { refused: 'conflict' } : {}) },
    })
    expect(await chat('first\nsecond\n')).toMatchObject({ exit: 9, stdout: 'ok\nok\n' })
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
    expect(readFileSync(file, 'utf8')).toBe('/exit\nsecond ⏎and more\nfirst\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  const pasted = (text: string) => `\u001b[200~${text.replaceAll('\n', '\r')}\u001b[201~`
  const LOG = Array.from({ length: 400 }, (_, n) => `PASTE ${n + 1} nas kernel: ada1 sector`).join('\n')
  /** What is sent is known once what was typed behind it is answered. */
  const sent = async () => {
    type('\u0004')
    expect((await ended).exit).toBe(0)
    return asked().map(({ content }) => content)
  }

  it.each([
    [
      'a text with blank lines',
      [pasted('AAA first\n\n  indented: yaml\n\nlast')],
      'AAA first\n\n  indented: yaml\n\nlast',
    ],
    ['lines that end with a break', [pasted('one\ntwo\n')], 'one\ntwo'],
    ['a text between two words', ['why: ', pasted('a\nb'), ' or not'], 'why: a\nb or not'],
    ['a long one, and what is typed behind it', [pasted(LOG), 'what broke?'], `${LOG}\nwhat broke?`],
    ['two long ones', [pasted(LOG), pasted(`${LOG}\n!`)], `${LOG}\n${LOG}\n!`],
    ['one whose marks are torn', ['\u001b[20', '0~a\rb\u001b', '[201~'], 'a\nb'],
    ['one that redraws the screen', [pasted('\u001b[2Ja\nb')], '\u001b[2Ja\nb'],
    ['one of a terminal that marks none', ['x', 'first\rline\rlast\r'], 'xfirst\nline\nlast'],
    ['a fence that is open', [pasted('```\na')], '```\na'],
  ])(
    'takes for one message what is pasted, and sends nothing before Enter: %s',
    async (_, parts, message) => {
      await prompted(1)
      for (const part of parts) type(part)
      // shown by now, had it been sent
      await until(() => /⏎|pasted \d/.test(io.stderr.text), 'the text')
      expect(asked()).toEqual([])
      type('\r')
      await shows('answer 1')
      expect(await sent()).toEqual([message])
    },
  )

  it('sends nothing of what was pasted when it is not wanted', async () => {
    await prompted(1)
    type(pasted('one\ntwo\n'))
    await until(() => io.stderr.text.includes('⏎'), 'the text')
    type('\u0003')
    await until(() => io.stderr.text.endsWith('› \u001b[3G'), 'an empty prompt')
    expect(await sent()).toEqual([])
  })

  it.each([
    ['of many lines', 'one\ntwo\n  three'],
    ['that is long', LOG],
  ])('brings back with the arrow all of a message %s, in this chat and in the next', async (_, text) => {
    await prompted(1)
    type(pasted(text))
    type('\r')
    await shows('answer 1')
    type('\u001b[A')
    type('\r')
    await shows('answer 2')
    expect(await sent()).toEqual([text, text])
    ended = runHai(['chat'], {
      env,
      columns: 80,
      attended: true,
      onIo: (given) => {
        io = given
      },
    })
    await prompted(1)
    type('\u001b[A')
    type('\r')
    await shows('answer 3')
    expect(await sent()).toEqual([text, text, text])
  })

  it('takes out as one what is shown by its size, and refuses it changed', async () => {
    await prompted(1)
    type(pasted(LOG))
    type('\u007f')
    type('nothing\r')
    await shows('answer 1')
    type(pasted(LOG))
    type('\u001b[D')
    type('!')
    type('\r')
    await until(() => io.stderr.text.includes('mend it, or take it out'), 'the remark')
    type('\u001b[D')
    type('\u007f')
    type('\r')
    await shows('answer 2')
    expect(await sent()).toEqual(['nothing', LOG])
  })

  it('takes lines that were typed ahead one after the other', async () => {
    await prompted(1)
    type('first\nsecond\n')
    await shows('answer 2')
    expect(await sent()).toEqual(['first', 'second'])
  })

  it('refuses what is too long for a question, and keeps it', async () => {
    await prompted(1)
    type(pasted(`${LOG}\n`.repeat(20)))
    type('\r')
    await until(() => io.stderr.text.includes('at most 256 KiB; nothing was sent'), 'the refusal')
    type('\u001b[A')
    await until(() => io.stderr.text.split(': 8000 lines, ').length > 2, 'the text')
    expect(asked()).toEqual([])
    type('\u0003')
    expect(await sent()).toEqual([])
  })

  it('has the terminal mark what is pasted, as long as it runs', async () => {
    await prompted(1)
    expect(io.stderr.text).toContain('\u001b[?2004h')
    expect(io.stderr.text).not.toContain('\u001b[?2004l')
    await sent()
    expect(io.stderr.text).toContain('\u001b[?2004l')
  })

  it.each([
    ['c-1', 'to go on: hai chat c-1'],
    ['#rack-move', "to go on: hai chat '#rack-move'"],
  ])('says when it is left how to come back: %s', async (conversation_id, said) => {
    server.doors.inbox = () => ({ result: anAccepted({ conversation_id }) })
    await prompted(1)
    type('first\r')
    await shows('answer 1')
    await sent()
    expect(io.stderr.text).toContain(`${said}\n`)
  })

  it('says nothing of coming back where nothing was said', async () => {
    await prompted(1)
    await sent()
    expect(io.stderr.text).not.toContain('to go on')
  })

  it.each([
    [
      { state: 'done' as const, output: 'Use the left PDU.\n\n- then the right' },
      ['Use the left PDU.', '• then the right'],
    ],
    [
      { state: 'done' as const, output: Array.from({ length: 30 }, (_, n) => `line ${n}\n`).join('\n') },
      ['… 51 lines before this: hai task result AB7F3K', 'line 29'],
    ],
    [{ state: 'running' as const }, ['its answer is still to come: hai task tail AB7F3K']],
    [{ state: 'dead' as const }, ['no answer came, it is dead: hai task show AB7F3K']],
  ])('shows where the conversation stopped when it is opened: %j', async (result, lines) => {
    await prompted(1)
    await sent()
    const last = aTask({ state: result.state, conversation_id: '#rack', excerpt: 'which PDU?' })
    server.doors['task/list'] = () => ({ result: { tasks: [last], total: 3 } })
    server.doors['task/result'] = () => ({ result: { id: TASK_ID, ...result } })
    ended = runHai(['chat', '#rack'], {
      env,
      columns: 80,
      attended: true,
      onIo: (given) => {
        io = given
      },
    })
    await prompted(2)
    expect(io.stderr.text).toMatch(/#rack: 3 turns, the last .*\n› which PDU\?\n/)
    for (const line of lines) expect(io.stderr.text).toContain(`${line}\n`)
    expect(io.stderr.text).not.toContain('line 2\n')
    await sent()
    expect(io.stdout.text).toBe('')
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
      // before that it is still being handed over
      await until(() => server.callsOf('task/events').length > 0, 'the wait')
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
