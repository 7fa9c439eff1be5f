import { describe, expect, it } from 'vitest'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { aTodo, ulid } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
const bins = (given: Parameters<typeof aTodo>[0] = {}) =>
  aTodo({ body: 'take out the bins', recur: 'every Monday', tags: [], ...given })
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => ({
    'todo/add': () => ({ result: bins() }),
    'todo/list': () => ({ result: { todos: [bins(), aTodo()], total: 2 } }),
    'todo/show': () => ({ result: bins({ follows: ulid(8) }) }),
    'todo/skip': () => ({ result: bins() }),
    'todo/update': ({ status, recur }) => ({
      result: {
        ...bins({ status: (status ?? 'open') as 'open', ...(recur === null && { recur: null }) }),
        ...(status === 'done' && { next: bins({ id: ulid(9) }) }),
      },
    }),
  }),
)

const hai = (...argv: string[]) => runHai(argv, { env })
const lastArgs = (path: string) => server.callsOf(path).at(-1)?.args

describe('a todo that recurs', () => {
  it('is put down with --every', async () => {
    const { stdout } = await hai('todo', 'add', 'take out the bins', '--every', 'monday')
    expect(stdout).toContain('take out the bins, due Fri 27 Nov 2099, every Monday')
    expect(lastArgs('todo/add')).toMatchObject({ recur: 'monday' })
    await hai('todo', 'edit', '7f3k2m', '--every', '2 weeks')
    expect(lastArgs('todo/update')).toEqual({ id: '7f3k2m', recur: '2 weeks' })
  })

  it('is marked in lists, and told of by itself', async () => {
    const [marked, other] = (await hai('todo', 'ls')).stdout.split('\n')
    expect([marked, other]).toEqual([expect.stringContaining('2099 ↻'), expect.not.stringContaining('↻')])
    expect((await hai('todo', 'show', '7f3k2m')).stdout).toMatch(/^recurs +every Monday, after 000008$/m)
  })

  it('says what is next when it is done, and that nothing is when it is dropped', async () => {
    expect((await hai('todo', 'done', '7f3k2m')).stdout).toMatch(
      /^done: \w+ take out the bins\nnext: 000009 take out the bins, due .*, every Monday\n$/,
    )
    const dropped = await hai('todo', 'drop', '7f3k2m')
    expect(dropped.stdout).toMatch(/^dropped: \w+ take out the bins\n$/)
    expect(dropped.stderr).toContain('it recurred every Monday, and there is no next one now')
  })

  it('is skipped, once whatever becomes of the call', async () => {
    expect((await hai('todo', 'skip', '7f3k2m')).stdout).toMatch(/^skipped \w+ take out the bins, due /)
    expect(lastArgs('todo/skip')).toEqual({ id: '7f3k2m', batch: expect.stringMatching(/./) })
  })

  it('is stopped, and stays', async () => {
    const { stdout } = await hai('todo', 'stop', '7f3k2m')
    expect(stdout).toMatch(/^recurs no more: \w+ take out the bins, due [^,]*\n$/)
    expect(lastArgs('todo/update')).toEqual({ id: '7f3k2m', recur: null })
    Object.assign(server.doors, { 'todo/show': () => ({ result: aTodo() }) })
    const again = await hai('todo', 'stop', '7f3k2m')
    expect(again).toMatchObject({ exit: 2, stdout: '' })
    expect(again.stderr).toContain('does not recur; nothing was changed')
  })
})
