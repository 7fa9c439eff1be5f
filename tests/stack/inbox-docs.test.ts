import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { Envelope } from '../../f/hai/core/task/envelope.ts'
import { testDatabase } from '../support/database.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const docs = readFileSync(join(import.meta.dirname, '../../docs/inbox.md'), 'utf8')
const [, example = ''] = /^```sh\n([\s\S]*?)^```$/m.exec(docs) ?? []

const db = testDatabase()
let stack: TestStack
beforeAll(async () => {
  stack = await startStack({ databaseUrl: db.url })
})

describe('what the docs say of the inbox', () => {
  it('names each field that it takes, and no other', () => {
    const rows = [...docs.matchAll(/^\| (`.*?) \|/gm)].map(([, names = '']) => names)
    const named = rows.flatMap((names) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name))
    expect(named.toSorted()).toEqual(Object.keys(Envelope.shape).toSorted())
  })

  it('shows a call that works as it stands, and again gives the same task', async () => {
    const env = {
      ...{ PATH: process.env.PATH, HAI_ENDPOINT: stack.endpoint, HAI_WORKSPACE: 'hai' },
      HAI_TOKEN: stack.token,
    }
    const call = async () => JSON.parse((await promisify(execFile)('sh', ['-c', example], { env })).stdout)
    const first = await call()
    expect(first).toMatchObject({ task_id: expect.any(String), status: 'accepted' })
    expect(await call()).toMatchObject({ task_id: first.task_id, status: 'duplicate' })
  })
})

describe('a call of the inbox without its wrapper', () => {
  it.each([
    [{ source: 'test', content: 'what is open?' }, 'body is missing'],
    [{}, 'body is missing'],
    [{ body: null }, 'body is missing'],
    [{ body: 'what is open?' }, 'body: "what is open?" is not accepted'],
    [{ body: 7 }, 'body: 7 is not accepted'],
  ])('%j is told how to wrap it', async (args, said) => {
    const response = await stack.request('/api/w/hai/jobs/run_wait_result/p/f/hai/inbox', {
      method: 'POST',
      body: JSON.stringify(args),
      headers: { 'content-type': 'application/json' },
    })
    expect(response.status).toBe(400)
    const { error } = (await response.json()) as { error: { message: string } }
    expect(error.message).toBe(
      `${said}; wrap the envelope, or a list of them: {"body": {"source": "…", "content": "…"}}`,
    )
    const [{ count }] = await db.sql<
      [{ count: number }]
    >`select count(*)::int from hai.task_queue where content = 'what is open?'`
    expect(count).toBe(0)
  })
})
