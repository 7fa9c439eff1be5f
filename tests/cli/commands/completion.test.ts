import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { createProgram } from '../../../cli/program.ts'
import { Session } from '../../../cli/session.ts'
import { aHomeFolder, FakeIo, runHai } from '../run-hai.ts'

const { env, remove } = aHomeFolder()
remove()
const program = createProgram(new Session(new FakeIo({ env })))
const script = (await runHai(['completion', 'bash'], { env })).stdout

/** What bash offers for the last word. */
function offered(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ')
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _hai; printf '%s\\n' "\${COMPREPLY[@]}"`
  const out = execFileSync('bash', ['--norc', '-c', `${script}\n${ask}`], { encoding: 'utf8' })
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
