import { type ChildProcess, spawn } from 'node:child_process'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { ensureRunning, stopInstance } from '../../../runner/instance.ts'
import { endMarked, endOwnAndAbandoned, MARK, ownerOf, ownMark } from '../../../runner/process/mark.ts'
import { commandOf } from '../../../runner/process/table.ts'
import { startStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const START = `import { execFileSync } from 'node:child_process'
const sleeper = () => Number(execFileSync('sh', ['-c', 'setsid sleep 4242 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' }))`

const { root } = bundleFolder({
  'f/hai/start.ts': `${START}\nexport function main() { return { worker: process.pid, sleeper: sleeper() } }`,
  'f/hai/stay.ts': `${START}\nexport async function main() { console.log(String(sleeper())); await new Promise(() => {}) }`,
  'f/other/start.ts': `${START}\nexport function main() { return sleeper() }`,
})

const made: ChildProcess[] = []
afterEach(() => {
  for (const child of made.splice(0)) child.kill('SIGKILL')
})

const gone = (pid: number) => expect.poll(() => commandOf(pid)).toBeUndefined()

/** A process as somebody's of that mark starts it. */
async function aProcess(mark: string, words = ['sleep', '4242'], argv0 = words[0]): Promise<number> {
  const [program = '', ...rest] = words
  const env = { PATH: process.env.PATH, [MARK]: mark }
  const child = spawn(program, rest, { argv0, env, detached: true, stdio: 'ignore' })
  made.push(child)
  await new Promise((resolve) => child.once('spawn', resolve))
  return child.pid!
}

describe('what a job started in a session of its own', () => {
  it('is ended once its process is gone, whoever ended that, by a stop, and by the next start', async () => {
    const stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
    const stranger = await aProcess(`${ownerOf('/nobody/s')}/w`)
    const kept = (await stack.call<{ worker: number; sleeper: number }>('f/hai/start')).body
    // a script of somebody's has a process of its own, which ends with it
    await gone((await stack.call<number>('f/other/start')).body)
    if (process.env.HAI_COLD !== '1') {
      expect(commandOf(kept.sleeper)).toBe('sleep 4242')
      process.kill(kept.worker, 'SIGKILL')
    }
    await gone(kept.sleeper)

    const left = await staying(stack)
    process.kill(stack.instance.pid, 'SIGKILL')
    await gone(stack.instance.pid)
    expect(commandOf(left)).toBe('sleep 4242')
    const { env } = stack
    Object.assign(stack, { endpoint: (await ensureRunning({ env, progress: () => {} })).endpoint })
    await gone(left)

    const last = await staying(stack)
    expect(await stopInstance({ env })).toBe(true)
    expect(commandOf(last)).toBeUndefined()
    expect(commandOf(stranger)).toBe('sleep 4242')
  })

  it('is ended by a stop when its runner was killed', async () => {
    const stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
    const left = await staying(stack)
    process.kill(stack.instance.pid, 'SIGKILL')
    await gone(stack.instance.pid)
    expect(await stopInstance({ env: stack.env })).toBe(true)
    expect(commandOf(left)).toBeUndefined()
  })
})

/** The pid of what a job started that goes on. */
async function staying({ endpoint, token }: { endpoint: string; token: string }): Promise<number> {
  const get = async (path: string, method = 'GET') => {
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`${endpoint}/api/w/hai/${path}`, { method, headers })).text()
  }
  const id = await get('jobs/run/p/f/hai/stay', 'POST')
  await expect.poll(() => get(`jobs_u/get_logs/${id}`)).toMatch(/^\d+\n$/)
  return Number(await get(`jobs_u/get_logs/${id}`))
}

describe('what is marked', () => {
  it('is ended with its own children, but for what is spared', async () => {
    const owner = ownerOf('/nobody/here')
    const one = await aProcess(`${owner}/one`, ['sh', '-c', 'setsid sleep 4242 & wait'])
    const two = await aProcess(`${owner}/two`)
    const ended = await endMarked(owner, (worker) => worker === 'two')
    expect(ended).toContain(one)
    expect(ended).not.toContain(two)
    expect(await endMarked(owner)).toEqual([two])
  })

  it('by a worker that lives elsewhere is ended when it ends, and by the next one when it was killed', async () => {
    const living = await aProcess('nobody/s', ['sleep', '4242'], 'hai worker run')
    const itsOwn = await aProcess(`worker/${living}`)
    const killed = await aProcess('nobody/s')
    const left = await aProcess(`worker/${killed}`)
    const ours = await aProcess(ownMark())
    const ended = await endOwnAndAbandoned()
    expect(ended).toEqual(expect.arrayContaining([left, ours]))
    expect(ended).not.toContain(itsOwn)
    expect(commandOf(itsOwn)).toBe('sleep 4242')
  })
})
