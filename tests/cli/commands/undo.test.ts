import { expect, it } from 'vitest'
import { refusal } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'
import { aTodo, ulid } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
cannedWorld((world) => {
  ;({ server, env } = world)
})

const hai = (...argv: string[]) => runHai(argv, { env })
const undoes = (...undone: object[]) => {
  const result = { made_at: new Date(Date.now() - 180_000).toISOString(), undone }
  Object.assign(server.doors, { 'todo/undo': () => ({ result }) })
  return result
}
const open = aTodo({ due: null, tags: [] })

it.each([
  [{ deed: 'done', fields: [], todo: open }, 'done 3 min ago', 'CD9XQ4 replace the UPS battery'],
  [
    { deed: 'added', fields: [], todo: { ...open, status: 'dropped' } },
    'added 3 min ago',
    'CD9XQ4 replace the UPS battery is dropped',
  ],
  [
    { deed: 'edited', fields: ['due', 'depends_on'], todo: open },
    'due, depends on changed 3 min ago',
    'CD9XQ4 replace the UPS battery',
  ],
])('says what was taken back: %j', async (one, when, now) => {
  undoes(one)
  expect(await hai('undo')).toMatchObject({ exit: 0, stdout: `taken back (${when}): ${now}\n` })
  expect(server.callsOf('todo/undo')[0]?.args).toEqual({ idempotency_key: expect.any(String) })
})

it('takes back what was done as one, each in a line, and gives the bare result with --json', async () => {
  const result = undoes(
    { deed: 'done', fields: [], todo: aTodo({ id: ulid(1) }) },
    { deed: 'dropped', fields: [], todo: aTodo({ id: ulid(2) }) },
  )
  expect((await hai('undo')).stdout.trimEnd().split('\n')).toHaveLength(2)
  expect(JSON.parse((await hai('undo', '--json')).stdout)).toEqual(result)
})

it('asks for the change of one todo, by @ too', async () => {
  undoes({ deed: 'done', fields: [], todo: open })
  await hai('undo', '7f3k2m')
  await hai('undo', '@')
  expect(server.callsOf('todo/undo').map(({ args }) => args.id)).toEqual(['7f3k2m', open.id])
})

it('sends the same key again when the answer was lost', async () => {
  const result = undoes({ deed: 'done', fields: [], todo: open })
  Object.assign(server.doors, {
    'todo/undo': (_args: object, call: number) => (call === 1 ? 'hang up' : { result }),
  })
  expect((await hai('undo')).exit).toBe(0)
  const [first, second] = server.callsOf('todo/undo').map(({ args }) => args.idempotency_key)
  expect(first).toBe(second)
})

it.each([
  [404, 'not_found', 'there is no change of yours of a todo to take back', 3],
  [409, 'conflict', 'kim changed todo CD9XQ4 since, and nothing was taken back', 9],
])('ends with what the server refuses: %i', async (status, code, message, exit) => {
  Object.assign(server.doors, { 'todo/undo': () => refusal(status, code, message) })
  const ran = await hai('undo')
  expect(ran).toMatchObject({ exit, stdout: '' })
  expect(ran.stderr).toContain(message)
})
