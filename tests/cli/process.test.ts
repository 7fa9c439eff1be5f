import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildProject } from '../support/stack.ts'
import { cannedServer, type Door } from './canned-server.ts'
import { type CannedWorld, cannedWorld } from './canned-world.ts'
import { PROGRAM, spawnHai, until } from './run-hai.ts'
import { anEvent, aTodo, aView, doorsOfTask, ulid } from './samples.ts'

let server: CannedWorld['server']
let home: CannedWorld['home']
let env: CannedWorld['env']

beforeAll(buildProject)
cannedWorld((world) => {
  ;({ server, home, env } = world)
})

const serve = (doors: Record<string, Door>) => Object.assign(server.doors, doors)

const quoted = `"${process.execPath}" "${PROGRAM}"`

/** Runs a line in bash, where `hai` is the program; the exit status is that of `hai` in the pipe. */
function inBash(line: string) {
  // a function would be run by a shell between
  const bin = join(home.path, 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'hai'), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 })
  const child = spawn('bash', ['-c', line], {
    env: { ...env, PATH: `${bin}:${env.PATH}` },
    cwd: home.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return new Promise<{ exit: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (exit) => resolve({ exit, stdout, stderr }))
  })
}

describe('the built program', () => {
  it('asks, prints the answer and ends at once', async () => {
    serve(doorsOfTask('done', { output: 'ok' }, [anEvent(1, 'accepted')]))
    const { ended } = spawnHai(['ask', 'x', '-v'], { env })
    expect(await ended).toMatchObject({
      exit: 0,
      stdout: 'ok\n',
      stderr: expect.stringContaining('accepted\n'),
    })
  })

  it('ends with the status of the failure', async () => {
    serve(doorsOfTask('dead', { error: { code: 'no_route', message: 'no model is configured' } }))
    expect(await spawnHai(['ask', 'x'], { env }).ended).toMatchObject({ exit: 6, stdout: '' })
  })

  it('prints its version without the bundle', async () => {
    const ran = await spawnHai(['--version'], { env })
    expect(await ran.ended).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })

  it('says how to build it when it is not built', async () => {
    const copy = join(home.path, 'cli/bin.cjs')
    mkdirSync(join(home.path, 'cli'))
    copyFileSync(PROGRAM, copy)
    const ran = await inBash(`"${process.execPath}" "${copy}" todo ls`)
    expect(ran).toEqual({ exit: 1, stdout: '', stderr: 'hai is not built yet; run: npm run build\n' })
  })

  it.each([
    ['SIGINT', 130, 'interrupted', ['ask', 'x']],
    ['SIGTERM', 143, 'told to end', ['ask', 'x']],
    ['SIGHUP', 129, 'the terminal was closed', ['ask', '-q', 'x']],
    ['SIGTERM', 143, 'told to end', ['task', 'tail', 'AB7F3K']],
  ] as const)('ends at %s with %i and says how to go on', async (signal, exit, how, argv) => {
    serve(doorsOfTask('running', {}, [anEvent(1, 'started')]))
    serve({ 'task/show': () => ({ result: aView({ state: 'running' }) }) })
    const { child, ran, ended } = spawnHai([...argv], { env })
    await until(() => server.callsOf('task/events').length > 1, 'two looks')
    child.kill(signal)
    expect(await ended).toMatchObject({ exit, stdout: '' })
    expect(ran.stderr).toContain(
      `${how}; task AB7F3K goes on\n→ to pick it up: hai task tail AB7F3K; to end it: hai task cancel AB7F3K\n`,
    )
  })

  it('ends a chat at SIGTERM with 143, and the task of its question goes on', async () => {
    serve(doorsOfTask('running', {}, [anEvent(1, 'started')]))
    const { child, ran, ended } = spawnHai(['chat'], { env, stdin: 'pipe' })
    child.stdin?.end('x\n')
    await until(() => server.callsOf('task/events').length > 1, 'two looks')
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ exit: 143 })
    expect(ran.stderr).toContain('told to end; task AB7F3K goes on\n→ to pick it up: hai task tail AB7F3K')
  })

  it('waits for a server that is away, and misses and repeats nothing', async () => {
    const events = [1, 2, 3].map((seq) => anEvent(seq, `step ${seq}`))
    serve(doorsOfTask('running', { output: 'ok' }, events.slice(0, 2)))
    const { ran, ended } = spawnHai(['ask', 'x', '-v'], { env })
    await until(() => ran.stderr.includes('step 2'), 'the second step')
    const port = Number(new URL(server.endpoint).port)
    await server.close()
    await until(() => ran.stderr.includes('trying again'), 'the lost connection')
    server = await cannedServer(doorsOfTask('done', { output: 'ok' }, events), port)
    expect(await ended).toMatchObject({ exit: 0, stdout: 'ok\n' })
    expect(ran.stderr.match(/step \d/g)).toEqual(['step 1', 'step 2', 'step 3'])
  })
})

describe('in a pipe', () => {
  it('attaches what is piped in', async () => {
    serve(doorsOfTask('done', { output: 'ok' }))
    await inBash('printf "line 1\\nline 2\\n" | hai ask "what broke?"')
    expect(server.callsOf('inbox')[0]?.args.body).toMatchObject({
      content: 'what broke?',
      context: [{ name: 'stdin', content: 'line 1\nline 2\n' }],
    })
  })

  it.each([
    ['/dev/null', '< /dev/null'],
    ['a closed stdin', '<&-'],
    ['an empty pipe', '< <(true)'],
  ])('attaches nothing from %s', async (_what, redirection) => {
    serve(doorsOfTask('done', { output: 'ok' }))
    expect(await inBash(`hai ask x ${redirection}`)).toMatchObject({ exit: 0, stdout: 'ok\n' })
    expect(server.callsOf('inbox')[0]?.args.body).not.toHaveProperty('context')
  })

  it.each(['hai todo ls', 'hai todo add x', 'hai todo add x < some.txt', 'hai'])(
    'refuses what is piped into %s, which does not read it',
    async (line) => {
      writeFileSync(join(home.path, 'some.txt'), 'some text\n')
      const ran = await inBash(line.includes('<') ? line : `echo "some text" | ${line}`)
      expect(ran).toMatchObject({ exit: 2, stdout: '' })
      expect(ran.stderr).toMatch(
        /^hai: something is piped in, and hai [a-z ]+ does not read it; nothing was done\n→ /,
      )
      expect(server.calls).toEqual([])
    },
  )

  it('leaves a loop its lines, and what is not piped to it where it is', async () => {
    serve({ 'todo/add': ({ body }) => ({ result: aTodo({ body: String(body) }) }) })
    const loop = 'while read -r line; do hai todo add "$line"; done'
    const ran = await inBash(
      `printf 'a\\nb\\n' | ${loop}; echo c > c.txt; ${loop} < c.txt; true | hai todo add d`,
    )
    expect(ran.stderr).not.toContain('piped')
    expect(server.callsOf('todo/add').map(({ args }) => args.body)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('waits for a slow stdin with -f -', async () => {
    serve(doorsOfTask('done', { output: 'ok' }))
    const { child, ended } = spawnHai(['ask', 'x', '-f', '-'], { env, stdin: 'pipe' })
    child.stdin?.end('late')
    await ended
    expect(server.callsOf('inbox')[0]?.args.body).toMatchObject({
      context: [{ name: 'stdin', content: 'late' }],
    })
  })

  it('does not read stdin where it means nothing', async () => {
    serve({ 'todo/list': () => ({ result: { todos: [] } }) })
    const { child, ended } = spawnHai(['todo', 'ls'], { env, stdin: 'pipe' })
    expect(await ended).toMatchObject({ exit: 0, stderr: expect.not.stringContaining('silent') })
    child.stdin?.destroy()
  })

  it('ends quietly when its reader goes away', async () => {
    const todos = Array.from({ length: 5000 }, (_, n) => aTodo({ id: ulid(n) }))
    serve({ 'todo/list': () => ({ result: { todos } }) })
    const ran = await inBash(`hai todo ls | head -1; echo "\${PIPESTATUS[0]}"`)
    expect(ran.stdout).toMatch(/replace the UPS battery\n0\n$/)
    expect(ran.stderr).not.toMatch(/EPIPE|Error/)
  })

  it('says in one line that nothing can be written', async () => {
    serve({ 'todo/list': () => ({ result: { todos: [aTodo()] } }) })
    const ran = await inBash(`hai todo ls > /dev/full; echo "$?"; hai todo ls > /dev/full 2>&1; echo "$?"`)
    expect(ran.stdout).toBe('1\n1\n')
    expect(ran.stderr.split('\n').slice(-2)).toEqual(['hai: cannot write: no space left on device', ''])
  })

  it('keeps all of a long result', async () => {
    const output = `${'x'.repeat(99)}\n`.repeat(20_000)
    serve(doorsOfTask('done', { output }))
    const ran = await inBash('hai ask x | wc -c')
    expect(Number(ran.stdout)).toBe(output.length)
  })
})

it('gives up on a server that accepts and never answers only after a while, and Ctrl-C ends it before', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  let connected = false
  silent.on('connection', () => {
    connected = true
  })
  const { child, ended } = spawnHai(['todo', 'ls'], {
    env: { ...env, HAI_ENDPOINT: `http://127.0.0.1:${port}` },
  })
  await until(() => connected, 'the connection')
  child.kill('SIGINT')
  expect((await ended).exit).toBe(130)
  silent.close()
})

describe('without a running local stack', () => {
  it('status says so, with the keys of the contract', async () => {
    const ran = await spawnHai(['status', '--json'], { env: home.env }).ended
    expect(ran.exit).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({
      running: false,
      endpoint: null,
      data_dir: join(home.path, '.local/share/hai'),
      database_url: null,
    })
  })

  it('logs says that there are none, and down that nothing ran', async () => {
    expect(await spawnHai(['logs'], { env: home.env }).ended).toMatchObject({ exit: 3, stdout: '' })
    expect(await spawnHai(['down'], { env: home.env }).ended).toMatchObject({
      exit: 0,
      stdout: 'nothing was running\n',
    })
  })
})
