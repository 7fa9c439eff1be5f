import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { createProgram } from '../../cli/program.ts'
import { Session } from '../../cli/session.ts'
import { aHomeFolder, FakeIo, runHai } from './run-hai.ts'

const { env, remove } = aHomeFolder()
remove()

function paths(command: Command, above: string[] = []): string[][] {
  return command.commands.flatMap((child) => {
    const path = [...above, child.name()]
    return [path, ...paths(child, path)]
  })
}

const COMMANDS = paths(createProgram(new Session(new FakeIo({ env }))))

it('has the commands that are listed here, and no other', () => {
  const under = (noun: string, ...verbs: string[]) => [noun, ...verbs.map((verb) => `${noun} ${verb}`)]
  const expected = [
    ...['ask', 'reply', 'home', 'up', 'down', 'status', 'logs', 'doctor', 'completion', 'serve'],
    ...under('undo'),
    ...under('chat', 'ls'),
    ...under('task', 'add', 'ls', 'show', 'result', 'tail', 'logs', 'cancel', 'retry', 'ack', 'rate'),
    ...under('todo', 'add', 'ls', 'next', 'show', 'edit', 'done', 'drop', 'reopen', 'skip', 'stop', 'run'),
    ...under('cost', 'task', 'cap', 'cap raise', 'import'),
    ...under('model', 'ls', 'test', 'add', 'enable', 'disable', 'default'),
    ...under('config', 'show'),
    ...under('profile', 'ls', 'use', 'add', 'rm'),
    ...under('auth', 'set-token', 'show', 'logout', 'token', 'token add', 'token ls', 'token revoke'),
    ...under('member', 'add', 'ls', 'rm'),
    ...under('worker', 'run'),
    ...under('gitops', 'init', 'authelia-client', 'status'),
  ]
  expect(COMMANDS.map((path) => path.join(' ')).toSorted()).toEqual(expected.toSorted())
})

it.each(COMMANDS.map((words) => [words.join(' '), words]))(
  'shows an example in the help of hai %s',
  async (_, words) => {
    const ran = await runHai([...words, '--help'], { env })
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(ran.stdout).toMatch(new RegExp(`^Usage: hai ${words.join(' ')}`))
    expect(ran.stdout).toMatch(/Examples?:\n {2}\$ /)
  },
)

it('shows only commands and options that exist in its examples', async () => {
  for (const path of COMMANDS) {
    const { stdout } = await runHai([...path, '--help'], { env })
    for (const [, words = ''] of stdout.matchAll(/^ {2}\$ .*?\bhai ([^|>)"\n]+)/gm)) {
      const line = `${words.trim()} `
      const named = COMMANDS.filter((one) => line.startsWith(`${one.join(' ')} `))
      const command = named.toSorted((a, b) => b.length - a.length)[0] ?? [line.split(' ')[0]!]
      const help = (await runHai([...command, '--help'], { env })).stdout
      expect(help, `hai ${words}`).toMatch(new RegExp(`^Usage: hai ${command.join(' ')}`))
      for (const [option] of words.matchAll(/--[a-z-]+/g)) expect(help, `hai ${words}`).toContain(option)
    }
  }
})

it.each([
  [['tod', '--help'], "unknown command 'tod'", 'did you mean todo?'],
  [['help', 'nope'], "unknown command 'nope'", 'see: hai --help'],
  [['task', 'nope', '-h'], "unknown command 'nope'", 'see: hai task --help'],
  [['help', 'todo', 'lst'], "unknown command 'lst'", 'did you mean ls?'],
  [['--profile', 'nas', 'help', 'nope'], "unknown command 'nope'", 'see: hai --help'],
  [['cost', 'cap', 'rais', '--help'], "unknown command 'rais'", 'did you mean raise?'],
])('says of the help of a command that is not there that it is not: %j', async (words, message, next) => {
  const ran = await runHai(words, { env })
  expect(ran).toMatchObject({ exit: 2, stdout: '' })
  expect(ran.stderr).toMatch(`hai: ${message}`)
  expect(ran.stderr).toContain(next)
})

it.each([
  [['help', 'todo', 'add'], 'hai todo add'],
  [['help', 'cost'], 'hai cost'],
  [['cost', '--days', '30', '--help'], 'hai cost'],
  [['task', 'ls', '--text', 'nope', '-h'], 'hai task ls'],
  [['help'], 'hai'],
])('shows the help that %j asks for', async (words, path) => {
  const ran = await runHai(words, { env })
  expect(ran).toMatchObject({ exit: 0, stderr: '' })
  expect(ran.stdout).toMatch(new RegExp(`^Usage: ${path} \\[`))
})

it('says to whom pipes a text and asks nothing how that is asked', async () => {
  const ran = await runHai(['ask'], { env, stdin: 'a long question' })
  expect(ran).toMatchObject({ exit: 2, stdout: '' })
  expect(ran.stderr).toContain('… | hai ask -')
})

it('shows groups, an example and the exit statuses at the root', async () => {
  const { exit, stdout } = await runHai(['--help'], { env })
  expect(exit).toBe(0)
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: hai [options] [command]

    Put work down; get one good answer back.

    Options:
      -V, --version                  print the version
      --profile <name>               use this profile instead of the default one
      -h, --help                     show help

    Work:
      ask [options] <text...>        ask, or hand over a task, and wait for the answer
      reply [options] <text...>      go on with the conversation of the last task
      chat [options] [conversation]  talk, message by message; lines of a pipe are messages too
      task                           put tasks down, look at them, change their course
      todo                           keep the list of what is to be done, shared by the house; words
                                     that are no command add one
      undo [options] [todo]          take back your last change of a todo; once more, the one before
      cost [options]                 what model calls cost: by day, agent, source, model and route
      home [options]                 what matters now and what is new; the same as hai alone

    Setup:
      model                          choose which model answers
      config                         show the settings in force
      profile                        choose which server hai talks to
      auth                           keep a profile's token, and make those of members
      member                         choose who may call
      up [options]                   start the local stack; commands also start it when they need it
      down                           stop the local stack
      status [options]               say whether the local stack runs, and where
      logs [options]                 print the local stack's log
      serve [options]                serve chat clients; the local stack does so by itself
      worker                         answer a server's tasks with what this machine has
      gitops                         look at hai in a cluster, and make what its manifests need
      doctor [options]               check everything hai needs; each failure comes with its cure
      completion <shell>             print a completion script for your shell
      help [command]                 show help for a command

    Examples:
      $ hai "what is open?"
      $ hai todo replace the UPS battery +rack due friday
      $ journalctl -u k3s | hai ask "what broke?"
      $ hai todo ls

    An id may be given by its last characters. @ is the last task, or todo, you touched, @2 the one before;
    lists on a terminal number their rows, and 2 is the second of the last one.

    Exit status:
        0  done
        1  a bug in hai, or its output could not be written
        2  usage, or input that was refused
        3  not found
        4  not allowed
        5  the server cannot be reached, or is too busy
        6  the task failed for good
        7  the task was cancelled, has expired or was rejected
        8  the task waits for approval
        9  conflict
       10  refused for its cost: a cap is reached, or no price is known
       11  hai doctor or gitops status found something to mend
      124  gave up waiting; the task goes on
      129  the terminal was closed; the task goes on
      130  interrupted; the task goes on
      143  told to end by SIGTERM; the task goes on
    "
  `)
})

it('describes ask', async () => {
  expect((await runHai(['ask', '--help'], { env })).stdout).toMatchInlineSnapshot(`
    "Usage: hai ask [options] <text...>

    ask, or hand over a task, and wait for the answer

    Arguments:
      text                 what you want; - reads it from stdin

    Options:
      -f, --file <path>    attach a text file; may be repeated; - is stdin
      -n, --no-stdin       don't read stdin; in a while read loop it is the loop's
      --agent <name>       who should do it
      --model <name>       let this model answer: backend/model, or what of it hai model ls has once
      --no-builtin         skip the built-in answers: a model answers
      --if-busy <how>      when another task of the conversation is not done: wait, give up, or cancel
                           it (choices: "queue", "reject", "interrupt")
      --priority <level>   how urgent it is (choices: "low", "normal", "high", "urgent")
      --ttl <time>         expire the task when it is not done by then (90s, 5m, 2h)
      --json               print the webhook's result as it is
      --in <conversation>  go on with this conversation: '#name', an id, or @ for the last one
      -q, --quiet          the answer and its notices, nothing else
      -v, --verbose        show each step
      --timeout <time>     give up waiting after so long (30, 5m); the task goes on
      --no-wait            print the task's id and don't wait
      -h, --help           show help

    Global Options:
      -V, --version        print the version
      --profile <name>     use this profile instead of the default one

    Examples:
      $ hai ask "what is open?"
      $ hai ask --in '#rack-move' "which cables go first?"
      $ hai ask --model llama3.1:8b "what is open?"
      $ hai ask --no-builtin "what is open?"
      $ journalctl -u k3s | hai ask "what broke?" -f notes.md
      $ while read -r line; do hai ask -n "$line"; done < questions.txt
    "
  `)
})

it('prints the version of package.json', async () => {
  const ran = await runHai(['todo', '--version'], { env })
  expect(ran).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' })
})
