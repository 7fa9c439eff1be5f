import { beforeAll, describe, expect, it, vi } from 'vitest'
import * as health from '../../../f/hai/admin/health.ts'
import * as settings from '../../../f/hai/config/show.ts'
import { CONTRACT } from '../../../f/hai/core/base/contract.ts'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import { withoutPasswords } from '../../../f/hai/core/base/text.ts'
import type { ModelList } from '../../../f/hai/core/model/shape.ts'
import type { Health } from '../../../f/hai/core/shape.ts'
import { fail } from '../../../f/hai/core/task/finish.ts'
import { claim } from '../../../f/hai/core/task/lease.ts'
import type { Accepted, TaskView } from '../../../f/hai/core/task/shape.ts'
import { note } from '../../../f/hai/core/task/steps.ts'
import type { TodoList, TodoView } from '../../../f/hai/core/todo/shape.ts'
import * as models from '../../../f/hai/model/list.ts'
import * as modelTest from '../../../f/hai/model/test.ts'
import * as shownTask from '../../../f/hai/task/show.ts'
import * as add from '../../../f/hai/todo/add.ts'
import * as list from '../../../f/hai/todo/list.ts'
import * as run from '../../../f/hai/todo/run.ts'
import * as show from '../../../f/hai/todo/show.ts'
import * as update from '../../../f/hai/todo/update.ts'
import * as shownByRoute from '../../../f/hai_routes/todo/show.ts'
import { testDatabase } from '../../support/database.ts'
import { callAs, doorsOn } from '../../support/doors.ts'
import { aTask } from '../../support/factories.ts'

const SERVER = 'http://user:pw-4711@127.0.0.1:9/v1'
const database = testDatabase()
doorsOn(database, {
  members: { kim: { role: 'member', usernames: ['kim'] } },
  models: {
    backends: { near: { kind: 'openai-compatible', url: SERVER, billing: 'local', models: { m: {} } } },
  },
  channels: { phone: { kind: 'webhook', url: 'https://me:pw-4711@ntfy.example/x' } },
})

/** A door's answer to somebody. */
async function as<T>(who: string, call: () => Promise<unknown>): Promise<T> {
  callAs(who)
  return (await call()) as T
}
const refused = (who: string, call: () => Promise<unknown>) => as<{ windmill_status_code: number }>(who, call)

beforeAll(async () => {
  // reads the settings, so that doors go by them
  await as('operator', () => settings.main())
})

describe('a todo that was run as a task', () => {
  let id: string
  let task_id: string
  beforeAll(async () => {
    id = (await as<TodoView>('operator', () => add.main('what failed this week?'))).id
    task_id = (await as<Accepted>('operator', () => run.main(id))).task_id
    const { sql } = database
    await vi.waitUntil(
      async () => (await sql`select from hai.todo where id = ${id} and result is not null`).length > 0,
    )
    await sql`update hai.todo set result = 'a private answer' where id = ${id}`
  })

  it('shows its answer to whoever may see the task', async () => {
    const todo = await as<TodoView>('operator', () => show.main(id))
    expect(todo).toMatchObject({ result: 'a private answer', task: { state: 'done' } })
    const { todos } = await as<TodoList>('operator', () => list.main('open', undefined, 'private answer'))
    expect(todos).toMatchObject([{ id, result: 'a private answer' }])
  })

  it('shows it to nobody else, by no door and by no search', async () => {
    for (const door of [show, shownByRoute]) {
      const todo = await as<TodoView>('kim', () => door.main(id))
      expect(todo).toMatchObject({ id, task_id, result: null })
      expect(todo.task).toBeUndefined()
    }
    const all = await as<TodoList>('kim', () => list.main())
    expect(all.todos).toMatchObject([{ id, result: null }])
    const found = await as<TodoList>('kim', () => list.main('open', undefined, 'private'))
    expect(found).toMatchObject({ todos: [], total: 0 })
    const changed = await as<TodoView>('kim', () => update.main(id, undefined, undefined, ['rack']))
    expect(changed).toMatchObject({ tags: ['rack'], result: null })
  })

  it('tells whoever runs it that the words are of somebody else', async () => {
    const mine = await as<Accepted>('operator', () => run.main(id))
    expect(mine).not.toHaveProperty('written_by')
    await as('kim', () => update.main(id, 'what is open?'))
    expect(await as<Accepted>('operator', () => run.main(id))).toMatchObject({ written_by: 'kim' })
    expect(await as<Accepted>('kim', () => run.main(id))).not.toHaveProperty('written_by')
  })
})

describe('a member', () => {
  it('learns of the whole only whether it is well, and of the queue what is his', async () => {
    const { sql } = database
    await sql`insert into hai.worker (name, lanes, asleep, seen_at) values ('laptop', '{batch}', false, now())`
    const his = await as<Health>('kim', () => health.main())
    expect(his).toMatchObject({ lanes: [], pulses: [], backends: [], workers: [], queue: { dead_24h: 0 } })
    expect(his.contract).toBe(CONTRACT)
    expect(JSON.stringify(his)).not.toMatch(/near|laptop|127\.0\.0\.1/)
    const all = await as<Health>('operator', () => health.main())
    expect(all.lanes.length).toBeGreaterThan(0)
  })

  it('may not see the settings, nor spend on a test', async () => {
    for (const door of [() => settings.main(), () => settings.main('models'), () => modelTest.main('near')])
      expect(await refused('kim', door)).toMatchObject({ windmill_status_code: 403 })
  })

  it('sees which models there are, and not where', async () => {
    const his = await as<ModelList>('kim', () => models.main())
    expect(his.models).toMatchObject([{ backend: 'near', model: 'm', url: null }])
    expect(JSON.stringify(his)).not.toMatch(/127\.0\.0\.1|pw-4711/)
  })
})

describe('the password in a URL', () => {
  it('is taken out of any text', () => {
    expect(withoutPasswords('at http://a:b@c:1/d and ws://x@y, not a@b')).toBe(
      'at http://c:1/d and ws://y, not a@b',
    )
    expect(withoutPasswords('https://a:p@ss@host/')).toBe('https://host/')
    expect(withoutPasswords('http://host/a@b http://host?x=a@b')).toBe('http://host/a@b http://host?x=a@b')
  })

  it('is shown by no door, error, event or health', async () => {
    const { sql } = database
    // made and claimed in one go, and in a lane of its own: no other worker of this file sees it
    const task = await sql.begin(async (tx) => {
      await tx`insert into hai.lane_slot (lane, no) values ('apart', 1)`
      const id = await aTask(tx, { content: 'say something unheard of' })
      await tx`update hai.task_queue set lane = 'apart' where id = ${id}`
      return claim(tx, { worker: 'w', lanes: ['apart'] })
    })
    await note(sql, task!, 'notice', `asked ${SERVER}`, { url: SERVER })
    await fail(sql, {
      ...{ id: task!.id, lease_no: task!.lease_no, lease_token: task!.lease_token },
      code: 'c',
      message: `${SERVER} is away`,
      next_step: `look at ${SERVER}`,
    })
    const shown = [
      await as<TaskView>('operator', () => shownTask.main(task!.id)),
      await as('operator', () => settings.main()),
      await as('operator', () => models.main()),
      await as('operator', () => health.main()),
      new HaiError('invalid', `url: ${SERVER}`).message,
    ]
    expect(JSON.stringify(shown)).not.toContain('pw-4711')
    expect(JSON.stringify(shown)).toContain('http://127.0.0.1:9/v1 is away')
  })
})
