import { describe, expect, it } from 'vitest'
import { type CannedWorld, cannedWorld } from './canned-world.ts'
import { runHai } from './run-hai.ts'
import { anAccepted, aTodo, doorsOfTask } from './samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => ({
    ...doorsOfTask('done', { output: 'the answer' }),
    inbox: () => ({ result: anAccepted() }),
    'todo/add': ({ body }) => ({ result: aTodo({ body: String(body) }) }),
    'todo/list': () => ({ result: { todos: [], total: 0 } }),
  }),
)

const hai = (...argv: string[]) => runHai(argv, { env })
const asked = () => server.callsOf('inbox').map(({ args }) => (args.body as { content: string }).content)
const added = () => server.callsOf('todo/add').map(({ args }) => args.body)

describe('hai "text"', () => {
  it.each<[string[], string]>([
    [['what is open?'], 'what is open?'],
    [['what is open?', '-q'], 'what is open?'],
    [['  two\nlines '], 'two\nlines'],
    [['logs of k3s, please'], 'logs of k3s, please'],
    [['status of the backup?'], 'status of the backup?'],
    [['todo list of the day?'], 'todo list of the day?'],
    [['task and todo differ how?'], 'task and todo differ how?'],
    [['tasks show nothing today, why?'], 'tasks show nothing today, why?'],
    [['status 404'], 'status 404'],
    [['undo the last commit of git'], 'undo the last commit of git'],
    [['cost of a UPS'], 'cost of a UPS'],
    [['hai, who are you?'], 'hai, who are you?'],
  ])('asks: %j', async (argv, content) => {
    expect(await hai(...argv)).toMatchObject({ exit: 0, stdout: 'the answer\n' })
    expect(asked()).toEqual([content])
  })

  it('takes what is piped in along', async () => {
    await runHai(['what broke?'], { env, stdin: 'PANIC on nas' })
    expect(server.callsOf('inbox')[0]?.args.body).toMatchObject({
      content: 'what broke?',
      context: [{ name: 'stdin', content: 'PANIC on nas' }],
    })
  })

  it.each([
    [['what'], "unknown command 'what'"],
    [[' what '], "unknown command ' what '"],
    [['what is', 'open?'], "unknown command 'what is'"],
    [['todo ls'], "'todo ls' is a command in quotes; nothing was asked"],
    [['todo add buy milk & eggs'], "without the quotes: hai todo add buy milk '&' eggs; to ask it: hai ask"],
    [['TODO LS'], 'without the quotes: hai todo ls; to ask it'],
    [['todo lst'], 'without the quotes: hai todo ls; to ask it'],
    [['tood ls'], 'without the quotes: hai todo ls; to ask it'],
    [['tood add buy milk'], 'without the quotes: hai todo add buy milk; to ask it'],
    [['tsk ls --all'], 'without the quotes: hai task ls --all; to ask it'],
    [['todo dnoe 3'], 'without the quotes: hai todo done 3; to ask it'],
    [['cost --days 3'], 'without the quotes: hai cost --days 3; to ask it'],
    [['undo 3'], 'without the quotes: hai undo 3; to ask it'],
    [['undo @'], 'without the quotes: hai undo @; to ask it'],
    [['hai down'], 'without the quotes: hai down; to ask it'],
    [['hai todo ls'], 'without the quotes: hai todo ls; to ask it'],
    [['model default ollama/x'], 'without the quotes: hai model default ollama/x; to ask it'],
  ])('asks nothing that is no one text, or a command: %j', async (argv, message) => {
    const ran = await hai(...argv)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain(message)
    expect(server.calls).toEqual([])
  })
})

describe('hai todo TEXT', () => {
  it.each<[string[], string]>([
    [['buy', 'milk', 'due', 'friday', '+shop'], 'buy milk due friday +shop'],
    [['buy milk due friday #shop'], 'buy milk due friday #shop'],
    [['check', 'the', 'oven'], 'check the oven'],
    [['close', 'the', 'window'], 'close the window'],
    [['do', 'the', 'laundry'], 'do the laundry'],
    [['update', 'nas'], 'update nas'],
    [['pay', '€20'], 'pay €20'],
    [['help', 'kim', 'move'], 'help kim move'],
    [['undo', 'the', 'bolts'], 'undo the bolts'],
    [['clone', '2', 'disks'], 'clone 2 disks'],
    [['3', 'bags', 'of', 'salt'], '3 bags of salt'],
  ])('adds: %j', async (words, body) => {
    expect((await hai('todo', ...words)).exit).toBe(0)
    expect(added()).toEqual([body])
  })

  it('takes the options of hai todo add, and the profile before it', async () => {
    await hai('--profile', 'local', 'todo', 'buy', 'milk', '--priority', 'high', '--tag', 'shop')
    expect(server.callsOf('todo/add')[0]?.args).toMatchObject({
      body: 'buy milk',
      priority: 'high',
      tags: ['shop'],
    })
  })

  it.each<[string[], string]>([
    [['doen', '7f3k2m'], 'did you mean done?'],
    [['lst', 'all'], 'did you mean ls?'],
    [['list', 'open'], 'did you mean ls?'],
    [['ad', 'buy', 'milk'], "did you mean add? to put it down as a todo: hai todo add 'ad buy milk'"],
    [['Done', '3'], 'did you mean done?'],
    [['shwo', '@'], 'did you mean show?'],
    [['reopne', 'it'], 'did you mean reopen?'],
    [['3', 'done'], 'did you mean done 3?'],
    [['@', 'drop'], 'did you mean drop @?'],
    [['7f3k2m', 'done'], 'did you mean done 7f3k2m?'],
    [['delete', '3'], 'did you mean drop?'],
    [['close', '@2'], 'did you mean done?'],
    [['finish', '7f3k2m'], 'did you mean done?'],
    [['help', 'add'], 'did you mean add --help?'],
    [['remov', '4'], 'did you mean drop?'],
    [['undo', '@'], 'did you mean hai undo @?'],
    [['ls all'], 'did you mean ls?'],
  ])('puts nothing down by a slip: %j', async (words, next) => {
    const ran = await hai('todo', ...words)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain('nothing was put down')
    expect(ran.stderr).toContain(next)
    expect(server.calls).toEqual([])
  })

  it.each<[string[], string]>([
    [['milk'], "to put it down as a todo: hai todo add 'milk'; see: hai todo --help"],
    [['lst'], 'did you mean ls? see: hai todo --help'],
    [['delete'], 'did you mean drop? see: hai todo --help'],
    [['undo'], 'to take back the last change: hai undo; see: hai todo --help'],
  ])('adds no single word: %j', async (words, next) => {
    const ran = await hai('todo', ...words)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain(next)
    expect(server.calls).toEqual([])
  })
})

describe('a word that is no command', () => {
  it.each<[string[], string]>([
    [['ls'], 'did you mean todo ls or task ls? see: hai --help'],
    [['lss'], 'did you mean todo ls or task ls?'],
    [['list'], 'did you mean todo ls or task ls?'],
    [['note', 'buy', 'milk'], 'did you mean todo add?'],
    [['add', 'milk'], 'did you mean todo add or task add?'],
    [['done', '3'], 'did you mean todo done?'],
    [['cancel', '@'], 'did you mean task cancel?'],
    [['todos'], 'did you mean todo?'],
    [['toodo', 'ls'], 'did you mean todo?'],
    [['enable', 'anthropic'], 'did you mean model enable?'],
    [['raise', '2'], 'see: hai --help'],
    [['task', 'stop', '@'], 'did you mean cancel? see: hai task --help'],
    [['task', 'rm', '@'], 'did you mean cancel?'],
    [['profile', 'delete', 'x'], 'did you mean rm?'],
    [['model', 'list'], 'did you mean ls?'],
    [
      ['who', 'broke', 'it'],
      "to ask it: hai ask 'who broke it'; to put it down: hai todo add 'who broke it';",
    ],
    [['what', 'is', 'open'], "to ask it: hai ask 'what is open'"],
  ])('is answered by what was meant: %j', async (argv, next) => {
    const ran = await hai(...argv)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain(`hai: unknown command`)
    expect(ran.stderr).toContain(next)
    expect(server.calls).toEqual([])
  })
})
