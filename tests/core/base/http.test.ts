import { beforeEach, describe, expect, it } from 'vitest'
import type { HaiError } from '../../../f/hai/core/base/errors.ts'
import { inOpenAiShape } from '../../../f/hai/core/surface/openai.ts'
import { ById, bodyOf, fieldsOf, jsonOf, jsonText } from '../../../f/hai/core/surface/request.ts'
import {
  changeTodo,
  costsToday,
  createTodo,
  dropTodo,
  receiveOne,
  TaskQuery,
  TodoQuery,
  tasksOfToday,
  todosOf,
} from '../../../f/hai/core/surface/rest.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEndedTask, aTaker, aTask, aTodo, clear } from '../../support/factories.ts'
import { windmillWith } from '../surface/windmill.ts'

const db = testDatabase()
windmillWith({})
const operator = aCaller()

function catching(work: () => unknown): HaiError {
  try {
    work()
  } catch (error) {
    return error as HaiError
  }
  throw new Error('nothing was refused')
}

beforeEach(async () => {
  await clear(db.sql)
})

describe('a request', () => {
  it('leaves nothing in a job’s arguments but the named fields of path and query', () => {
    const event = {
      params: { id: 'abc' },
      query: { id: 'other', state: 'dead', token: 'secret' },
      headers: { authorization: 'Bearer secret', state: 'x' },
    }
    expect(fieldsOf(event, ById)).toEqual({ id: 'abc' })
    expect(fieldsOf(event, TaskQuery)).toEqual({ state: 'dead' })
    expect(fieldsOf({}, ById)).toEqual({})
  })

  it('leaves nothing there that has not the form of its field', () => {
    const cursor = '1764288000000.01M8138RWMPG427JNZGXQ0AAAA'
    const good = { status: 'done', tag: '#Rack', limit: '5', cursor }
    expect(fieldsOf({ query: good }, TodoQuery)).toEqual(good)
    for (const secret of [
      'S3CRET VALUE==',
      'eyJhbGciOi.eyJpc19hZG1p.c2ln',
      { host: 'db', password: 'hush' },
    ]) {
      const query = { status: secret, tag: secret, limit: secret, cursor: secret, text: secret }
      const params = { id: `${JSON.stringify(secret)}` }
      expect(fieldsOf({ query, params }, TodoQuery)).toEqual({
        ...{ status: '', tag: '', limit: '', cursor: '', text: '' },
      })
      expect(fieldsOf({ params }, ById)).toEqual({ id: '' })
    }
  })

  it('has a body that is read from its text, and never said again', () => {
    expect(jsonOf('\ufeff{"a":1}')).toEqual({ a: 1 })
    expect(jsonOf(' {"a":"$var:f/hai/x","b":["$WM_TOKEN"]}')).toEqual({
      a: '$var:f/hai/x',
      b: ['$WM_TOKEN'],
    })
    const refusals: [unknown, string][] = [
      [undefined, 'expected JSON'],
      [' ', 'expected JSON'],
      [{ a: 1 }, 'expected JSON'],
      ['S3CRET', 'expected JSON'],
      ['{"a":S3CRET}', 'expected JSON'],
      [`${'['.repeat(201)}${']'.repeat(201)}`, 'more than 200 levels'],
      [`"${'x'.repeat(12 * 1024 * 1024)}"`, 'longer than'],
    ]
    for (const [raw, why] of refusals) {
      const refused = catching(() => jsonOf(raw))
      expect(refused).toMatchObject({ code: 'invalid', message: expect.stringContaining(`body: `) })
      expect(refused.message).toContain(why)
      expect(refused.message).not.toContain('S3CRET')
    }
    expect(jsonOf(JSON.stringify('['.repeat(300)))).toHaveLength(300)
  })

  it('is taken as JSON where Windmill has read it as such, whatever it has put in the place of texts', () => {
    const taken: [read: unknown, text: string][] = [
      [{ a: 'S3CRET', b: ['$WM_TOKEN'] }, '\n {"a":"$var:f/hai/x","b":["$WM_TOKEN"]}'],
      [{ a: { host: 'S3CRET' } }, '{"a":"$res:f/hai/x"}'],
      [JSON.parse('{"__proto__":1,"constructor":2}'), '{"__proto__":1,"constructor":2}'],
      [{ a: 2 }, '{"a":1,"a":2}'],
      [{}, '{}'],
      [['S3CRET'], '["$var:f/hai/x"]'],
      ['S3CRET', '"$var:f/hai/x"'],
      [null, 'null'],
    ]
    for (const [body, raw_string] of taken) {
      expect(bodyOf({ body, raw_string })).toEqual(JSON.parse(raw_string))
      expect(jsonText({ body, raw_string })).toBe(raw_string)
    }
  })

  it('is refused where it was read as anything else, though what came of it is JSON', () => {
    const secrets = ['{"content":"S3CRET","source":"test"}', '["S3CRET"]', '"S3CRET"', '{"S3CRET":1}', 'null']
    const asText = {}
    const asForm = { '$var:f/hai/x': '' }
    const asNothing = [undefined, null, 'S3CRET', { password: 'S3CRET' }]
    const pieces = [{ content: 'x' }, { content: 'x', source: 'test', user: 'y' }]
    for (const raw_string of secrets) {
      for (const body of [asText, asForm, { raw_string }, ...pieces]) {
        const refused = catching(() => bodyOf({ body, raw_string }))
        expect(refused).toMatchObject({
          ...{ code: 'invalid', message: 'body: expected JSON; send it with content-type: application/json' },
        })
        expect(jsonText({ body, raw_string })).toBe('')
      }
    }
    for (const raw_string of ['eyJhbGciOi.eyJpc19hZG1p.c2ln', 'S3CRET', ...asNothing]) {
      expect(jsonText({ body: asText, raw_string })).toBe('')
    }
  })

  it('fails in OpenAI’s shape, and is named on every answer', async () => {
    const failed = { windmill_status_code: 401, result: { error: { code: 'unauthorized', message: 'x' } } }
    const named = (more: object) => ({ 'x-request-id': expect.stringMatching(/./), ...more })
    expect(await inOpenAiShape(Promise.resolve(failed))).toEqual({
      windmill_status_code: 401,
      windmill_headers: named({ 'x-should-retry': 'false' }),
      result: {
        error: { message: 'x', type: 'invalid_request_error', param: null, code: 'invalid_api_key' },
      },
    })
    const theirs = { windmill_status_code: 503, result: { error: { type: 'server_error', code: 'dead' } } }
    expect(await inOpenAiShape(Promise.resolve(theirs))).toEqual({ ...theirs, windmill_headers: named({}) })
    expect(await inOpenAiShape(Promise.resolve({ object: 'list' }))).toEqual({
      ...{ windmill_status_code: 200, windmill_headers: named({}), result: { object: 'list' } },
    })
  })
})

describe('the inbox route', () => {
  const seedBody = {
    task_id: 'a-1',
    source: 'zulip',
    content: 'what is open?',
    user: 'sam',
    zulip_user_id: 7,
  }
  const stored = async () => (await db.sql`select from hai.task_queue`).length

  it('takes the seed’s body and answers 202 with what became of it, no more', async () => {
    const { windmill_status_code, result } = await receiveOne(db.sql, seedBody, operator, aTaker())
    expect(windmill_status_code).toBe(202)
    expect(result).toEqual({
      task_id: expect.any(String),
      status: 'accepted',
      conversation_id: result.task_id,
    })
    const again = await receiveOne(db.sql, seedBody, operator, aTaker())
    expect(again.result).toEqual({ ...result, status: 'duplicate' })
    const [row] =
      await db.sql`select requester, on_behalf_of, task_ref, zulip_user_id::int from hai.task_queue`
    expect(row).toEqual({ requester: 'operator', on_behalf_of: 'sam', task_ref: 'a-1', zulip_user_id: 7 })
  })

  it.each([
    ['an unknown field', { ...seedBody, colour: 'red' }, 'unknown field colour'],
    ['a requester', { ...seedBody, requester: 'operator' }, 'unknown field requester'],
    ['no source', { content: 'hello' }, 'source is missing'],
    ['a batch', [seedBody], 'this route takes one'],
    ['text', 'hello', 'expected object'],
    ['nothing', undefined, 'expected object'],
  ])('refuses %s and stores nothing', async (_, body, message) => {
    await expect(receiveOne(db.sql, body, operator, aTaker())).rejects.toThrow(message)
    expect(await stored()).toBe(0)
  })
})

describe('the task list', () => {
  it('is today’s; a state is looked for in all days', async () => {
    const ended = await anEndedTask(db.sql, 'done')
    const old = await aTask(db.sql)
    await db.sql`update hai.task_queue set created_at = created_at - interval '2 days' where id = ${old}`
    const ids = async (query: object) =>
      (await tasksOfToday(db.sql, query, operator)).tasks.map(({ id }) => id).sort()
    expect(await ids({})).toEqual([ended])
    expect(await ids({ state: 'pending,running,done' })).toEqual([ended, old].sort())
    expect(await ids({ state: null, limit: '1' })).toEqual([ended])
  })

  it('says what is wrong with a query', async () => {
    await expect(tasksOfToday(db.sql, { limit: 'many' }, operator)).rejects.toThrow(
      'limit: "many" is not accepted; expected a whole number',
    )
    await expect(tasksOfToday(db.sql, { state: 'odd' }, operator)).rejects.toThrow('state: "odd"')
    for (const list of [tasksOfToday, todosOf]) {
      await expect(list(db.sql, { text: 'kettle' }, operator)).rejects.toMatchObject({
        ...{ code: 'invalid', plain: expect.stringMatching(/^text: no text is taken in an address; POST /) },
      })
    }
  })

  it('shows a member his own', async () => {
    await aTask(db.sql)
    const own = await aTask(db.sql, {}, 'guest')
    const { tasks } = await tasksOfToday(db.sql, {}, aCaller('guest'))
    expect(tasks.map(({ id }) => id)).toEqual([own])
  })
})

describe('the todo routes', () => {
  it('add one as the caller’s, with 201', async () => {
    const added = await createTodo(
      db.sql,
      { body: 'buy fuses', tags: ['rack'], metadata: { n: 1 } },
      operator,
    )
    expect(added).toMatchObject({
      windmill_status_code: 201,
      result: {
        body: 'buy fuses',
        tags: ['rack'],
        metadata: { n: 1 },
        created_by: 'operator',
        status: 'open',
      },
    })
  })

  it.each([
    ['who added it', { body: 'x', created_by: 'sam' }, 'unknown field created_by'],
    ['a zone', { body: 'x', zone: 'UTC' }, 'unknown field zone'],
    ['a list', ['x'], 'expected object'],
  ])('refuse %s from a body and store nothing', async (_, body, message) => {
    await expect(createTodo(db.sql, body, operator)).rejects.toThrow(message)
    expect(await db.sql`select from hai.todo`).toHaveLength(0)
  })

  it('change what is named, drop instead of deleting, and list by status', async () => {
    const { id } = await aTodo(db.sql)
    expect(await changeTodo(db.sql, id, { priority: 'high' }, operator)).toMatchObject({
      ...{ id, priority: 'high', body: 'replace the UPS battery' },
    })
    await expect(changeTodo(db.sql, id, { id: 'x' }, operator)).rejects.toThrow('unknown field id')
    await expect(changeTodo(db.sql, id, {}, operator)).rejects.toThrow('nothing to change')
    expect(await dropTodo(db.sql, id, operator)).toMatchObject({ id, status: 'dropped' })
    expect((await todosOf(db.sql, {}, operator)).todos).toEqual([])
    expect((await todosOf(db.sql, { status: 'all', limit: '5' }, operator)).todos).toHaveLength(1)
  })
})

describe('costs', () => {
  it('are told per agent for today, and a member hears only of the member’s own', async () => {
    for (const [requester, billing, usd] of [
      ['operator', 'metered', 0.25],
      ['guest', 'local', 0],
    ] as const) {
      await db.sql`
        insert into hai.usage (call_id, backend, model, billing, usd, ms, requester, agent)
        values (${requester}, 'b', 'm', ${billing}, ${usd}, 5, ${requester}, 'general')`
    }
    expect(await costsToday(db.sql, operator)).toMatchObject({
      ...{ spent_usd: 0.25, known_usd: 0.25, unknown_calls: 0, calls: 2 },
      per_agent: [{ agent: 'general', calls: 2, usd: 0.25 }],
    })
    expect(await costsToday(db.sql, aCaller('guest'))).toMatchObject({ spent_usd: 0, calls: 1 })
  })

  it('are told as unknown, and not as nothing, where nobody knows them', async () => {
    await db.sql`
      insert into hai.usage (call_id, backend, model, billing, usd, ms) values ('x', 'b', 'm', 'metered', null, 5)`
    expect(await costsToday(db.sql, operator)).toMatchObject({
      spent_usd: null,
      known_usd: 0,
      unknown_calls: 1,
    })
  })
})
