import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aTask, clear, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { type ChatRequest, fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
})
afterEach(() => server.stop())

/** Asks, has it answered with `answer`, and gives the task's id. The window is in tokens. */
async function turn(content: string, answer: string, given: Record<string, unknown> = {}, window = 100_000) {
  const id = await aTask(db.sql, { content, ...given })
  server.next({ text: answer })
  await work(db.sql, aShift(anAccess(aChoice(server.url, {}, window))))
  expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: answer })
  return id
}

/** What the model was given last, without the system's part. */
function given(): { role: string; content: unknown }[] {
  const { messages } = callsOf(server).at(-1)!.body as ChatRequest
  expect(messages[0]!.role).toBe('system')
  return messages.slice(1)
}

const notices = async (id: string) =>
  (
    await db.sql<{ text: string }[]>`
    select text from hai.task_event where task_id = ${id} and type = 'notice' order by seq`
  ).map(({ text }) => text)

describe('a conversation', () => {
  it('carries its earlier turns, in order, and its question once', async () => {
    const first = await turn('name a fruit', 'Quince.')
    const { conversation_id } = await rowOf(db.sql, first)
    await turn('and another', 'Medlar.', { conversation_id })
    await turn('which is sweeter?', 'The medlar.', { conversation_id })
    expect(given()).toEqual([
      { role: 'user', content: 'name a fruit' },
      { role: 'assistant', content: 'Quince.' },
      { role: 'user', content: 'and another' },
      { role: 'assistant', content: 'Medlar.' },
      { role: 'user', content: 'which is sweeter?' },
    ])
  })

  it('carries nothing of other conversations, of other people, or of what was never answered', async () => {
    await turn('of another conversation', 'Yes.')
    const first = await turn('name a fruit', 'Quince.')
    const { conversation_id } = await rowOf(db.sql, first)
    const strange = await turn('a secret of the guest’s', 'Hush.', { conversation_id })
    await db.sql`update hai.task_queue set requester = 'guest' where id = ${strange}`
    const dead = await aTask(db.sql, { content: 'never answered', conversation_id })
    await work(db.sql, aShift({ offers: [] }))
    expect(await rowOf(db.sql, dead)).toMatchObject({ state: 'dead' })
    await turn('and another', 'Medlar.', { conversation_id })
    expect(given().map(({ content }) => content)).toEqual(['name a fruit', 'Quince.', 'and another'])
  })

  it('drops its oldest turns by halves when the window is small, and says so', async () => {
    const words = (count: number) => 'word '.repeat(count).trim()
    const first = await turn('one', words(300))
    const { conversation_id } = await rowOf(db.sql, first)
    for (const question of ['two', 'three', 'four', 'five'])
      await turn(question, words(300), { conversation_id })
    const last = await turn('six', 'Well.', { conversation_id }, 2400)
    expect(given().filter(({ role }) => role === 'user')).toMatchObject([
      { content: 'four' },
      { content: 'five' },
      { content: 'six' },
    ])
    expect(await notices(last)).toEqual([
      "3 of 5 earlier turns are too old for the model's window and were left out",
    ])
  })
})

describe('attached text', () => {
  const log = { name: 'journal.log', content: 'line of a log\n'.repeat(2000) }

  it('is given whole under its name when it fits', async () => {
    const id = await turn('what broke?', 'Nothing.', {
      context: [{ name: 'a "log"', content: 'all is well' }],
    })
    expect(given()[0]!.content).toBe('<attached name="a \\"log\\"">\nall is well\n</attached>\n\nwhat broke?')
    expect(await notices(id)).toEqual([])
  })

  it('is cut when it does not fit, and both the model and the person are told', async () => {
    const id = await turn('what broke?', 'Nothing.', { context: [log] }, 4096)
    const [notice] = await notices(id)
    const [, left] =
      /^journal\.log: (.*) in the middle do not fit the model's window and were left out$/.exec(notice!) ?? []
    expect(left).toMatch(/^\d+ of 2000 lines \(\d+ of 28000 characters\)$/)
    const content = String(given()[0]!.content)
    expect(content).toContain(`\n[… ${left} left out here …]\n`)
    expect(content.endsWith('line of a log\n\n</attached>\n\nwhat broke?')).toBe(true)
    expect(content.length).toBeLessThan(4096 * 4)
    expect(content.length).toBeGreaterThan(4096 * 1.9)
  })

  it('shares the room: what is short stays whole beside what is long', async () => {
    const short = { name: 'short.txt', content: 'short' }
    const id = await turn(
      'what broke?',
      'Nothing.',
      { context: [short, log, { ...log, name: 'b.log' }] },
      4096,
    )
    expect((await notices(id)).map((notice) => notice.split(':')[0])).toEqual(['journal.log', 'b.log'])
    expect(given()[0]!.content).toContain('<attached name="short.txt">\nshort\n</attached>')
  })

  it('is never cut within a character', async () => {
    for (const lead of ['', 'x']) {
      await turn('and?', 'Well.', { context: [{ name: 'owls', content: lead + '🦉'.repeat(9000) }] }, 4096)
      expect(JSON.stringify(given())).not.toMatch(/\\ud[89ab]/i)
    }
  })

  it('leaves no room for what was said before, rather than the other way round', async () => {
    const first = await turn('one', 'a'.repeat(3000))
    const { conversation_id } = await rowOf(db.sql, first)
    const id = await turn('what broke?', 'Nothing.', { conversation_id, context: [log] }, 4096)
    expect(given()).toHaveLength(1)
    expect(await notices(id)).toHaveLength(2)
  })
})
