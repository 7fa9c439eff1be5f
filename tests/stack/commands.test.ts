import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TaskView } from '../../f/hai/core/task/shape.ts'
import type { Todo, TodoList } from '../../f/hai/core/todo/shape.ts'
import { hai } from '../support/hai.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const SENTENCE = 'add todo: replace the UPS battery #rack due 2026-11-27'

let stack: TestStack
beforeAll(async () => {
  stack = await startStack({ shared: true })
})

const run = (...args: string[]) => hai(stack.env, args)
const json = async <T>(...args: string[]) => JSON.parse((await run(...args, '--json')).stdout) as T

describe('the main job', () => {
  it('hands a task in, prints the answer on stdout and nothing around it, and exits 0', async () => {
    const { code, stdout, stderr } = await run('ask', SENTENCE)
    expect(stdout).toMatch(
      /^added todo “replace the UPS battery” \([0-9A-Z]{6}\), due Fri 27 Nov 2026, tag rack\n/,
    )
    // that it waits is said where the machine is slow
    expect(stderr).toMatch(/^(handing it over\n)?$/)
    expect(code).toBe(0)
  })

  it('finds it again: the todo in the list, the task with its history behind @', async () => {
    await run('ask', 'add todo: label the patch panel #found')
    const { todos } = await json<TodoList>('todo', 'ls', '--tag', 'found')
    expect(todos.map((todo) => todo.body)).toEqual(['label the patch panel'])
    await run('ask', SENTENCE)
    const task = await json<TaskView>('task', 'show', '@')
    expect(task.content).toBe(SENTENCE)
    expect(task.events.map((event) => event.type)).toEqual(['accepted', 'claimed', 'done'])
  })

  it('says so, exits 6 and gives the next command when nothing can answer', async () => {
    const { code, stdout, stderr } = await run('ask', 'why would a ZFS scrub slow down at night?')
    expect(stdout).toBe('')
    expect(stderr).toContain('there is no model to ask')
    expect(stderr).toContain("hai todo add --raw 'why would a ZFS scrub slow down at night?'")
    expect(code).toBe(6)
    expect(await json('task', 'result', '@')).toMatchObject({ state: 'dead', error: { code: 'no_route' } })
  })

  it('attaches piped text instead of asking it', async () => {
    const { code } = await hai(stack.env, ['ask', 'what broke?'], 'Nov 22 k3s[1]: out of memory\n')
    expect(code).toBe(6)
    const task = await json<TaskView>('task', 'show', '@')
    expect(task.content).toBe('what broke?')
    expect(task.context).toEqual([{ name: 'stdin', media_type: 'text/plain', bytes: 29 }])
  })

  it('keeps what begins like a reference of Windmill’s as it was written: words, files and what is piped in', async () => {
    const words = '$var:HOME in a shell script, what does it mean?'
    expect(await run('ask', words)).toMatchObject({ code: 6, stderr: expect.stringContaining('no model') })
    expect((await json<TaskView>('task', 'show', '@')).content).toBe(words)
    const file = join(stack.env.HOME!, 'piped.log')
    writeFileSync(file, '$res:f/hai/house\n$WM_TOKEN\n')
    const piped = '$jsonvar:u/operator/x\n'
    for (const text of ['$$var:x', '$WM_TOKEN', '$5', '$']) {
      const { code } = await hai(stack.env, ['task', 'add', text, '-f', file, '-f', '-'], piped)
      expect(code).toBe(0)
      const task = await json<TaskView>('task', 'show', '@')
      expect(task.content).toBe(text)
      const sql = postgres(stack.instance.database_url)
      const kept = await sql`select content from hai.artifact where task_id = ${task.id} order by content`
      await sql.end()
      expect(kept.map(({ content }) => content)).toEqual([piped, readFileSync(file, 'utf8')])
      const { body } = await json<Todo>('todo', 'add', '--raw', text)
      expect(body).toBe(text)
    }
    expect((await hai(stack.env, ['chat'], '$var:HOME?\n')).stderr).not.toContain('bug')
    expect((await json<TaskView>('task', 'show', '@')).content).toBe('$var:HOME?')
  })

  it('goes on in the same conversation with reply', async () => {
    await run('ask', 'what is open?')
    const first = await json<TaskView>('task', 'show', '@')
    await run('reply', 'what is overdue?')
    const second = await json<TaskView>('task', 'show', '@')
    expect(second.id).not.toBe(first.id)
    expect(second.conversation_id).toBe(first.conversation_id)
  })
})

describe('todos from the terminal', () => {
  it('adds, edits, finishes, reopens and drops one', async () => {
    const todo = await json<Todo>('todo', 'add', 'move the NAS #storage due 2026-12-01 !high')
    expect(todo).toMatchObject({
      body: 'move the NAS',
      tags: ['storage'],
      due: '2026-12-01',
      priority: 'high',
    })
    const id = todo.id.slice(-6).toLowerCase()
    expect((await run('todo', 'edit', id, '--due', '2026-12-24 17:00', '--tag', 'rack')).code).toBe(0)
    expect((await json<Todo>('todo', 'show', id)).tags.sort()).toEqual(['rack', 'storage'])
    expect((await run('todo', 'done', id)).code).toBe(0)
    expect((await json<Todo>('todo', 'show', id)).status).toBe('done')
    expect((await run('todo', 'reopen', id)).code).toBe(0)
    expect((await run('todo', 'drop', id)).code).toBe(0)
    expect((await json<Todo>('todo', 'show', id)).status).toBe('dropped')
  })

  it('keeps the text as it is with --raw', async () => {
    const todo = await json<Todo>('todo', 'add', '--raw', 'ask about #42 due friday')
    expect(todo).toMatchObject({ body: 'ask about #42 due friday', tags: [], due: null })
  })

  it('runs one as a task and brings the answer back onto it', async () => {
    const todo = await json<Todo>('todo', 'add', '--raw', 'what is due today?')
    expect((await run('todo', 'run', todo.id)).code).toBe(0)
    const after = await json<Todo>('todo', 'show', todo.id)
    expect(after.result).toBeTruthy()
    expect(await json<TaskView>('task', 'show', after.task_id!)).toMatchObject({
      todo_id: todo.id,
      state: 'done',
    })
  })

  it('offers only what is not blocked as next', async () => {
    const first = await json<Todo>('todo', 'add', 'order rails #blocked')
    await run('todo', 'add', 'mount the UPS #blocked', '--after', first.id)
    const { todos } = await json<TodoList>('todo', 'next', '--tag', 'blocked')
    expect(todos.map((todo) => todo.body)).toEqual(['order rails'])
  })
})

describe('what goes wrong', () => {
  it.each([
    [['task', 'show', 'zzzzzz'], 3, 'no task zzzzzz'],
    [['task', 'show', 'u!'], 2, 'expected the last 6 characters'],
    [['todo', 'add', ''], 2, 'there is no text'],
    [['todo', 'add', 'x', '--due', 'someday maybe'], 2, '"someday maybe" is not a date'],
    [['todo', 'done', 'zzzzzz'], 3, 'no todo zzzzzz'],
    [['task', 'ls', '--state', 'lost'], 2, 'lost'],
    [['ask', 'x', '--priority', 'huge'], 2, 'huge'],
    [['todo', 'lss'], 2, 'did you mean ls'],
  ])('%j exits %i and says why', async (args, code, message) => {
    const result = await run(...(args as string[]))
    expect(result.stderr).toContain(message)
    expect(result.stdout).toBe('')
    expect(result.code).toBe(code)
  })

  it('refuses to retry what has not ended badly, and to cancel what has ended', async () => {
    await run('ask', 'what is open?')
    expect(await run('task', 'retry', '@')).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('is done'),
    })
    expect(await run('task', 'cancel', '@')).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('is done'),
    })
  })

  it('retries a dead task and keeps what happened before', async () => {
    await run('ask', 'sing me a song')
    await run('task', 'retry', '@')
    await run('task', 'tail', '@')
    const task = await json<TaskView>('task', 'show', '@')
    expect(task.events.map((event) => event.type)).toEqual([
      'accepted',
      'claimed',
      'dead',
      'retried',
      'claimed',
      'dead',
    ])
  })
})
