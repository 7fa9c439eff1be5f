import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Webhook } from '../../../cli/call/webhook.ts'
import { main as inbox } from '../../../f/hai/inbox.ts'
import { Executor, type ExecutorOptions } from '../../../runner/executor.ts'
import { type Identity, OPERATOR } from '../../../runner/identity.ts'
import { Bundle } from '../../../runner/items/bundle.ts'
import { Items } from '../../../runner/items/items.ts'
import { type Job, Jobs } from '../../../runner/jobs.ts'
import type { Assignment } from '../../../runner/process/pool.ts'
import type { WorkerProcess } from '../../../runner/process/process.ts'
import type { Order } from '../../../runner/process/protocol.ts'
import { testDatabase } from '../../support/database.ts'
import { callAs, doorsOn } from '../../support/doors.ts'
import { empty } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import { SECRETS as CLOSED, PATHS, ReferenceTexts } from '../../support/references.ts'
import { bundleFolder } from '../bundle-folder.ts'

const user = (name: string): Identity => ({ ...OPERATOR, username: name, user: name, admin: false })
const CALLERS = { operator: OPERATOR, sam: user('sam'), alerts: user('alerts'), stranger: user('stranger') }
type Role = keyof typeof CALLERS
const MEMBERS = {
  operator: { role: 'operator', usernames: ['operator'] },
  sam: { role: 'member', usernames: ['sam'] },
  alerts: { role: 'machine', usernames: ['alerts'] },
}
const TOKEN = 'the-token-of-the-job'
const SECRETS = {
  [PATHS.closed]: CLOSED.closed,
  [PATHS.open]: CLOSED.open,
  [PATHS.resource]: CLOSED.resource,
  'f/closed/secret': 'S3CRET-of-the-folder',
  'u/sam/own': 'S3CRET-of-sam',
}
const JSON_SECRET = { key: SECRETS['f/closed/secret'] }

const database = testDatabase()
doorsOn(database)

const variable = (value: string) => `value: ${JSON.stringify(value)}\nis_secret: true\ndescription: ''\n`
const { root } = bundleFolder({
  ...Object.fromEntries(
    Object.entries(SECRETS).map(([path, value]) => [`${path}.variable.yaml`, variable(value)]),
  ),
  'f/closed/json.variable.yaml': variable(JSON.stringify(JSON_SECRET)),
  'f/closed/whole.resource.yaml':
    'resource_type: any\nvalue: { a: [$var:f/closed/secret], who: $WM_USERNAME, b: $res:f/closed/inner }\n',
  'f/closed/inner.resource.yaml': 'resource_type: any\nvalue: { c: $jsonvar:f/closed/json }\n',
  [`${PATHS.resource}.resource.yaml`]: `resource_type: any\nvalue: { text: ${CLOSED.resource} }\n`,
  'u/sam/borrowed.resource.yaml': 'resource_type: any\nvalue: { c: $var:f/closed/secret }\n',
})

const jobs = new Jobs(() => {})
const items = new Items({
  bundle: new Bundle(root),
  stateFile: join(root, 'state.json'),
  settings: () => undefined,
})

/** The runner's executor; what it hands to a process comes here instead. */
let handed: Order | undefined
const pool = {
  submit: ({ begin }: Assignment) => {
    handed = begin({ pid: 1 } as WorkerProcess)
  },
  withdraw: () => true,
  patience: 0,
}
const executor = new Executor({
  ...{
    items,
    jobs,
    pools: { doors: pool, work: pool },
    tokens: { mint: () => ({ token: TOKEN, revoke() {} }) },
  },
  ...{ cold: true, named: () => ({ GEMINI: 'S3CRET-key' }), workspace: 'hai', endpoint: () => '', log() {} },
  get databaseUrl() {
    return database.url
  },
} as unknown as ExecutorOptions)
const script = { path: 'f/hai/inbox', file: '/nowhere.ts' }

/** The job, and what its script is handed of these arguments; nothing where it ended before it came to that. */
function resolved(args: Record<string, unknown>, role: Role): { job: Job; given?: Record<string, unknown> } {
  handed = undefined
  const job = executor.run(script as never, { path: script.path, args, identity: CALLERS[role] })
  const order = handed as Order | undefined
  if (order) jobs.complete(job, { success: true, shaped: false, result: 'null' })
  return { job, given: order?.args }
}

const seenOf = (value: unknown, role: Role = 'operator') => {
  const { job, given } = resolved({ body: value }, role)
  if (given) return given.body
  const { error } = JSON.parse(job.result!) as { error: { name: string; message: string } }
  return `${error.name}: ${error.message}`
}

const anyOf = (texts: ReferenceTexts) => (texts.number(2) === 0 ? texts.reference() : texts.harmless())

/** Every secret that the role may not read, as it would stand in any JSON; in folder hai whoever calls reads all. */
const closedTo = (role: Role) =>
  Object.entries(SECRETS)
    .filter(([path]) => role !== 'operator' && !path.startsWith(`u/${role}/`) && !path.startsWith('f/hai/'))
    .map(([, value]) => value)

describe('arguments of a job, as Windmill’s worker hands them on', () => {
  it('has the texts replaced that begin with a reference, at any depth of objects and in arrays as deep as two', () => {
    const at = SECRETS['f/closed/secret']
    const ref = '$var:f/closed/secret'
    let deep: unknown = ref
    let open: unknown = at
    for (let level = 0; level < 49; level += 1) [deep, open] = [{ a: deep }, { a: open }]
    expect(seenOf(deep)).toEqual(open)
    expect(seenOf({ a: deep })).toMatch(/^InternalErr: .*depth \(50\) exceeded for `a`/)
    expect(seenOf([[[ref, [ref]]], { a: [ref, { b: [ref] }] }])).toEqual([
      [[at, [ref]]],
      { a: [at, { b: [ref] }] },
    ])
    expect(seenOf(Array.from({ length: 1001 }, () => ref))).toHaveLength(1001)
    expect(seenOf([...Array.from({ length: 1000 }, () => ref), ref])).not.toContain(at)
    expect(seenOf({ [ref]: 1 })).toEqual({ [ref]: 1 })
    expect(seenOf(`say ${ref}`)).toBe(`say ${ref}`)
    expect(seenOf(JSON.stringify({ a: ref }))).toBe(JSON.stringify({ a: ref }))
  })

  it('opens one argument for the variables of the job where a reference stands in it anywhere, and no other', () => {
    const texts = [
      '$WM_TOKEN',
      '$WM_USERNAME',
      '$GEMINI',
      '$HAI_DATABASE_URL',
      '$BASE_URL',
      '$HOME',
      '$$WM_TOKEN',
      '$289',
      '$',
    ]
    const open = [TOKEN, 'sam', 'S3CRET-key', database.url, '$BASE_URL', '$HOME', '$$WM_TOKEN', '$289', '$']
    expect(seenOf(texts, 'sam')).toEqual(texts)
    for (const key of ['$var:', 'a $res: b', '$encrypted:', '$jsonvar:'])
      expect(seenOf({ texts, [key]: 1 }, 'sam')).toEqual({ texts: open, [key]: 1 })
    const beside = resolved({ body: texts, other: { '$var:': 1 } }, 'sam')
    expect(beside.given).toMatchObject({ body: texts })
  })

  it('resolves resources whole, and JSON in variables', () => {
    expect(seenOf('$res:f/closed/whole')).toEqual({
      a: [SECRETS['f/closed/secret']],
      who: 'operator',
      b: { c: JSON_SECRET },
    })
    expect(seenOf('$jsonvar:f/closed/json')).toEqual(JSON_SECRET)
  })

  it('ends the job in Windmill’s words where a reference leads nowhere, and tells no value', () => {
    expect(seenOf({ content: '$var:u/nobody/none' })).toBe(
      'InternalErr: Not found: Variable u/nobody/none not found for `content`: Not found: variable u/nobody/none not found',
    )
    expect(seenOf('$res:none')).toContain('Argument `body` is an invalid resource path: none')
    expect(seenOf('$encrypted:abc')).toMatch(/^InternalErr: /)
    expect(seenOf('$jsonvar:f/closed/secret')).toContain('Failed to parse $jsonvar value as JSON')
    expect(seenOf('$jsonvar:f/closed/secret')).not.toContain(SECRETS['f/closed/secret'])
  })

  it('reads with the rights of the job’s user: his own and, for the operator, all', () => {
    expect(seenOf('$var:u/sam/own', 'sam')).toBe(SECRETS['u/sam/own'])
    for (const reference of [
      '$var:f/closed/secret',
      '$res:f/closed/whole',
      '$res:u/sam/borrowed',
      '$jsonvar:f/closed/json',
    ])
      for (const role of ['sam', 'alerts', 'stranger'] as const)
        expect(seenOf({ a: reference }, role)).toMatch(/^InternalErr: Not found: .*have access to/)
  })

  it('never hands anybody what he may not read, whatever he sends', async () => {
    const roles = fc.constantFrom<Role>('operator', 'sam', 'alerts', 'stranger')
    await fc.assert(
      fc.asyncProperty(fc.integer(), roles, async (seed, role) => {
        const texts = new ReferenceTexts(seed)
        const body = texts.nested(4, () => anyOf(texts))
        const { job, given } = resolved({ body }, role)
        const seen = JSON.stringify([given, job.result])
        for (const secret of closedTo(role)) expect(seen).not.toContain(secret)
        await job.done
      }),
      { numRuns: 2_500 },
    )
  })
})

describe('text sent by a client of ours', () => {
  let caller: Role = 'operator'
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { job, given } = resolved(JSON.parse(Buffer.concat(chunks).toString()), caller)
    if (!given) return response.writeHead(422).end(job.result)
    const result = (await inbox(given.body)) as { windmill_status_code?: number; result?: unknown }
    if (!result.windmill_status_code) return response.writeHead(200).end(JSON.stringify(result))
    return response.writeHead(result.windmill_status_code).end(JSON.stringify(result.result))
  })
  let webhook: Webhook
  const raw = async (body: unknown) => {
    const answer = await fetch(`${webhook.target.endpoint}/`, {
      method: 'POST',
      body: JSON.stringify({ body }),
    })
    return { status: answer.status, text: await answer.text() }
  }
  const as = (role: Role) => {
    caller = role
    callAs(role)
    vi.stubEnv('WM_TOKEN', TOKEN)
  }
  const stored = () => database.sql`select content, metadata from hai.task_queue order by id`

  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await vi.waitUntil(() => server.listening)
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const target = { name: 'test', local: true, endpoint, workspace: 'hai', token: 't', token_from: 'here' }
    webhook = new Webhook(target, () => {})
    await database.sql`insert into hai.config (name, value, hash)
      values ('members', ${database.sql.json(MEMBERS)}, 'x')
      on conflict (name) do update set value = excluded.value`
  })
  beforeEach(() => empty(database.sql, ['task_queue']))
  afterAll(() => {
    webhook.close()
    server.close()
  })

  it('is stored byte for byte, whoever sends it: ten thousand texts that look like references', async () => {
    const texts = new ReferenceTexts(13)
    const envelope = () => ({
      source: 'test',
      content: anyOf(texts).trim(),
      metadata: texts.nested(2, () => anyOf(texts)),
    })
    for (let batch = 0; batch < 10; batch += 1) {
      as((['operator', 'sam', 'alerts'] as const)[batch % 3]!)
      const sent = Array.from({ length: 1000 }, envelope)
      await webhook.call('inbox', { body: sent })
      const kept = await stored()
      expect(kept.map(({ content, metadata }) => ({ source: 'test', content, metadata }))).toEqual(sent)
      await empty(database.sql, ['task_queue'])
    }
  })

  it('is nobody’s, and nothing kept, where a stranger sends it', async () => {
    as('stranger')
    await expect(
      webhook.call('inbox', { body: { source: 'test', content: '$var:f/closed/secret' } }),
    ).rejects.toThrow('is no member')
    expect(await stored()).toEqual([])
  })

  it('is a reference where another client sends it as it is: replaced by what its user may read, or refused whole', async () => {
    for (const role of ['sam', 'alerts', 'stranger'] as const) {
      as(role)
      for (const text of [
        `$var:${PATHS.closed}`,
        '$var:f/closed/secret',
        '$res:f/closed/whole',
        '$jsonvar:f/closed/json',
      ]) {
        const good = { source: 'test', content: 'good' }
        for (const bad of [
          { source: 'test', content: text },
          { source: text, content: 'x' },
          { source: 'test', content: 'x', metadata: { a: text } },
          { source: 'test', content: 'x', context: [{ name: 'log', content: text }] },
        ]) {
          const { status, text: answer } = await raw([good, bad])
          expect(status).toBe(422)
          for (const secret of Object.values(SECRETS)) expect(answer).not.toContain(secret)
        }
      }
      expect(await stored()).toEqual([])
    }
    as('sam')
    expect((await raw({ source: 'test', content: '$var:u/sam/own' })).status).toBe(200)
    expect(await stored()).toMatchObject([{ content: SECRETS['u/sam/own'] }])
  })

  it('never becomes the job’s token, which is as good as its user, nor the address of the database', async () => {
    for (const role of ['operator', 'sam'] as const) {
      as(role)
      for (const content of ['$WM_TOKEN', '$HAI_DATABASE_URL']) {
        const { status, text } = await raw({ source: 'test', content, metadata: { '$var:': 1 } })
        expect([status, text]).toEqual([400, expect.stringContaining('a secret of the worker’s environment')])
        for (const secret of [TOKEN, database.url]) expect(text).not.toContain(secret)
      }
    }
    expect(await stored()).toEqual([])
  })
})
