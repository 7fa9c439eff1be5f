import { describe, expect, it } from 'vitest'
import { refusal } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { doorsOfTask } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => doorsOfTask('done', { output: 'ok' }),
)

const hai = (...argv: string[]) => runHai(argv, { env })
const sent = () => server.callsOf('inbox').at(-1)?.args.body as Record<string, unknown> | undefined

describe('--if-busy', () => {
  it('is passed on with a question and with a reply', async () => {
    await hai('ask', 'x', '--in', '#rack-move', '--if-busy', 'reject')
    expect(sent()).toMatchObject({ conversation_id: '#rack-move', if_busy: 'reject' })
    await hai('reply', 'y', '--if-busy', 'interrupt')
    expect(sent()).toMatchObject({ conversation_id: 'conversation-1', if_busy: 'interrupt' })
  })

  it('says, when it was refused, by which task and what to do, and ends with 9', async () => {
    const message = 'conversation #rack-move is busy: task AB7F3K is running, and nothing was stored'
    const next_step = 'hai task tail AB7F3K'
    server.doors.inbox = () => refusal(409, 'conflict', message, { next_step })
    const ran = await hai('ask', 'x', '--in', '#rack-move', '--if-busy', 'reject')
    expect(ran).toMatchObject({ exit: 9, stdout: '' })
    expect(ran.stderr).toContain(`hai: ${message}\n→ ${next_step}\n`)
  })

  it('refuses what it does not know, and sends nothing', async () => {
    const ran = await hai('ask', 'x', '--if-busy', 'wait')
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('queue, reject, interrupt')
    expect(server.calls).toEqual([])
  })
})

describe('--no-builtin', () => {
  it('asks for the one who answers with a model', async () => {
    await hai('ask', '--no-builtin', 'what is open?')
    expect(sent()).toMatchObject({ content: 'what is open?', target_agent: 'general' })
    await hai('reply', 'and now?')
    expect(sent()).not.toHaveProperty('target_agent')
  })

  it('is another thing than a model, which is named', async () => {
    await hai('ask', '--model', 'llama3.1:8b', 'what is open?')
    expect(sent()).toMatchObject({ content: 'what is open?', model: 'llama3.1:8b' })
    expect(sent()).not.toHaveProperty('target_agent')
    await hai('what is open?', '--model', 'ollama/x')
    expect(sent()).toMatchObject({ content: 'what is open?', model: 'ollama/x' })
    await hai('task', 'add', 'x', '--model', 'cloud', '--no-builtin')
    expect(sent()).toMatchObject({ model: 'cloud', target_agent: 'general' })
  })

  it.each([
    [['ask', '--model', 'what is open?'], 'Expected the name of a model'],
    [['ask', '--model', 'why'], "missing required argument 'text'"],
    [['chat', '--model', 'a b'], 'Expected the name of a model'],
  ])('takes no text for the name of a model: %j', async (argv, message) => {
    const ran = await hai(...argv)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain(message)
    expect(server.calls).toEqual([])
  })

  it('does not go with --agent', async () => {
    const ran = await hai('ask', '--no-builtin', '--agent', 'coder', 'x')
    expect(ran.exit).toBe(2)
    expect(server.calls).toEqual([])
  })
})

it('ends with 4 in somebody else’s conversation', async () => {
  server.doors.inbox = () => refusal(403, 'forbidden', "conversation #x is somebody else's")
  expect(await hai('ask', 'x', '--in', '#x')).toMatchObject({ exit: 4, stdout: '' })
})
