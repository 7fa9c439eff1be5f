import stringWidth from 'string-width'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { table } from '../../../cli/show/table.ts'
import { fit, harmless, prepareWidths, width } from '../../../cli/show/width.ts'
import fc from '../../support/fast-check.ts'
import { type CannedServer, cannedServer } from '../canned-server.ts'
import { aHomeFolder, runHai } from '../run-hai.ts'
import { aTask, aTodo, ulid } from '../samples.ts'

const BODIES = [
  'replace the UPS battery',
  '電池を交換する、そして古いものを捨てる、忘れずにラベルも貼る',
  'celebrate 🎉 with the whole family 👨‍👩‍👧‍👦 and a cake 🎂 at the lake',
  'café e\u0301te\u0301 — naïve “quotes”',
  'a very long line that goes on and on and on, well past what any narrow terminal can show at once',
]

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>
let env: Record<string, string>

beforeEach(async () => {
  const todos = BODIES.map((body, n) => aTodo({ id: ulid(n), body, priority: n === 1 ? 'high' : 'normal' }))
  const tasks = BODIES.map((excerpt, n) =>
    aTask({ id: ulid(n), excerpt, state: n === 2 ? 'awaiting_approval' : 'done' }),
  )
  server = await cannedServer({
    'todo/list': () => ({ result: { todos } }),
    'task/list': () => ({ result: { tasks } }),
  })
  home = aHomeFolder()
  env = { ...home.env, ...server.env }
})

afterEach(async () => {
  await server.close()
  home.remove()
})

describe.each([40, 80, 200])('on a terminal of %i columns', (columns) => {
  it.each([['todo'], ['task']])(
    'hai %s ls fits, its columns stay straight, and text is left to read',
    async (noun) => {
      const { stdout } = await runHai([noun, 'ls'], { env, columns })
      const [header = '', ...lines] = stdout.trimEnd().split('\n')
      expect(lines).toHaveLength(BODIES.length)
      const last = header.lastIndexOf(noun.toUpperCase())
      for (const [n, line] of lines.entries()) {
        expect(stringWidth(line)).toBeLessThanOrEqual(columns)
        // Every cell before the last one is ASCII, so columns can be counted in characters.
        expect(line.slice(last - 2, last)).toBe('  ')
        expect(line.slice(last, last + 3)).toBe([...(BODIES[n] ?? '')].slice(0, 3).join('').slice(0, 3))
        expect(stringWidth(line.slice(last))).toBeGreaterThanOrEqual(12)
      }
    },
  )
})

it('keeps what follows a text whole where that is cut, dim, and leaves it out where nothing would be left', async () => {
  const rows = [
    ['a', { text: 'a long text that is cut', tail: '(4 questions)' }],
    ['b', 'short'],
  ]
  const lines = (columns: number | undefined) =>
    table([{ title: 'ID' }, { title: 'TASK' }], rows, { columns, title: (text) => `<${text}>` })
  expect((await lines(30))[1]).toBe('a   a long text…< (4 questions)>')
  expect((await lines(20))[1]).toBe('a   a long text tha…')
  expect((await lines(undefined))[0]).toBe('a  a long text that is cut< (4 questions)>')
  expect((await lines(80))[1]).toBe('a   a long text that is cut< (4 questions)>')
})

it('prints whole texts without a header when stdout is no terminal', async () => {
  const { stdout } = await runHai(['todo', 'ls'], { env })
  const lines = stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(BODIES.length)
  for (const [n, line] of lines.entries()) expect(line.endsWith(BODIES[n] ?? '?')).toBe(true)
  expect(stdout).not.toContain('\t')
})

it('shows as many characters of ids as tell them apart', async () => {
  const todos = ['01KAMZ5T3E8QWXYZ00A1SAME01', '01KAMZ5T3E8QWXYZ00B1SAME01'].map((id) => aTodo({ id }))
  server.doors['todo/list'] = () => ({ result: { todos } })
  const { stdout } = await runHai(['todo', 'ls'], { env })
  expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['A1SAME01', 'B1SAME01', ''])
})

it('colours only on a terminal, and never with NO_COLOR', async () => {
  const coloured = async (options: object) =>
    (await runHai(['todo', 'ls'], { env, ...options })).stdout.includes('\u001b[')
  const bright = { ...env, NO_COLOR: '' }
  expect(await coloured({ env: bright, columns: 80 })).toBe(true)
  expect(await coloured({ env: bright })).toBe(false)
  expect(await coloured({ columns: 80 })).toBe(false)
  expect(await coloured({ env: { ...bright, TERM: 'dumb' }, columns: 80 })).toBe(false)
})

it('never makes a line wider than the terminal, whatever the cells hold', async () => {
  await prepareWidths(['電'])
  const cell = fc.string({ unit: 'grapheme', maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell, cell)),
      fc.integer({ min: 40, max: 200 }),
      async (rows, columns) => {
        const header = [{ title: 'A', min: 6 }, { title: 'B', spare: 1 }, { title: 'C' }]
        const lines = await table(header, rows, { columns })
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns)
        expect(lines).toHaveLength(rows.length + 1)
      },
    ),
  )
})

it('cuts text to a width without splitting a letter', async () => {
  await prepareWidths(BODIES)
  for (const body of BODIES) {
    for (let columns = 1; columns < 30; columns++) {
      const text = fit(body, columns)
      expect(width(text)).toBeLessThanOrEqual(columns)
      const kept = text.replace(/…$/, '')
      expect(body.startsWith(kept)).toBe(true)
      expect(kept.endsWith('\u200d')).toBe(false)
    }
  }
})

it('keeps line breaks and tabs, and shows controls as a sign', () => {
  expect(harmless('a\tb\r\nc\u001b[31md\u0007\u202e')).toBe('a\tb\nc�[31md��')
})
