import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TaskList, TaskView } from '../../../f/hai/core/task/shape.ts'
import { hai } from '../../support/hai.ts'
import { type FakeOllama, fakeOllama } from '../../support/models/ollama.ts'
import { startStack, type TestStack } from '../../support/stack.ts'

let ollama: FakeOllama
let stack: TestStack
let file: string
beforeAll(async () => {
  ollama = await fakeOllama()
  stack = await startStack({ shared: true, env: { OLLAMA_HOST: ollama.url } })
  const folder = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  await mkdir(folder, { recursive: true })
  file = join(folder, 'models.yaml')
})
afterEach(() => rm(file, { force: true }))
afterAll(() => ollama?.stop())

const run = (...args: string[]) => hai(stack.env, args)
const json = async <T>(...args: string[]) => JSON.parse((await run(...args, '--json')).stdout) as T
const chats = () => ollama.calls.filter(({ path }) => path === '/v1/chat/completions')

// first, while no good configuration has been seen that could go on
describe('an unknown key in the operator’s models.yaml', () => {
  it('leaves the defaults in force, and says beside the answer which file, which key and what was meant', async () => {
    await writeFile(file, 'livenes_seconds: 5\n')
    const { code, stdout, stderr } = await run('ask', '-q', 'why?')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'It is well.\n' })
    expect(stderr).toMatch(
      /^! .*\/models\.yaml: unknown field livenes_seconds; did you mean liveness_seconds\?; hai's defaults are in force$/m,
    )
  })

  it('leaves the last good configuration in force', async () => {
    expect(await run('ask', 'why?')).toMatchObject({ code: 0, stdout: 'It is well.\n' })
    await writeFile(file, 'livenes_seconds: 5\n')
    expect(await run('ask', 'why?')).toMatchObject({ code: 0, stdout: 'It is well.\n' })
  })
})

describe('hai ask --no-builtin', () => {
  it('has a model answer what a built-in command would', async () => {
    expect((await run('ask', 'what is open?')).stdout).not.toContain('It is well.')
    expect(await run('ask', '--no-builtin', 'what is open?')).toMatchObject({
      code: 0,
      stdout: 'It is well.\n',
    })
    expect(await json<TaskView>('task', 'show', '@')).toMatchObject({
      agent: 'general',
      target_agent: 'general',
    })
  })

  it('is one agent of those that there are: another is refused by name', async () => {
    const { code, stderr } = await run('ask', '--agent', 'coder', 'x')
    expect(code).toBe(2)
    expect(stderr).toMatch(/target_agent: "coder" .*known: general/)
  })
})

describe('a conversation whose answer is still being written', () => {
  const ask = (...args: string[]) => run('ask', '--in', '#rack-move', ...args)
  const busy = async () => {
    const before = chats().length
    ollama.next({ text: 'It goes on ', ending: 'hang' })
    const first = ask('why?')
    await expect.poll(() => chats().length).toBe(before + 1)
    return { first, call: chats().at(-1)! }
  }

  it('refuses one who will not wait, and lets one who interrupts be answered instead', async () => {
    const { first, call } = await busy()
    const refused = await ask('--if-busy', 'reject', 'and?')
    const { tasks } = await json<TaskList>('task', 'ls', '--in', '#rack-move')
    expect(tasks).toHaveLength(1)
    expect(refused).toMatchObject({ code: 9, stdout: '' })
    expect(refused.stderr).toContain(`#rack-move is busy: task ${tasks[0]!.id.slice(-6)} is running`)
    expect(await ask('--if-busy', 'interrupt', 'no, how?')).toMatchObject({
      code: 0,
      stdout: 'It is well.\n',
    })
    const interrupted = await first
    expect(interrupted.code).toBe(7)
    expect(interrupted.stderr).toContain('was cancelled: interrupted by a newer message')
    // its worker hears of it at the next heartbeat, and then hangs up
    await expect.poll(() => call.leftAt).not.toBeNull()
    expect(call.leftAt! - chats().at(-1)!.at).toBeLessThan(30_000)
  })
})

it('tells the tokens and the time of a model call, at once and in hai task show', async () => {
  const told = /llama3\.2:3b · 100 in, 20 out · \d+(\.\d)? m?s · @ \w{6}$/m
  expect((await run('ask', 'why?')).stderr).toMatch(told)
  const receipt = /ollama\/llama3\.2:3b: 100 in, 20 out · \d+(\.\d)? m?s$/m
  const { stdout } = await run('task', 'show', '@')
  expect(stdout).toMatch(new RegExp(`^ +\\+\\d.* {2}${receipt.source}`, 'm'))
  expect(stdout).toMatch(/Answer\n {2}It is well\.\n$/)
})
