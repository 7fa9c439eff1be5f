import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { main, preprocessor } from '../../../f/hai_routes/inbox/signed.ts'
import { testDatabase } from '../../support/database.ts'
import { doorsOn } from '../../support/doors.ts'
import { clear, rowOf } from '../../support/factories.ts'

const db = testDatabase()
doorsOn(db)

const SECRET = 'a-secret-of-the-house'
const WEBHOOKS = {
  forge: { secret: '$env:FORGE_SECRET', member: 'operator' },
  gitea: { secret: '$env:FORGE_SECRET', scheme: 'gitea', member: 'operator', priority: 'low' },
  graphs: {
    ...{ secret: '$env:FORGE_SECRET', scheme: 'grafana', member: 'operator' },
    timestamp_header: 'X-Grafana-Alerting-Timestamp',
  },
  mine: { secret: '$env:FORGE_SECRET', header: 'X-Mine', scheme: 'gitea', member: 'operator' },
  empty: { secret: '$env:NOT_SET', member: 'operator' },
  stranger: { secret: '$env:FORGE_SECRET', member: 'nobody' },
}
beforeEach(async () => {
  await clear(db.sql)
  vi.stubEnv('FORGE_SECRET', SECRET)
  await db.sql`insert into hai.config (name, value, hash) values ('webhooks', ${db.sql.json(WEBHOOKS)}, 'x')`
})

const BODY = '{"action": "opened", "title": "add todo: buy milk", "text": "$var:f/hai/x é"}'
const hmac = (text: string, secret = SECRET) => createHmac('sha256', secret).update(text).digest('hex')

/** A request as Windmill has a script see it: its preprocessor first, and what that gives is what rests in the job. */
async function post(name: string, headers: Record<string, string>, body = BODY) {
  const event = { params: { name }, headers, raw_string: body, body: JSON.parse(body) }
  const args = (await preprocessor(event)) as Record<string, unknown>
  const answer = (await main(args.name as string, args.raw_string as string, args.marks as never)) as {
    windmill_status_code: number
    result: { task_id: string; error: object }
  }
  return { args, answer, status: answer.windmill_status_code }
}

const now = () => String(Math.floor(Date.now() / 1000))
const signedAt = (time: string) => ({
  'x-grafana-alerting-timestamp': time,
  'x-grafana-alerting-signature': hmac(`${time}:${BODY}`),
})

describe('a signed webhook', () => {
  it.each([
    ['forge', { 'x-hub-signature-256': `sha256=${hmac(BODY)}` }],
    ['forge', { 'X-Hub-Signature-256': `sha256=${hmac(BODY).toUpperCase()}` }],
    ['gitea', { 'x-gitea-signature': hmac(BODY) }],
    ['graphs', signedAt(now())],
    ['mine', { 'x-mine': hmac(BODY) }],
  ])('is a task, by the scheme of its name: %s %#', async (name, headers) => {
    const { status, answer } = await post(name, headers)
    expect({ status, answer }).toMatchObject({ status: 202, answer: { result: { status: 'accepted' } } })
    const task = await rowOf(db.sql, answer.result.task_id)
    expect(task).toMatchObject({ requester: 'operator', source: name, intent: 'report', lane: 'batch' })
    const [artifact] = await db.sql`select content from hai.artifact where task_id = ${task.id}`
    expect(artifact!.content).toBe(BODY)
    // the same again, as a sender does that has heard no answer, or somebody who has overheard it
    await db.sql`update hai.task_queue set job_id = gen_random_uuid() where id = ${task.id}`
    const again = (await post(name, headers)).answer.result
    expect(again).toMatchObject({ status: 'duplicate', task_id: task.id })
    // a sender without a token is told of no job
    expect(again).not.toHaveProperty('job_id')
    // what was told is its answer, as there is no model
    await vi.waitUntil(async () => (await rowOf(db.sql, task.id)).state === 'done')
    expect(await db.sql`select from hai.todo`).toHaveLength(0)
  })

  it('leaves nothing in its job that could be sent again', async () => {
    const signature = hmac(BODY)
    const { args, answer } = await post('forge', {
      'x-hub-signature-256': `sha256=${signature}`,
      authorization: 'Bearer a-token',
      cookie: 'token=x',
      'x-short': 'abc',
    })
    expect(JSON.stringify(args)).not.toMatch(new RegExp(`${signature}|a-token|token=x|abc`))
    await vi.waitUntil(async () => (await rowOf(db.sql, answer.result.task_id)).state === 'done')
    expect(Object.keys(args.marks as object)).toEqual(['x-hub-signature-256'])
  })

  const right = { 'x-hub-signature-256': `sha256=${hmac(BODY)}` }
  it.each([
    ['without one', 'forge', {}],
    ['with another secret’s', 'forge', { 'x-hub-signature-256': `sha256=${hmac(BODY, 'x')}` }],
    ['without its prefix', 'forge', { 'x-hub-signature-256': hmac(BODY) }],
    ['with another body’s', 'forge', { 'x-hub-signature-256': `sha256=${hmac(`${BODY} `)}` }],
    ['in another header', 'forge', { 'x-gitea-signature': `sha256=${hmac(BODY)}` }],
    ['of a name that nobody has', 'nobody', right],
    ['of no name', '__proto__', right],
    ['with an empty secret', 'empty', { 'x-hub-signature-256': `sha256=${hmac(BODY, '')}` }],
    ['without its time', 'graphs', { 'x-grafana-alerting-signature': hmac(BODY) }],
    ['from ten minutes ago', 'graphs', signedAt(String(Number(now()) - 600))],
    ['of ten minutes hence', 'graphs', signedAt(String(Number(now()) + 600))],
    [
      'with another time',
      'graphs',
      { ...signedAt(now()), 'x-grafana-alerting-timestamp': String(Number(now()) - 5) },
    ],
  ])('is refused %s, with nothing stored, and told no more than any other', async (_, name, headers) => {
    const { status, answer } = await post(name, headers as Record<string, string>)
    expect(status).toBe(401)
    expect(answer.result.error).toEqual({
      code: 'unauthorized',
      message: 'no webhook of this name has this signature for this body; nothing was stored',
    })
    expect(await db.sql`select from hai.task_queue`).toHaveLength(0)
  })

  it('speaks as a member, or as nobody', async () => {
    expect((await post('stranger', right)).status).toBe(403)
    expect(await db.sql`select from hai.task_queue`).toHaveLength(0)
  })
})
