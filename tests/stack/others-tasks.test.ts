import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstLane } from '../../f/hai/core/builtin/first_lane.ts'
import { enqueue } from '../../f/hai/core/task/enqueue.ts'
import { startHai } from '../cli/running-hai.ts'
import { testDatabase } from '../support/database.ts'
import { eventTypes, rowOf } from '../support/factories.ts'
import type { FakeServer } from '../support/models/fake-server.ts'
import { fakeOpenAi } from '../support/models/openai.ts'
import { answerBy, startStack, type TestStack } from '../support/stack.ts'

/** In all that the operator asks and is answered, and in nothing that anybody else may read. */
const MARK = 'XYLOPHONE'

const db = testDatabase()
let server: FakeServer
let stack: TestStack
let guest: string
beforeAll(async () => {
  server = await fakeOpenAi()
  stack = await startStack({ databaseUrl: db.url, env: { OPENAI_API_KEY: 'sk-fake' } })
  await answerBy(stack, server.url)
  await writeFile(
    join(stack.env.XDG_CONFIG_HOME!, 'hai', 'members.yaml'),
    'operator: { role: operator, usernames: [operator] }\nguest: { role: member, usernames: [guest] }\n',
  )
  const user = { email: 'guest@example.com', username: 'guest', is_admin: false }
  await api('workspaces/add_user', user)
  const impersonated = await stack.request('/api/users/tokens/impersonate', {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ impersonate_email: 'guest@example.com' }),
  })
  guest = await impersonated.text()
  // the wake-ups of a test are those that it rings
  await api('schedules/setenabled/f/hai/worker/sweep', { enabled: false })
  await stack.call('f/hai/model/list')
})
afterAll(() => server?.stop())

async function api(path: string, body?: object, token = stack.token): Promise<string> {
  const response = await fetch(`${stack.endpoint}/api/w/${stack.workspace}/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body ? JSON.stringify(body) : undefined,
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
  return text
}

/** The operator's, put where it is due with nobody woken for it. */
async function asked(what: string, requester = 'operator'): Promise<string> {
  const envelope = {
    ...{ source: 'cli', content: `${MARK} ${what}`, metadata: { tag: MARK } },
    context: [{ name: `${MARK}.log`, content: `${MARK} in a file` }],
  }
  return (await enqueue(db.sql, envelope, { requester, firstLane })).task_id
}

const rings = (token: string) => api('jobs/run/p/f/hai/worker/run', { budget_seconds: 60 }, token)
const ends = (job: string) =>
  expect
    .poll(() => api(`jobs_u/completed/get_result_maybe/${job}`).then(JSON.parse))
    .toMatchObject({
      completed: true,
    })

/** All that Windmill has of a job, as that token may read it. */
async function allOf(job: string, token: string): Promise<string> {
  const paths = ['get', 'completed/get', 'completed/get_result', 'get_logs', 'get_args', 'getupdate']
  const parts = paths.map((path) => api(`jobs_u/${path}/${job}`, undefined, token))
  const lists = ['jobs/list', 'jobs/completed/list'].map((path) => api(path, undefined, token))
  return (await Promise.all([...parts, ...lists, api(`jobs_u/getupdate_sse/${job}`, undefined, token)])).join(
    '\n',
  )
}

describe('a wake-up that a member rang', () => {
  it('shows him nothing of what it works on for others, however that ends', async () => {
    const [answered, refused, broken] = [await asked('answer'), await asked('refuse'), await asked('break')]
    // what no code expects may say anything
    await db.sql.unsafe(`
      create function hai.breaks() returns trigger language plpgsql as
        $$ begin raise exception '% broke', new.content using detail = new.content; end $$;
      create trigger breaks before update on hai.task_queue for each row
        when (old.state = 'running' and new.state <> 'running' and new.content like '% break')
        execute function hai.breaks();`)
    server.byDefault((call) =>
      JSON.stringify(call.body).includes(`${MARK} refuse`)
        ? { status: 400, body: { error: { message: `${MARK} is refused`, type: 'invalid_request_error' } } }
        : { text: [`${MARK} is `, 'the answer.'] },
    )
    const job = await rings(guest)
    await ends(job)
    await db.sql.unsafe('drop trigger breaks on hai.task_queue')
    expect(await rowOf(db.sql, answered)).toMatchObject({ state: 'done', output: `${MARK} is the answer.` })
    expect((await rowOf(db.sql, refused)).error?.message).toContain(MARK)
    expect(await rowOf(db.sql, broken)).toMatchObject({ state: 'running' })
    const shown = await allOf(job, guest)
    expect(shown).toContain(job)
    // it failed, and says where
    expect(shown).toMatch(/PostgresError P0001; what it says is left out/)
    expect(shown).toMatch(/ at /)
    expect(shown).not.toContain(MARK)
  })

  it('shows him his own', async () => {
    await db.sql`update hai.task_queue set state = 'cancelled', finished_at = now(), error = '{}' where finished_at is null`
    server.byDefault({ text: ['It is ', 'his.'] })
    const id = await asked('mine', 'guest')
    const job = await rings(guest)
    await ends(job)
    expect(await allOf(job, guest)).toContain(id)
  })

  it('is his to cancel, and that costs what it works on no attempt', async () => {
    server.byDefault({ text: ['It is '], ending: 'hang' })
    const id = await asked('cancel')
    const job = await rings(guest)
    await expect.poll(() => rowOf(db.sql, id)).toMatchObject({ state: 'running', job_id: job })
    await api(`jobs_u/queue/cancel/${job}`, { reason: 'mine' }, guest)
    // the next wake-up goes on with it, whoever rang that one
    const holder = async () => {
      const { state, attempt, job_id } = await rowOf(db.sql, id)
      return { state, attempt, same: job_id === job }
    }
    await expect.poll(holder).toEqual({ state: 'running', attempt: 1, same: false })
    // a server may kill a job at once, with no time to give anything back: as if the task were still that job's
    await db.sql`update hai.task_queue set job_id = ${job} where id = ${id}`
    await db.sql`update hai.lease set lease_no = lease_no + 100, until = now() - interval '1 s' where task_id = ${id}`
    server.byDefault({ text: ['It is ', 'well.'] })
    await stack.call('f/hai/worker/sweep', { every_seconds: 5 })
    await expect
      .poll(() => rowOf(db.sql, id))
      .toMatchObject({ state: 'done', attempt: 1, output: 'It is well.' })
    expect(await eventTypes(db.sql, id)).toContain('rescued')
  })

  it('lets who asked follow his answer while it is written', async () => {
    server.byDefault({ text: [`${MARK} is `], ending: 'hang' })
    const id = await asked('hang')
    await rings(guest)
    const tail = startHai(['task', 'tail', id], { env: stack.env })
    await expect.poll(() => tail.io.stdout.text).toContain(`${MARK} is`)
    await stack.call('f/hai/task/cancel', { id })
    expect((await tail.ended).exit).toBe(7)
  })
})

it('waits of a member, however many, leave room for what others ask and for the sweep', async () => {
  const id = await asked('attic', 'guest')
  await db.sql`insert into hai.lane_slot (lane, no, elsewhere) values ('attic', 1, true)`
  await db.sql`update hai.task_queue set lane = 'attic' where id = ${id}`
  const waits = Array.from({ length: 9 }, () =>
    api('jobs/run/p/f/hai/task/wait', { id, seconds: 300 }, guest),
  )
  const ids = await Promise.all(waits)
  const count = async (query: string) =>
    JSON.parse(await api(`jobs/list?script_path_exact=f/hai/task/wait&${query}`)).length as number
  // half of the work processes
  await expect.poll(() => count('running=true')).toBe(4)
  const answered = await startHai(['ask', 'what is open?'], { env: stack.env }).ended
  expect([answered.exit, answered.stdout]).toEqual([0, expect.stringMatching(/open/)])
  expect((await stack.call('f/hai/worker/sweep', { every_seconds: 15 })).status).toBe(200)
  expect([await count('running=true'), await count('running=false')]).toEqual([4, 5])
  await stack.call('f/hai/task/cancel', { id })
  await Promise.all(ids.map(ends))
})
