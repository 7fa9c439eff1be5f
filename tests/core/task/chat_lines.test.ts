import { beforeEach, describe, expect, it } from 'vitest'
import { listTasks } from '../../../f/hai/core/task/list.ts'
import type { TaskSummary } from '../../../f/hai/core/task/shape.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTask, clear, FOR_A_MODEL } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()

type Filter = Parameters<typeof listTasks>[1]
const list = (filter: Filter = {}, caller = operator) => listTasks(db.sql, filter, caller)
const lines = async (filter: Filter = {}, caller = operator) =>
  (await list(filter, caller)).tasks.map(({ excerpt, questions }) => [excerpt, questions])

/** A question of a chat. */
const question = (content: string, conversation_id: string, given = {}) =>
  aTask(db.sql, { content, conversation_id, chat: {}, source: 'openwebui', ...given })
const errand = (content = '### Task: a title', given = {}) =>
  aTask(db.sql, { content, chat: { errand: true }, source: 'openwebui', ...given })

describe('a chat in lists', () => {
  it('is its newest question, with how many they are, among all that is no chat', async () => {
    await question('what is a NAS?', '#nas')
    await aTask(db.sql, { content: 'about the rack', conversation_id: '#rack' })
    await question('and a SAN?', '#nas')
    await aTask(db.sql, { content: 'and its fans', conversation_id: '#rack' })
    await question('is it hot in here?', '#heat')
    expect(await list()).toMatchObject({ total: 4 })
    expect(await lines()).toEqual([
      ['is it hot in here?', 1],
      ['and its fans', undefined],
      ['and a SAN?', 2],
      ['about the rack', undefined],
    ])
  })

  it('is no line of its errands, whichever comes last', async () => {
    await question('what is a NAS?', '#nas')
    await errand('### Task: tags', { conversation_id: '#nas' })
    expect(await lines()).toEqual([['what is a NAS?', 1]])
  })

  it('is each of its questions where its conversation, a state or a text is asked for', async () => {
    await question('what is a NAS?', '#nas')
    await question('and what is a SAN?', '#nas')
    const each = [
      ['and what is a SAN?', undefined],
      ['what is a NAS?', undefined],
    ]
    for (const filter of [
      { conversation_id: '#nas' },
      { state: 'pending' },
      { state: 'open' },
      { text: 'what' },
    ]) {
      expect(await lines(filter)).toEqual(each)
      expect(await list(filter)).toMatchObject({ total: 2 })
    }
  })

  it('is counted by what else is asked for: its newest question of that time, source or member', async () => {
    await question('first', '#nas')
    await db.sql`update hai.task_queue set created_at = now() - interval '2 days'`
    await question('second', '#nas', { source: 'homeassistant' })
    await question('third', '#nas')
    const yesterday = new Date(Date.now() - 86_400_000).toISOString()
    expect(await lines({ until: yesterday })).toEqual([['first', 1]])
    expect(await lines({ since: yesterday })).toEqual([['third', 2]])
    expect(await lines({ source: 'homeassistant' })).toEqual([['second', 1]])
    expect(await lines({ source: 'openwebui' })).toEqual([['third', 2]])
    expect(await list({ source: 'openwebui' })).toMatchObject({ total: 1 })
  })

  it('shows a member none of what others asked in it', async () => {
    const guests = await question('what a guest asked', '#nas')
    await question('what the operator asked', '#nas')
    await db.sql`update hai.task_queue set requester = 'guest' where id = ${guests}`
    expect(await lines({}, aCaller('guest'))).toEqual([['what a guest asked', 1]])
    expect(await lines()).toEqual([['what the operator asked', 2]])
  })

  it('is on one page, whole, though it is gone on with between the pages', async () => {
    await question('about the old one', '#old')
    await aTask(db.sql, { content: 'between' })
    await question('about the new one', '#new')
    const first = await list({ limit: 1 })
    expect(first.tasks[0]!.excerpt).toBe('about the new one')
    await db.sql`update hai.task_queue set created_at = created_at - interval '1 minute'`
    // as if the page had been made a minute ago
    const cursor = first.next_cursor!.replace(/\d{13}/g, (ms) => String(Number(ms) - 60_000))
    await question('more of the old one', '#old')
    await question('more of the new one', '#new')
    const second = await list({ limit: 1, cursor })
    expect(second.tasks.map(({ excerpt }) => excerpt)).toEqual(['between'])
    expect(await lines({ cursor: second.next_cursor! })).toEqual([['about the old one', 1]])
    expect(await lines()).toEqual([
      ['more of the new one', 2],
      ['more of the old one', 2],
      ['between', undefined],
    ])
  })

  it('gives each chat once and in its place, whatever the pages and the order', async () => {
    const said = fc.record({
      of: fc.constantFrom(null, '#a', '#b', '#c'),
      chat: fc.boolean(),
      errand: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(said, { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async (all, limit) => {
          await clear(db.sql)
          const wanted: string[] = []
          for (const [n, { of, chat, errand }] of all.entries()) {
            await aTask(db.sql, {
              content: `${n}`,
              ...(of ? { conversation_id: of } : {}),
              ...(chat ? { chat: { errand } } : {}),
            })
            const later = all.slice(n + 1)
            const hidden = of && later.some((other) => other.of === of && other.chat && !other.errand)
            if (!(chat && (errand || hidden))) wanted.unshift(`${n}`)
          }
          const found: TaskSummary[] = []
          for (let cursor: string | undefined; ; ) {
            const page = await list({ limit, ...(cursor ? { cursor } : {}) })
            found.push(...page.tasks)
            expect(page.total).toBe(wanted.length)
            cursor = page.next_cursor
            if (!cursor) break
          }
          expect(found.map(({ excerpt }) => excerpt)).toEqual(wanted)
          const questions = all.filter(({ chat, errand }) => chat && !errand).length
          expect(found.reduce((sum, { questions = 0 }) => sum + questions, 0)).toBe(questions)
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('errands', () => {
  it('are in no list, whatever is asked for, and all that there is where they are', async () => {
    const asked = await question('what is a NAS?', '#nas')
    const title = await errand('### Task: a title of what is a NAS?', { conversation_id: '#nas' })
    const tags = await errand('### Task: tags', { chat: { errand: true }, ...FOR_A_MODEL })
    for (const filter of [
      {},
      { conversation_id: '#nas' },
      { state: 'open' },
      { text: 'NAS' },
      { source: 'openwebui' },
    ]) {
      const { tasks, total } = await list(filter)
      expect(tasks.map(({ id }) => id)).toEqual([asked])
      expect(total).toBe(1)
    }
    const ids = async (filter: Filter) => (await list({ ...filter, errands: true })).tasks.map(({ id }) => id)
    expect(await ids({})).toEqual([tags, title])
    expect(await ids({ text: 'title' })).toEqual([title])
    expect(await ids({ state: 'pending', conversation_id: '#nas' })).toEqual([title])
    const { next_cursor, total } = await list({ errands: true, limit: 1 })
    expect(total).toBe(2)
    expect(await ids({ cursor: next_cursor! })).toEqual([title])
  })
})
