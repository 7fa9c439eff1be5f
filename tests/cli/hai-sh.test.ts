import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Todo, TodoList } from '../../f/hai/core/todo/shape.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { type CannedServer, cannedServer, refusal } from './canned-server.ts'
import { programOf, run, runLine, type Shell, shellcheck, shellsOf } from './shells.ts'

const HOSTILE = 'say "hi" \\n \\ $(id) `id` %s\n\ttab \u0001\u001b[31m ümlaut 🏠 {"state":"dead"}'
const ID = '01JD0000000000000000000000'

const folder = mkdtempSync(join(tmpdir(), 'hai-shell-'))
const shells = shellsOf(folder)
let stack: TestStack
let server: CannedServer

beforeAll(async () => {
  stack = await startStack({ shared: true })
  server = await cannedServer()
})

afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

function here(): Record<string, string> {
  return { HAI_ENDPOINT: stack.endpoint, HAI_WORKSPACE: stack.workspace, HAI_TOKEN: stack.token }
}

/** The same shell with one more program in its PATH. */
function having(shell: Shell, name: string, make: (file: string) => void): Shell {
  const extra = mkdtempSync(join(folder, `${name}-`))
  make(join(extra, name))
  return { ...shell, path: `${extra}:${shell.path}` }
}

const withJq = (shell: Shell) => having(shell, 'jq', (file) => symlinkSync(programOf('jq')!, file))

describe.each(shells)('hai.sh in $name', (shell) => {
  it('prints the answer to a question, and of a failed task why and exits 6', async () => {
    const asked = await run(shell, here(), ['ask', 'what', 'is', 'open?']).ended
    expect(asked).toMatchObject({ code: 0, stderr: '' })
    expect(asked.stdout).toMatch(/open/)
    const unanswerable = await run(shell, here(), ['ask', 'why is the sky blue?']).ended
    expect(unanswerable).toMatchObject({ code: 6, stdout: '' })
    expect(unanswerable.stderr).toMatch(/^hai: .+\n {2}.+\n$/)
  })

  it('carries any text unharmed into JSON, from arguments and from stdin', async () => {
    const added = await run(shell, here(), ['todo', 'add', HOSTILE]).ended
    expect(added).toMatchObject({ code: 0, stderr: '' })
    const todo = JSON.parse(added.stdout) as Todo
    expect(todo.body).toBe(HOSTILE)
    for (const text of ['$var:HOME?', '$res:f/hai/house', '$$', '$5']) {
      const kept = await run(shell, here(), ['todo', 'add', text]).ended
      expect((JSON.parse(kept.stdout) as Todo).body).toBe(text)
    }
    const long = `${'a "quoted" line\n'.repeat(600)}end`
    const piped = await run(shell, here(), ['todo', 'add', '-'], long).ended
    expect((JSON.parse(piped.stdout) as Todo).body).toBe(long)
    const { code } = await run(shell, here(), ['todo', 'done', todo.id, JSON.parse(piped.stdout).id]).ended
    expect(code).toBe(0)
  })

  it('reads an answer with quotes, line breaks and control characters without jq', async () => {
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted' } })
    server.doors['task/result'] = () => ({ result: { id: ID, state: 'done', output: HOSTILE } })
    const { code, stdout } = await run(shell, server.env, ['ask', 'x']).ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${HOSTILE.replace('\u0001\u001b', '')}\n` })
  })

  it('attaches what is piped into a question, from a pipe, a file and a socket, whole or not at all', async () => {
    const outcome = { id: ID, state: 'done', output: 'yes' }
    const seen = { events: [], outcome, state: 'done', last_seq: 3 }
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted', seen } })
    const attachedBy = async (running: ReturnType<typeof run>) => {
      server.calls.length = 0
      expect(await running.ended).toEqual({ code: 0, stdout: 'yes\n', stderr: '' })
      const body = server.callsOf('inbox')[0]!.args.body as { content: string; context?: unknown }
      expect(body.content).toBe('what broke?')
      return body.context
    }
    const log = `${HOSTILE}\n\n$var:log\n`
    const file = join(folder, `${shell.name}-log`)
    writeFileSync(file, log)
    const asWritten = [{ name: 'stdin', content: log }]
    const question = ['ask', 'what broke?']
    expect(await attachedBy(run(shell, server.env, question, log))).toEqual(asWritten)
    const line = (text: string) => attachedBy(runLine(shell, server.env, text))
    expect(await line(`cat '${file}' | "$@" ask 'what broke?'`)).toEqual(asWritten)
    expect(await line(`"$@" ask 'what broke?' <'${file}'`)).toEqual(asWritten)
    expect(await line(`cat '${file}' | "$@" ask -n 'what broke?'`)).toBeUndefined()
    expect(await line(`echo | "$@" ask 'what broke?'`)).toBeUndefined()
    expect(await line(`echo 'what broke?' | "$@" ask -`)).toBeUndefined()
    server.calls.length = 0
    const refused = async (text: string) => {
      const { code, stderr } = await runLine(shell, server.env, text).ended
      expect({ code, calls: server.calls }).toEqual({ code: 2, calls: [] })
      return stderr
    }
    const notText = 'hai: stdin is not UTF-8 text; attach text only\n'
    expect(await refused(`printf 'a\\000b' | "$@" ask x`)).toBe(notText)
    expect(await refused(`printf 'caf\\351' | "$@" ask x`)).toBe(notText)
    expect(await refused(`head -c 4194305 /dev/zero | tr '\\000' a | "$@" ask x`)).toMatch(/more than 4 MiB/)
    expect(await refused('echo x | "$@" ask -n -')).toMatch(/-n leaves that alone/)
  })

  it('says that it waits for a pipe’s end, and sends nothing when a socket stays silent', async () => {
    const quick = having(shell, 'sleep', (file) => writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 }))
    const seen = { state: 'done', outcome: { id: ID, state: 'done', output: 'yes' } }
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted', seen } })
    server.calls.length = 0
    const { code, stderr } = await run(quick, server.env, ['ask', 'x'], null).ended
    expect({ code, calls: server.calls }).toEqual({ code: 2, calls: [] })
    expect(stderr).toContain('hai: stdin is open, and nothing came from it for 30 s; nothing was sent\n')
    const asked = await run(quick, server.env, ['ask', '-n', 'x'], null).ended
    expect(asked.stderr).toBe('')
    // the writer goes on until it is told
    const fifo = join(folder, `${shell.name}-told`)
    const writer = `{ until [ -s '${fifo}' ]; do :; done; echo x; }`
    const waited = await runLine(quick, server.env, `${writer} | "$@" ask x 2>'${fifo}' && cat '${fifo}'`)
      .ended
    expect(waited.stdout).toMatch(/^waiting for the end of stdin; to go without it: -n$/m)
  })

  it('refuses what is piped into a command that reads nothing, and leaves a loop its lines', async () => {
    server.doors['todo/list'] = () => ({ result: { todos: [], total: 0 } })
    server.doors['todo/add'] = server.doors['todo/update'] = () => ({ result: { id: ID, body: 'x' } })
    server.calls.length = 0
    for (const [command, way] of [
      ['todo ls', 'hai.sh ask TEXT'],
      ['todo add milk', 'hai.sh todo add - takes the text'],
      ['todo done 7F3K2M', 'hai.sh ask TEXT'],
      ['cost', 'hai.sh ask TEXT'],
      ['task show 7F3K2M', 'hai.sh ask TEXT'],
    ]) {
      const { code, stderr } = await runLine(shell, server.env, `echo x | "$@" ${command}`).ended
      expect({ code, calls: server.calls }).toEqual({ code: 2, calls: [] })
      expect(stderr).toMatch(
        /^hai: something is piped in, and hai\.sh .+ does not read it; nothing was done\n/,
      )
      expect(stderr).toContain(way)
    }
    const loop = `printf 'a\\nb\\n' | while read -r line; do "$@" todo add "$line"; done`
    expect((await runLine(shell, server.env, loop).ended).stderr).toBe('')
    expect(server.callsOf('todo/add').map(({ args }) => args.body)).toEqual(['a', 'b'])
    const closing = `printf '1\\n2\\n' >ids; while read -r id; do "$@" todo done "$id"; done <ids`
    expect((await runLine(shell, server.env, `cd '${folder}' && ${closing}`).ended).stderr).toBe('')
    expect(server.callsOf('todo/update').map(({ args }) => args.id)).toEqual(['1', '2'])
    for (const fine of ['echo x | "$@" todo add -n milk', 'echo | "$@" todo ls', '"$@" todo ls <&-'])
      expect((await runLine(shell, server.env, fine).ended).code).toBe(0)
  })

  it('says in which zone the caller’s clock goes, where the machine knows it', async () => {
    server.doors['todo/list'] = () => ({ result: { todos: [], total: 0 } })
    server.calls.length = 0
    const linked = having(shell, 'readlink', (file) =>
      writeFileSync(file, '#!/bin/sh\necho /usr/share/zoneinfo/posix/America/Argentina/Ushuaia\n', {
        mode: 0o755,
      }),
    )
    await run(linked, server.env, ['todo', 'ls']).ended
    for (const TZ of ['Asia/Kolkata', ':Europe/Berlin', 'UTC', 'Etc/UTC', 'CET-1CEST', 'a/"b'])
      await run(linked, { ...server.env, TZ }, ['todo', 'ls']).ended
    expect(server.callsOf('todo/list').map(({ time_zone }) => time_zone)).toEqual([
      'America/Argentina/Ushuaia',
      'Asia/Kolkata',
      'Europe/Berlin',
      'UTC',
      'UTC',
      undefined,
      undefined,
    ])
  })

  it('asks no more where the answer came with the task’s acceptance, and goes on where none did', async () => {
    const outcome = { id: ID, state: 'done', output: HOSTILE }
    const seen = { events: [], outcome, state: 'done', last_seq: 3 }
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted', seen } })
    server.doors['task/result'] = () => ({ result: { id: ID, state: 'done', output: 'later' } })
    server.calls.length = 0
    const { code, stdout } = await run(shell, server.env, ['ask', 'x']).ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${HOSTILE.replace('\u0001\u001b', '')}\n` })
    expect(server.callsOf('task/result')).toEqual([])
    const error = { code: 'invalid', message: 'no such day', next_step: 'name another' }
    const dead = { ...seen, state: 'dead', outcome: { id: ID, state: 'dead', error } }
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted', seen: dead } })
    const refused = await run(shell, server.env, ['ask', 'x']).ended
    expect(refused).toEqual({ code: 6, stdout: '', stderr: 'hai: no such day\n  name another\n' })
    const left = { events: [], state: 'pending', last_seq: 3 }
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted', seen: left } })
    expect((await run(shell, server.env, ['ask', 'x']).ended).stdout).toBe('later\n')
  })

  it('shows nothing that makes a terminal do things or read backwards', async () => {
    const output = 'a\u009b31mb\u202ec\u2066d\u0085e\u009d0;title\u0007 ümlaut € 🏠 ‐–‘\u202f\u2065'
    const shown = 'a31mbcde0;title ümlaut € 🏠 ‐–‘\u202f\u2065'
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted' } })
    server.doors['task/result'] = () => ({ result: { id: ID, state: 'done', output } })
    expect((await run(shell, server.env, ['ask', 'x']).ended).stdout).toBe(`${shown}\n`)
    server.doors['task/result'] = () => ({ result: { id: ID, state: 'dead', error: { message: output } } })
    const dead = await run(shell, server.env, ['ask', 'x']).ended
    expect(dead).toMatchObject({ code: 6, stderr: `hai: ${shown}\n` })
    server.doors['task/result'] = () => ({
      result: { id: ID, state: 'dead', error: { code: 'budget', message: 'no price' } },
    })
    expect((await run(shell, server.env, ['ask', 'x']).ended).code).toBe(10)
    server.doors['todo/add'] = () => ({ result: { id: ID, body: output } })
    const added = await run(withJq(shell), server.env, ['todo', 'add', 'x']).ended
    expect(added.stdout).toBe(`added 000000 ${shown}\n`)
  })

  it('asks again under the same key when the connection breaks', async () => {
    server.doors['todo/add'] = (_, call) => (call === 1 ? 'hang up' : { result: { id: ID, body: 'x' } })
    server.calls.length = 0
    expect((await run(shell, server.env, ['todo', 'add', 'x']).ended).code).toBe(0)
    const keys = server.callsOf('todo/add').map(({ args }) => args.idempotency_key)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })

  it.each([
    ['parts of a second', '*', [0.01, 0.15, 0.3, 0.6, 1, 1, 1, 2, 2, 3]],
    ['whole seconds', '*.*', [0.01, 1, 1, 1, 1, 2, 2, 3]],
  ])('looks soon, and then less and less, where sleep takes %s', async (_, refused, pauses) => {
    const log = join(folder, `${shell.name}-${refused.length}.log`)
    const naps = having(shell, 'sleep', (file) => {
      const refuse = refused === '*' ? '' : `case $1 in ${refused}) exit 1 ;; esac\n`
      writeFileSync(file, `#!/bin/sh\necho "$1" >>'${log}'\n${refuse}`, { mode: 0o755 })
    })
    const looks = pauses.length - 1 + (refused === '*' ? 0 : 1)
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted' } })
    server.calls.length = 0
    server.doors['task/result'] = (_args, call) => ({
      result: call < looks ? { id: ID, state: 'pending' } : { id: ID, state: 'done', output: 'yes' },
    })
    expect(await run(naps, server.env, ['ask', 'x']).ended).toEqual({ code: 0, stdout: 'yes\n', stderr: '' })
    expect(readFileSync(log, 'utf8').trim().split('\n').map(Number)).toEqual(pauses)
  })

  it('leaves a task running when it is interrupted or has waited enough, and says how to pick it up', async () => {
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted' } })
    server.doors['task/result'] = () => ({ result: { id: ID, state: 'running' } })
    server.calls.length = 0
    const asking = run(shell, server.env, ['ask', 'x'])
    await vi.waitFor(() => expect(server.callsOf('task/result')).not.toHaveLength(0))
    asking.interrupt()
    // bash may miss one that comes just as it takes in what curl said; whoever presses ^C does so again
    const again = setInterval(asking.interrupt, 5000)
    void asking.ended.finally(() => clearInterval(again))
    const next = `task ${ID} goes on\n  to pick it up: hai.sh task show ${ID}\n`
    expect(await asking.ended).toEqual({ code: 130, stdout: '', stderr: `hai: interrupted; ${next}` })
    const late = await run(shell, server.env, ['ask', '--timeout', '0', 'x']).ended
    expect(late).toEqual({ code: 124, stdout: '', stderr: `hai: gave up waiting after 0 s; ${next}` })
  })

  it.each([
    ['cancelled', 7],
    ['expired', 7],
    ['rejected', 7],
    ['awaiting_approval', 8],
  ])('exits for a task that is %s with %i', async (state, exit) => {
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted' } })
    server.doors['task/result'] = () => ({ result: { id: ID, state } })
    expect((await run(shell, server.env, ['ask', 'x']).ended).code).toBe(exit)
  })

  it('prints an answer that changed nothing, and exits as a door would that refused it', async () => {
    server.doors.inbox = () => ({ result: { task_id: ID, status: 'accepted' } })
    const exits: (number | null)[] = []
    for (const refused of ['not_found', 'conflict', undefined]) {
      server.doors['task/result'] = () => ({ result: { id: ID, state: 'done', output: 'so it is', refused } })
      const { code, ...said } = await run(shell, server.env, ['ask', 'x']).ended
      expect(said).toEqual({ stdout: 'so it is\n', stderr: '' })
      exits.push(code)
    }
    expect(exits).toEqual([3, 9, 0])
  })

  it('exits as hai does for each refusal, with the message and the next step', async () => {
    const of = async (status: number, code: string) => {
      server.doors['cost/report'] = () => refusal(status, code, `it is ${code}`, { next_step: 'do this' })
      return run(shell, server.env, ['cost']).ended
    }
    expect(await of(400, 'invalid')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'hai: it is invalid\n  do this\n',
    })
    const exits = [
      (await of(410, 'gone')).code,
      (await of(403, 'forbidden')).code,
      (await of(409, 'conflict')).code,
    ]
    expect([...exits, (await of(429, 'budget')).code, (await of(400, 'new')).code]).toEqual([3, 4, 9, 10, 1])
  })

  it('says what is wrong when there is no server, no login, no door or no sense in the command', async () => {
    const codeOf = async (args: string[], env: Record<string, string>) =>
      (await run(shell, env, args).ended).code
    expect(await codeOf(['todo', 'ls'], { ...here(), HAI_TOKEN: 'wrong-token' })).toBe(4)
    expect(await codeOf(['todo', 'ls'], { ...here(), HAI_WORKSPACE: '../x' })).toBe(2)
    expect(await codeOf(['todo', 'ls'], { ...here(), HAI_ENDPOINT: 'ftp://x' })).toBe(2)
    expect(await codeOf(['todo', 'ls'], { ...here(), HAI_TOKEN: 'a"b' })).toBe(2)
    expect(await codeOf(['task', 'show', '7F3K2M'], here())).toBe(3)
    expect(await codeOf(['ask', ' '], here())).toBe(2)
    expect(await codeOf(['frobnicate'], here())).toBe(2)
    server.doors['todo/list'] = () => ({ status: 302, body: 'sign in' })
    expect(await codeOf(['todo', 'ls'], server.env)).toBe(5)
    server.doors['todo/list'] = () => ({ status: 200, body: '<html>sign in</html>' })
    expect(await codeOf(['todo', 'ls'], server.env)).toBe(5)
    const gone = await run(shell, { ...here(), HAI_ENDPOINT: 'http://no-such-host.invalid' }, ['cost']).ended
    expect(gone.code).toBe(5)
    expect(gone.stderr).toMatch(/^hai: cannot reach http:\/\/no-such-host\.invalid \(.*\)\n$/)
  })

  it('keeps the token off every command line', async () => {
    const log = join(folder, `${shell.name}-curl.log`)
    const curl = `#!${programOf('dash') ?? '/bin/sh'}\nprintf '%s ' "$@" >>${log}\nexec ${programOf('curl')} "$@"\n`
    const logging = having(shell, 'curl', (file) => {
      writeFileSync(file, curl)
      chmodSync(file, 0o755)
    })
    expect((await run(logging, here(), ['todo', 'add', 'a private matter']).ended).code).toBe(0)
    const seen = readFileSync(log, 'utf8')
    expect(seen).toContain('/jobs/run_wait_result/p/f/hai/todo/add')
    expect(seen).not.toContain(stack.token)
    expect(seen).not.toContain('private')
  })
})

describe('hai.sh', () => {
  const shell = shells[0]!

  it('makes tables where there is jq', async () => {
    const dense = withJq(shell)
    const added = await run(dense, here(), ['todo', 'add', 'descale the kettle #kitchen due 2031-05-01'])
      .ended
    expect(added.stdout).toMatch(/^added \w{6} descale the kettle · due Thu 1 May 2031 · #kitchen\n$/)
    server.doors['todo/list'] = () => ({ result: { todos: [{ id: ID, body: 'x', tags: [] }], total: 92 } })
    expect((await run(dense, server.env, ['todo', 'ls']).ended).stdout).toMatch(/\n1 of 92\n$/)
    const { stdout } = await run(dense, here(), ['todo', 'ls']).ended
    expect(stdout).not.toMatch(/ of \d/)
    expect(stdout).toMatch(/^\w{6} {2}2031-05-01 {8}descale the kettle #kitchen$/m)
    const { body: list } = await stack.call<TodoList>('f/hai/todo/list', { tag: 'kitchen' })
    const done = await run(dense, here(), ['todo', 'done', list.todos[0]!.id.slice(-6)]).ended
    expect(done.stdout).toMatch(/^done: \w{6} descale the kettle\n$/)
    const asked = await run(dense, here(), ['ask', 'what is open?']).ended
    const tasks = await stack.call<{ tasks: { id: string }[] }>('f/hai/task/list', { limit: 1 })
    const shown = await run(dense, here(), ['task', 'show', tasks.body.tasks[0]!.id]).ended
    expect(shown.stdout).toMatch(/^\w{26} {2}done\n {2}what is open\?\n/)
    expect(shown.stdout).toContain(asked.stdout.trimEnd())
    const cost = await run(dense, here(), ['cost']).ended
    expect(cost.stdout).toMatch(/^\S+ to \S+: \$0, 0 model calls, \d+ tasks\n/)
    expect(cost.stdout.trimEnd().split('\n')).toHaveLength(8)
  })

  it("reads the token from its file, a profile's too, and warns of one that others can read", async () => {
    const { HAI_TOKEN: token = '', ...place } = here()
    const env = { ...place, HOME: mkdtempSync(join(folder, 'home-')) }
    const config = join(env.HOME, '.config', 'hai')
    mkdirSync(join(config, 'tokens'), { recursive: true })
    expect((await run(shell, env, ['todo', 'ls']).ended).stderr).toContain(join(config, 'token'))
    writeFileSync(join(config, 'token'), `${token}\n`, { mode: 0o600 })
    expect(await run(shell, env, ['todo', 'ls']).ended).toMatchObject({ code: 0, stderr: '' })
    writeFileSync(join(config, 'tokens', 'home'), token, { mode: 0o644 })
    const named = await run(shell, { ...env, HAI_PROFILE: 'home' }, ['todo', 'ls']).ended
    expect(named.code).toBe(0)
    expect(named.stderr).toMatch(/others on this machine can read .*chmod 600/)
  })

  it('is below 230 lines', () => {
    const script = readFileSync(join(import.meta.dirname, '..', '..', 'cli', 'hai.sh'), 'utf8')
    expect(script.split('\n').length).toBeLessThan(231)
  })

  const linter = programOf('shellcheck')
  it.runIf(linter)('passes shellcheck', () => {
    expect(shellcheck(linter!)).toBe('')
  })
})
