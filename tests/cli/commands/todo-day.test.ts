import { expect, it } from 'vitest'
import { openTerminal } from '../../support/terminal.ts'
import { refusal } from '../canned-server.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { PROGRAM, runHai } from '../run-hai.ts'
import { aTodo, ulid } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
const ID = ulid(7)
const EITHER = ['2099-01-12', '2098-12-01'] as [string, string]
const NOTE = '“12/01” is 12 Jan or 1 Dec'
const unread = [{ text: '12/01', why: 'either', either: EITHER, without: 'pay the rent' }]
const read = { text: '', time_zone: 'UTC', unread, notes: [NOTE] }
const todo = (body: unknown, due: unknown) =>
  aTodo({ id: ID, body: String(body ?? 'pay the rent'), due: typeof due === 'string' ? due : null })
const either = refusal(400, 'invalid', 'due: "12/01" may be two days', { either: EITHER })
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => ({
    'todo/add': ({ body, due }) =>
      due === '12/01' ? either : { result: { ...todo(body, due), ...(due ? {} : { read }) } },
    'todo/update': ({ body, due }) => (due === '12/01' ? either : { result: todo(body, due) }),
  }),
)

const asked = async (...argv: string[]) => {
  const terminal = openTerminal([process.execPath, PROGRAM, 'todo', ...argv], { env })
  await terminal.shows('Which day is 12/01?')
  return terminal
}
const changes = () => server.callsOf('todo/update').map(({ args }) => args)

it('asks at a terminal which of two days a text names, and sets it so that one undo takes both back', async () => {
  const terminal = await asked('add', 'pay the rent due 12/01')
  terminal.type('\x1b[B')
  await terminal.shows(/● .*2099-01-12/)
  terminal.type('\r')
  expect(await terminal.ended).toBe(0)
  expect(changes()).toEqual([{ id: ID, due: '2099-01-12', body: 'pay the rent', batch: ID }])
  expect(terminal.all()).toMatch(/added 000007 pay the rent, due Mon 12 Jan 2099/)
  expect(terminal.all()).not.toContain(NOTE)
})

it.each([
  ['Enter alone', '\r'],
  ['Ctrl-C', '\x03'],
])('leaves it without a date on %s, and says how to set one', async (_, key) => {
  const terminal = await asked('pay', 'the', 'rent', 'due', '12/01')
  terminal.type(key)
  await terminal.shows('added 000007 pay the rent due 12/01')
  await terminal.shows(NOTE)
  expect(await terminal.ended).toBe(0)
  expect(changes()).toEqual([])
})

it('asks the same of --due, and changes nothing where neither is chosen', async () => {
  const terminal = await asked('edit', ID, '--due', '12/01')
  terminal.type('\x1b[B\x1b[B')
  await terminal.shows(/● .*2098-12-01/)
  terminal.type('\r')
  expect(await terminal.ended).toBe(0)
  expect(changes().at(-1)).toEqual({ id: ID, due: '2098-12-01' })
  const left = await asked('add', 'pay the rent', '--due', '12/01')
  left.type('\r')
  expect(await left.ended).toBe(2)
  expect(left.all()).toContain('may be two days')
  expect(server.callsOf('todo/add')).toHaveLength(1)
})

it('asks nobody in a pipe or with --json', async () => {
  const piped = await runHai(['todo', 'add', 'pay the rent due 12/01'], { env })
  expect(piped).toMatchObject({ exit: 0, stdout: 'added 000007 pay the rent due 12/01\n' })
  expect(piped.stderr).toContain(NOTE)
  const shown = await runHai(['todo', 'add', 'pay the rent due 12/01', '--json'], { env, attended: true })
  expect(JSON.parse(shown.stdout)).toMatchObject({ id: ID, due: null })
  expect(changes()).toEqual([])
})
