import { describe, expect, it, vi } from 'vitest'
import { argumentsOf } from '../../../cli/call/webhook.ts'
import { main as inbox } from '../../../f/hai/inbox.ts'
import { main as addTodo } from '../../../f/hai/todo/add.ts'
import { main as run } from '../../../f/hai/worker/run.ts'
import { main as inboxRoute } from '../../../f/hai_routes/inbox.ts'
import { testDatabase } from '../../support/database.ts'
import { doorsOn } from '../../support/doors.ts'

const database = testDatabase()
doorsOn(database)

const kept = async () => {
  const [row] = await database.sql<{ content: string; metadata: unknown }[]>`
    select content, metadata from hai.task_queue order by id desc limit 1`
  return row
}

describe('a webhook door', () => {
  it('takes one $ off where a text begins with two, at any depth, and no other', async () => {
    const metadata = { a: ['$$res:x', { b: '$$$$' }], $$key: '$5', c: 'say $$x', d: '$', e: '$$' }
    await inbox({ source: 'test', content: '$$var:HOME', metadata })
    expect(await kept()).toEqual({
      content: '$var:HOME',
      metadata: { a: ['$res:x', { b: '$$$' }], $$key: '$5', c: 'say $$x', d: '$', e: '$' },
    })
    await inbox([{ source: 'test', content: '$HOME' }])
    expect(await kept()).toMatchObject({ content: '$HOME' })
  })

  it('gets from our clients what Windmill takes for no template, and keeps it as it was', async () => {
    const template = { $interpolate: ['$var:f/hai/x', { $var: 'f/hai/x' }] }
    const metadata = {
      ...{ template, deep: [[template]], $$interpolate: 1, $interpolated: '$', interpolate: template },
      ...{ pair: { $interpolate: template, $$interpolate: [template] }, text: '"$interpolate"' },
    }
    const sent = argumentsOf({ body: { source: 'test', content: 'x', metadata } })
    // Windmill looks for no more than this
    expect(sent).not.toMatch(/(?<!\\)"\$interpolate"/)
    await inbox((JSON.parse(sent) as { body: unknown }).body)
    expect(await kept()).toMatchObject({ metadata })
    expect((await kept())!.metadata).toEqual(metadata)
  })

  it('refuses the secrets of its worker’s environment, which Windmill puts where $NAME was, and repeats none', async () => {
    vi.stubEnv('GEMINI', 's3cret-key')
    vi.stubEnv('ANTHROPIC_API_KEY', 's3cret-too')
    const models = { backends: { gemini: { api_key: '$env:GEMINI' } } }
    await database.sql`
      insert into hai.config (name, value, hash) values ('models', ${database.sql.json(models)}, 'x')
      on conflict (name) do update set value = excluded.value`
    for (const secret of [database.url, 's3cret-key', 's3cret-too', 'a-token']) {
      const before = await kept()
      const refused = [
        await inbox({ source: 'test', content: secret }),
        await inbox({ source: secret, content: 'x' }),
        await inbox({ source: 'test', content: 'x', metadata: { a: [[secret]] } }),
        await addTodo(secret),
        await run([secret]),
      ]
      for (const answer of refused) {
        expect(answer).toMatchObject({ windmill_status_code: 400, result: { error: { code: 'invalid' } } })
        expect(JSON.stringify(answer)).not.toContain(secret)
      }
      expect(await kept()).toEqual(before)
    }
    expect(await database.sql`select from hai.todo`).toHaveLength(0)
  })
})

describe('a route’s door', () => {
  it('says nothing of what it was sent where it has a bug', async () => {
    await database.sql`
      create function hai.stumble() returns trigger language plpgsql as
        $$ begin raise exception 'it stumbled over %', new.content; end $$`
    await database.sql`
      create trigger stumble before insert on hai.task_queue for each row execute function hai.stumble()`
    const body = { source: 'test', content: 's3cret words' }
    await expect(inbox(body)).rejects.toThrow('it stumbled over s3cret words')
    const bug = await inboxRoute(body, JSON.stringify(body)).catch((error: Error) => error)
    expect(bug).toMatchObject({
      message: 'PostgresError P0001; what it says is left out, as it may tell of a task',
    })
    expect((bug as Error).stack).toMatch(/\n +at /)
    expect((bug as Error).stack).not.toContain('s3cret')
    await database.sql`drop function hai.stumble cascade`
  })
})
