import { describe, expect, it } from 'vitest'
import { CONTRACT } from '../../../f/hai/core/base/contract.ts'
import { type Door, refusal } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { aHealth, aTodo, aView, TASK_ID } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld((world) => {
  ;({ server, env } = world)
})

const serve = (doors: Record<string, Door>) => Object.assign(server.doors, doors)

describe('what a door refuses', () => {
  it.each([
    [400, 'invalid', 2],
    [401, 'unauthorized', 4],
    [403, 'forbidden', 4],
    [404, 'not_found', 3],
    [409, 'conflict', 9],
    [410, 'gone', 3],
    [429, 'budget', 10],
    [503, 'unavailable', 5],
  ])('ends %i %s with exit status %i and one line', async (status, code, exit) => {
    const details = { retry_after_seconds: 600 }
    serve({
      'todo/list': () => refusal(status, code, 'the message', details),
      'admin/health': () => ({ result: aHealth() }),
    })
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran).toMatchObject({ exit, stdout: '' })
    expect(ran.stderr.split('\n').filter((line) => line.startsWith('hai:'))).toEqual(['hai: the message'])
  })

  it('is understood in the shape that async and flow callers get', async () => {
    const error = { code: 'conflict', message: 'it runs already' }
    serve({
      'todo/list': () => ({ result: { wm_failure: 'x', windmill_status_code: 409, result: { error } } }),
    })
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran.exit).toBe(9)
    expect(ran.stderr).toContain('hai: it runs already\n')
  })

  it('shows the candidates of an ambiguous id', async () => {
    serve({
      'task/show': () => refusal(409, 'conflict', '7F is ambiguous', { candidates: ['AB7F', 'CD7F'] }),
    })
    const ran = await runHai(['task', 'show', '7f'], { env })
    expect(ran.exit).toBe(9)
    expect(ran.stderr).toContain('→ one of: AB7F, CD7F\n')
  })

  it("does not take a dead task's error for a failed call", async () => {
    const error = { code: 'no_route', message: 'no model is configured' }
    serve({ 'task/show': () => ({ result: aView({ state: 'dead', error }) }) })
    const ran = await runHai(['task', 'show', TASK_ID], { env })
    expect(ran).toMatchObject({ exit: 0 })
    expect(ran.stdout).toContain('no model is configured')
  })

  it('names the contract numbers when they may be why', async () => {
    serve({
      'todo/list': () => refusal(400, 'invalid', 'unknown field next'),
      'admin/health': () => ({ result: aHealth({ contract: CONTRACT + 1 }) }),
    })
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain(
      `→ this hai speaks contract ${CONTRACT}, the server ${CONTRACT + 1}: update hai here`,
    )
  })

  it('sends the contract number with every request', async () => {
    serve({ 'todo/list': () => ({ result: { todos: [] } }) })
    await runHai(['todo', 'ls'], { env })
    expect(server.calls[0]?.headers['x-hai-contract']).toBe(`${CONTRACT}`)
  })
})

describe('what no door answered', () => {
  it('names a door that the server does not have', async () => {
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran.exit).toBe(3)
    expect(ran.stderr).toContain(`hai: workspace test at ${server.endpoint} has no f/hai/todo/list`)
  })

  it('says where a refused token came from, and never the token', async () => {
    const ran = await runHai(['todo', 'ls'], { env: { ...env, HAI_TOKEN: 'wrong-token-abcdefghijklm' } })
    expect(ran.exit).toBe(4)
    expect(ran.stderr).toContain('does not accept the token from HAI_TOKEN')
    expect(ran.stderr).not.toContain('wrong-token')
  })

  it('calls a crashed door a bug, with its stack only when asked', async () => {
    const error = {
      name: 'TypeError',
      message: 'x is undefined',
      stack: 'TypeError: x is undefined\n    at main.ts:3',
    }
    serve({ 'todo/list': () => ({ status: 422, body: { error } }) })
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran.exit).toBe(1)
    expect(ran.stderr).toContain(
      'hai: f/hai/todo/list failed: x is undefined\n→ this is a bug; HAI_DEBUG=1 shows where',
    )
    expect(ran.stderr).not.toContain('main.ts')
    const debugged = await runHai(['todo', 'ls'], { env: { ...env, HAI_DEBUG: '1' } })
    expect(debugged.stderr).toContain('at main.ts:3')
  })

  it.each([
    [302, 'Found', 'a login in front of it'],
    [500, 'SqlErr: connection closed', '500: SqlErr: connection closed'],
    [200, '<html>', 'an answer that is not JSON'],
  ])('ends a %i with 5 and says what came', async (status, body, message) => {
    serve({ 'todo/list': () => ({ status, body }) })
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran.exit).toBe(5)
    expect(ran.stderr).toContain(message)
  })

  it('does not let an answer redraw the terminal', async () => {
    serve({ 'todo/list': () => ({ result: { todos: [aTodo({ body: 'a\u001b[2Jb\u202ec' })] } }) })
    expect((await runHai(['todo', 'ls'], { env })).stdout).toContain('a�[2Jb�c')
  })
})

describe('a command line that is wrong', () => {
  it.each([
    [['tsk'], "unknown command 'tsk'", 'did you mean ask or task? see: hai --help'],
    [['task', 'shwo', 'x'], "unknown command 'shwo'", 'did you mean show? see: hai task --help'],
    [['todo', 'ls', '--jsn'], "unknown option '--jsn'", 'did you mean --json? see: hai todo ls --help'],
    [['ask', 'why', '-x'], "unknown option '-x'", 'put -- before text that begins with -'],
    [['ask'], "missing required argument 'text'", 'see: hai ask --help'],
    [['--profile'], "option '--profile <name>' argument missing", 'see: hai --help'],
    [['ask', 'x', '--priority', 'hgh'], 'Allowed choices are low, normal, high, urgent', 'hai ask --help'],
    [['ask', 'x', '--ttl', 'soon'], 'Expected a length of time', 'hai ask --help'],
    [['task', 'ls', '--state', 'finished'], 'Allowed choices are open, pending', 'hai task ls --help'],
    [['task', 'ls', '--since', '2026-02-30'], "'2026-02-30' is invalid", 'hai task ls --help'],
    [
      ['todo', 'ls', '--limit', '-1'],
      "'-1' is invalid. Expected a whole number from 1",
      'hai todo ls --help',
    ],
    [['todo', 'ls', 'extra'], 'too many arguments', 'see: hai todo ls --help'],
    [['task', 'rate', '@', 'great'], 'Allowed choices are useful, noise, acted', 'hai task rate --help'],
    [['ask', '   '], 'there is no text', ''],
  ])('%j ends with 2 and names what is wrong', async (argv, message, next) => {
    const ran = await runHai(argv, { env })
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain(`hai: `)
    expect(ran.stderr).toContain(message)
    expect(ran.stderr).toContain(next)
    expect(server.calls).toEqual([])
  })

  it('shows the verbs of a noun that stands alone, on stderr', async () => {
    const ran = await runHai(['todo'], { env })
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain('Usage: hai todo')
  })
})
