import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { forgetSuggestions, keepProfiles, keepSuggestions } from '../../../cli/call/suggestions.ts'
import { createProgram } from '../../../cli/program.ts'
import { Session } from '../../../cli/session.ts'
import { aHomeFolder, FakeIo, runHai } from '../run-hai.ts'
import { aTask, aTodo, ulid } from '../samples.ts'

const { env, path, remove } = aHomeFolder()
afterAll(remove)
const program = createProgram(new Session(new FakeIo({ env })))
const script = (await runHai(['completion', 'bash'], { env })).stdout

const BASH = execFileSync('bash', ['-c', 'echo $BASH'], { encoding: 'utf8' }).trim()
let more: Record<string, string> = {}

/** What bash offers for the last word. */
function offered(...words: string[]): string[] {
  const line = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _hai; printf '%s\\n' "\${COMPREPLY[@]}"`
  const shell = { encoding: 'utf8', env: { ...env, ...more } } as const
  const out = execFileSync(BASH, ['--norc', '-c', `${script}\n${ask}`], shell)
  return out.split('\n').filter(Boolean)
}

it('offers every noun and verb of the command tree', () => {
  const names = program.commands.map((command) => command.name())
  expect(offered('hai', '').sort()).toEqual([...names].sort())
  for (const noun of program.commands.filter((command) => command.commands.length > 0)) {
    expect(offered('hai', noun.name(), '')).toEqual(noun.commands.map((verb) => verb.name()))
  }
})

it.each([
  [['hai', 'to'], ['todo']],
  [['hai', 'todo', 're'], ['reopen']],
  [['hai', '--profile', 'nas', 'todo', 'ne'], ['next']],
  [['hai', 'task', 'ls', '--st'], ['--state']],
  [
    ['hai', 'ask', 'x', '--priority', ''],
    ['low', 'normal', 'high', 'urgent'],
  ],
  [['hai', 'task', 'rate', '@', 'u'], ['useful']],
  [
    ['hai', 'completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [
    ['hai', 'auth', 'token', ''],
    ['add', 'ls', 'revoke'],
  ],
  [
    ['hai', 'auth', 'token', 'add', '--allow', ''],
    ['inbox', 'chat', 'health', 'drift', 'worker'],
  ],
  [['hai', 'todo', 'add', '--due', ''], []],
  [['hai', 'ask', '-f', '/etc/host'], expect.arrayContaining(['/etc/hosts'])],
  [['hai', 'todo', 'ls', '--pro'], ['--profile']],
])('offers what fits after %j', (words, expected) => {
  expect(offered(...words)).toEqual(expected)
})

describe('what hai saw last', () => {
  const see = (door: string, result: unknown, profile = 'local', args = {}) =>
    keepSuggestions(env, profile, { path: door, args, result })
  const file = (name: string) => join(path, '.local/state/hai/completion', name)
  const id = (n: number) => ulid(n).slice(-6)

  it('is offered where it fits, with what it is about, and by no program', () => {
    const todos = [
      aTodo({ id: ulid(1), body: 'pay the $(touch ran) rent', tags: ['home'] }),
      aTodo({ id: ulid(2), body: 'order\tthe\nbattery', tags: ['rack', '$(touch-ran)'] }),
      aTodo({ id: ulid(3), body: 'gone', status: 'done', tags: [] }),
    ]
    see('todo/list', { todos })
    see('task/list', {
      tasks: [aTask({ id: ulid(4), excerpt: 'what broke?', conversation_id: '#rack-move' })],
    })
    see('inbox', { task_id: ulid(5), conversation_id: ulid(6) }, 'local', { body: { content: 'and now?' } })
    see('model/list', { models: [{ backend: 'ollama', model: 'qwen3:8b' }], offers: [{ backend: 'claude' }] })
    more = { PATH: '/nowhere' }
    expect(offered('hai', 'todo', 'done', '')).toEqual([
      `${id(1)}  (pay the $(touch ran) rent)`,
      `${id(2)}  (order the battery)`,
    ])
    expect(offered('hai', 'todo', 'done', id(2).toLowerCase())).toEqual([id(2)])
    expect(offered('hai', 'todo', 'reopen', '')).toEqual([id(3)])
    expect(offered('hai', 'task', 'show', '')).toEqual([`${id(5)}  (and now?)`, `${id(4)}  (what broke?)`])
    expect(offered('hai', 'cost', 'task', '')).toHaveLength(2)
    expect(offered('hai', 'todo', 'ls', '--tag', '')).toEqual(['home', 'rack', '\\$\\(touch-ran\\)'])
    expect(offered('hai', 'todo', 'ls', '--tag', '=', 'r')).toEqual(['rack'])
    expect(offered('hai', 'chat', '')).toEqual(['\\#rack-move', 'ls'])
    expect(offered('hai', 'chat', "'#ra")).toEqual(['#rack-move'])
    expect(offered('hai', 'ask', '--in', '\\#')).toEqual(['\\#rack-move'])
    expect(offered('hai', 'model', 'test', 'oll')).toEqual(['ollama/qwen3:8b'])
    expect(offered('hai', 'model', 'default', 'ollama/qwen3', ':', '8')).toEqual(['8b'])
    expect(offered('hai', 'model', 'enable', '')).toEqual(['ollama', 'claude'])
    expect(offered('hai', 'todo', 'add', '')).toEqual([])
    more = {}
  })

  it('is that of the profile in use, or of the one that is named', () => {
    see('todo/list', { todos: [aTodo({ id: ulid(7), body: 'on the nas' })] }, 'nas')
    keepProfiles(env, ['local', 'nas'], 'nas')
    expect(offered('hai', 'profile', 'use', '')).toEqual(['local', 'nas'])
    expect(offered('hai', '--profile', 'n')).toEqual(['nas'])
    expect(offered('hai', 'todo', 'done', '')).toEqual([id(7)])
    expect(offered('hai', '--profile', 'local', 'todo', 'done', '')).toHaveLength(2)
    more = { HAI_PROFILE: 'local' }
    expect(offered('hai', 'todo', 'done', '')).toHaveLength(2)
    more = {}
    keepProfiles(env, ['local', 'nas'], 'local')
    expect(offered('hai', 'todo', 'done', '')).toHaveLength(2)
  })

  it('follows what becomes of a todo', () => {
    see('todo/update', aTodo({ id: ulid(1), body: 'pay', status: 'done' }))
    expect(offered('hai', 'todo', 'done', '')).toEqual([id(2)])
    expect(offered('hai', 'todo', 'reopen', '')).toEqual([`${id(1)}  (pay)`, `${id(3)}  (gone)`])
    see('todo/update', aTodo({ id: ulid(3), body: 'gone' }))
    expect(offered('hai', 'todo', 'done', '')).toHaveLength(2)
  })

  it('is missed by no command where its folder cannot be read', () => {
    const hindered = { ...env, XDG_STATE_HOME: '/dev/null' }
    keepProfiles(hindered, ['local'], 'local')
    keepProfiles(hindered, ['local', 'nas'], 'nas')
    keepSuggestions(hindered, 'nas', { path: 'todo/list', args: {}, result: { todos: [aTodo({})] } })
    forgetSuggestions(hindered, 'nas')
  })

  it("is its owner's, bounded, and of no server that has no profile", () => {
    const todos = Array.from({ length: 500 }, (_, n) => aTodo({ id: ulid(n), body: 'x'.repeat(5000) }))
    see('todo/list', { todos }, 'many')
    see('todo/list', { todos }, 'http://127.0.0.1:1')
    expect(readFileSync(file('many/todos'), 'utf8').split('\n')).toHaveLength(201)
    expect(statSync(file('many/todos')).size).toBeLessThan(20_000)
    expect(statSync(file('many/todos')).mode & 0o777).toBe(0o600)
    see('todo/list', { todos: [{ a: 'row of another release' }] }, 'odd')
  })

  it.each(['zsh', 'fish'])('is read in %s as in bash', async (shell) => {
    const { stdout } = await runHai(['completion', shell], { env })
    for (const kind of [
      'todos',
      'closed',
      'tags',
      'tasks',
      'conversations',
      'models',
      'backends',
      'profiles',
    ])
      expect(stdout).toMatch(new RegExp(`cached[= ]${kind}\\b`))
  })
})

it.each(['zsh', 'fish'])('knows every command and option for %s', async (shell) => {
  const { stdout, exit } = await runHai(['completion', shell], { env })
  expect(exit).toBe(0)
  for (const command of program.commands.flatMap((noun) => [noun, ...noun.commands])) {
    expect(stdout).toContain(command.name())
    for (const option of command.options) expect(stdout).toContain(option.long?.slice(2))
  }
})

it('refuses a shell it does not know', async () => {
  const ran = await runHai(['completion', 'tcsh'], { env })
  expect(ran).toMatchObject({ exit: 2, stdout: '' })
  expect(ran.stderr).toContain('Allowed choices are bash, zsh, fish')
})
