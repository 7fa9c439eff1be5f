import { expect, it } from 'vitest'
import { openTerminal } from '../../support/terminal.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { PROGRAM } from '../run-hai.ts'
import { aTodo, ulid } from '../samples.ts'

let server: CannedWorld['server']
let env: CannedWorld['env']
const TODOS = ['call mum', 'pay the invoice', 'pay the invoice', 'replace the fan'].map((body, i) =>
  aTodo({ id: ulid(i + 1), body, due: i === 1 ? '2099-11-27' : null, tags: i === 3 ? ['rack'] : [] }),
)
cannedWorld(
  (world) => {
    ;({ server, env } = world)
  },
  () => ({
    'todo/list': () => ({ result: { todos: TODOS, total: TODOS.length } }),
    'todo/update': ({ id }) => ({ result: aTodo({ id: String(id), status: 'done' }) }),
  }),
)

const open = () => openTerminal([process.execPath, PROGRAM, 'todo', 'done'], { env })
const closed = () => server.callsOf('todo/update').map(({ args }) => args.id)

it('shows date and id in every row, narrows the list as one types, and picks by Tab', async () => {
  const terminal = open()
  await terminal.shows('000003')
  expect(terminal.screen()).toMatch(/000002 {2}Fri 27 Nov 2099 {2}pay the invoice\n.*000003 +pay the invoice/)
  terminal.type('pay inv')
  await terminal.shows('2 matches')
  expect(terminal.screen()).not.toContain('call mum')
  terminal.type('\t')
  await terminal.shows(/◼.*000002/)
  terminal.type('\r')
  expect(await terminal.ended).toBe(0)
  expect(closed()).toEqual([ulid(2)])
})

it('picks nothing by a letter', async () => {
  const terminal = open()
  await terminal.shows('000001')
  terminal.type('a')
  await terminal.shows('Search: a')
  terminal.type('\r')
  expect(await terminal.ended).toBe(2)
  expect(terminal.all()).toContain('none was picked; nothing was changed')
  expect(closed()).toEqual([])
})

it('changes nothing when it is left', async () => {
  const terminal = open()
  await terminal.shows('000001')
  terminal.type('#rack')
  await terminal.shows('1 match')
  terminal.type('\x03')
  expect(await terminal.ended).toBe(130)
  expect(closed()).toEqual([])
})
