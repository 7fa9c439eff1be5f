import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Health } from '../../f/hai/core/shape.ts'
import type { TaskView } from '../../f/hai/core/task/shape.ts'
import { spawnHai } from '../cli/run-hai.ts'
import type { Call } from '../support/models/behaviour.ts'
import type { FakeServer } from '../support/models/fake-server.ts'
import { type FakeLlamaCpp, fakeLlamaCpp, type LlamaCpp } from '../support/models/llama-cpp.ts'
import { ASK_AGAIN } from '../support/patience.ts'
import { type ByteServer, type Bytes, byteServer } from './bytes.ts'
import { end, text } from './openai-bytes.ts'
import { anEvening, type Evening, said } from './world.ts'

let evening: Evening
beforeAll(async () => {
  evening = await anEvening({ HAI_KEY_OLD: 'wrong' })
})
const servers: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop().catch(() => {})
})

const settings = (url: string, given = '', top = 'liveness_seconds: 1'): void =>
  evening.settings(
    'models.yaml',
    `${top}
backends:
  llama: { kind: openai-compatible, url: '${url}/v1', billing: local, models: { model.gguf: {} }${given} }
`,
  )
async function llama(given: Partial<LlamaCpp> = {}, more = '', top?: string): Promise<FakeLlamaCpp> {
  const server = await fakeLlamaCpp(given)
  servers.push(server)
  settings(server.url, more, top)
  return server
}
async function bytes(play: Bytes, more = '', top?: string): Promise<ByteServer> {
  const server = await byteServer()
  servers.push(server)
  server.at('why?', play)
  settings(server.url, more, top)
  return server
}
const asked = (server: FakeServer): Call[] => server.callsOf('/v1/chat/completions')
const ATTEMPT_USED = /attempt \d failed|started by .*attempt [23]/
const FINE = text('fine') + end()

describe('a first token that is slow to come', () => {
  // 140 s beside a liveness of 120 s, by a hundredth
  it('is waited for while the server sends comments', async () => {
    const server = await llama({ pingMs: 250, promptMs: 22 })
    server.next({ text: 'It is well.' })
    const ran = await evening.run('ask', '-v', 'why?')
    expect(ran).toMatchObject({ code: 0, stdout: 'It is well.\n' })
    expect(ran.stderr).not.toMatch(ATTEMPT_USED)
    expect(asked(server)).toHaveLength(1)
  })

  it.each([
    ['neither headers nor a byte', { after: 1500, body: FINE }],
    ['headers and then nothing', { first: 1500, body: FINE }],
    ['comments without an empty line', { first: 1500, ping: { every: 300, bytes: ': ping\n' }, body: FINE }],
    [
      'comments with words',
      { first: 1500, ping: { every: 300, bytes: ': OPENROUTER PROCESSING\n\n' }, body: FINE },
    ],
    [
      'events of its own',
      { first: 1500, ping: { every: 300, bytes: 'event: ping\ndata: {}\n\n' }, body: FINE },
    ],
    ['empty frames', { first: 1500, ping: { every: 300, bytes: 'data: \n\n' }, body: FINE }],
    ['blanks', { first: 1500, ping: { every: 300, bytes: '\n' }, body: FINE }],
  ])('is waited for while a local server sends %s', async (_, play) => {
    const server = await bytes(play)
    expect(await evening.run('ask', 'why?')).toMatchObject({ code: 0, stdout: 'fine\n' })
    expect(server.asked).toHaveLength(1)
    expect(await evening.json('task', 'show', '@')).toMatchObject({ attempt: 1 })
  })

  it('is given up after the first byte’s own limit, and the next step names the setting', async () => {
    await bytes({ after: 60_000 }, '', 'first_byte_seconds: 1\nliveness_seconds: 1')
    const [id] = await evening.putDown('why?')
    await expect.poll(async () => said(await evening.show(id!)), ASK_AGAIN).toMatch(/first_byte_seconds/)
    await evening.run('task', 'cancel', id!)
  })

  it('is another thing than silence after the first byte, which ends the attempt with a next step that names its setting', async () => {
    await bytes({ body: text('half'), end: 'hang' })
    const [id] = await evening.putDown('why?')
    await expect.poll(async () => said(await evening.show(id!)), ASK_AGAIN).toMatch(/liveness_seconds/)
    await evening.run('task', 'cancel', id!)
  })
})

describe('three asks at once of one slot', () => {
  it('are all answered, one after the other, and no attempt is lost', async () => {
    // each answer takes longer than the silence that is allowed
    const server = await llama({ tokenMs: 160, pingMs: 0 })
    server.byDefault({ text: 'It is well and it takes its time to say so.' })
    const running = new Set<Call>()
    let most = 0
    const count = setInterval(() => {
      for (const call of asked(server)) {
        if (call.endedAt === null && call.leftAt === null) running.add(call)
        else running.delete(call)
      }
      most = Math.max(most, running.size)
    }, 20)
    const ran = await Promise.all(
      ['one?', 'two?', 'three?'].map((question) => evening.run('ask', '-v', question)),
    )
    clearInterval(count)
    expect(ran.map(({ code, stdout }) => ({ code, stdout }))).toEqual(
      ran.map(() => ({ code: 0, stdout: 'It is well and it takes its time to say so.\n' })),
    )
    for (const { stderr } of ran) expect(stderr).not.toMatch(ATTEMPT_USED)
    expect(asked(server)).toHaveLength(3)
    expect(most).toBe(1)
  })

  it('wait with a reason that is so', async () => {
    const server = await llama({ tokenMs: 200 })
    server.byDefault({ text: 'It is well and it takes its time.' })
    const [first, second] = await evening.putDown('one?', 'two?')
    await expect.poll(() => asked(server).length).toBe(1)
    const states = await Promise.all([first!, second!].map((id) => evening.show(id)))
    const waiting = states.find(({ state }) => state === 'pending')
    expect(waiting?.waiting_on?.text).toMatch(/llama|slot|lane|behind|position/)
    for (const id of [first!, second!])
      expect(await evening.settled(id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('are taken as many at once as the settings say', async () => {
    const server = await llama({ slots: 3, tokenMs: 200, pingMs: 100 }, ', slots: 3')
    server.byDefault({ text: 'It is well and it takes its time.' })
    const ids = await evening.putDown('one?', 'two?', 'three?')
    for (const id of ids) expect(await evening.settled(id)).toMatchObject({ state: 'done', attempt: 1 })
    const [a, b, c] = asked(server)
    expect(Math.max(a!.at, b!.at, c!.at)).toBeLessThan(Math.min(a!.endedAt!, b!.endedAt!, c!.endedAt!))
  })
})

describe('a model that is being loaded', () => {
  it('is waited for: no attempt is used, and the reason is told', async () => {
    const server = await llama({ loadMs: 4000 })
    const ran = await evening.run('ask', '--timeout', '90', 'why?')
    expect(ran).toMatchObject({ code: 0, stdout: 'It is well.\n' })
    expect(ran.stderr).toMatch(/load/i)
    const task = await evening.json<TaskView>('task', 'show', '@')
    expect(task.attempt).toBe(1)
    expect(asked(server).length).toBeLessThan(8)
  })

  it('says while it waits what it waits for', async () => {
    await llama({ loadMs: 60_000 })
    const [id] = await evening.putDown('why?')
    await expect.poll(async () => (await evening.show(id!)).waiting_on?.text, ASK_AGAIN).toMatch(/load/i)
    const { stdout } = await evening.run('task', 'show', id!)
    expect(stdout).not.toMatch(/unreachable|attempt 1 failed/)
    await evening.run('task', 'cancel', id!)
  })
})

describe('a server that is not there at the moment', () => {
  it('is waited for: no attempt is used', async () => {
    const gone = await llama()
    const port = Number(new URL(gone.url).port)
    await gone.stop()
    const asking = evening.run('ask', '--timeout', '90', 'why?')
    await expect
      .poll(async () => JSON.stringify(await evening.json('task', 'ls', '--state', 'open')))
      .toMatch(/refused|unreachable/i)
    const back = await fakeLlamaCpp({ port })
    servers.push(back)
    expect(await asking).toMatchObject({ code: 0, stdout: 'It is well.\n' })
    expect(await evening.json('task', 'show', '@')).toMatchObject({ attempt: 1 })
  })

  it('answers what is asked once it is back, at once', async () => {
    const took = async () => {
      const gone = await llama()
      const port = Number(new URL(gone.url).port)
      await gone.stop()
      const [id] = await evening.putDown('why?')
      await expect.poll(async () => (await evening.show(id!)).error, ASK_AGAIN).not.toBeNull()
      servers.push(await fakeLlamaCpp({ port }))
      // what is asked now is answered now
      const started = Date.now()
      expect(await evening.run('ask', '--timeout', '90', 'and now?')).toMatchObject({ code: 0 })
      const ms = Date.now() - started
      await evening.run('task', 'cancel', id!)
      return ms
    }
    // by who waits for a retry it is not, however often one tries
    await expect.poll(took).toBeLessThan(5000)
  })

  it('is said to be still away, in plain words', async () => {
    const gone = await llama()
    await gone.stop()
    const [id] = await evening.putDown('why?')
    await expect.poll(async () => (await evening.show(id!)).error, ASK_AGAIN).not.toBeNull()
    const { stdout } = await evening.run()
    expect(stdout).toMatch(/llama.*(unreachable|refused|not reach|no answer)/i)
    expect(stdout).not.toMatch(/verbose: true|fetch\(\)/)
    await evening.run('task', 'cancel', id!)
  })
})

describe('trouble with a login', () => {
  it('is forgotten with the key and the url that it was met with', async () => {
    const server = await llama({ apiKey: 'right' }, ", api_key: '$env:HAI_KEY_OLD'")
    const refused = await evening.run('ask', 'why?')
    expect(refused.code).toBe(6)
    expect(refused.stderr).toMatch(/api_key|HAI_KEY_OLD/)
    const other = await fakeLlamaCpp()
    servers.push(other)
    settings(other.url)
    expect(await evening.run('ask', 'why?')).toMatchObject({ code: 0, stdout: 'It is well.\n' })
    const { stdout } = await evening.run()
    expect(stdout).not.toMatch(/refused its login/)
    const health = await evening.run('doctor')
    expect(health.stdout).not.toMatch(/refused its login/)
    expect(server.calls.length).toBeGreaterThan(0)
  })
})

describe('a limit of the rate', () => {
  it('puts off by what was said, without an attempt, and one success clears it for all', async () => {
    const server = await byteServer()
    servers.push(server)
    settings(server.url)
    server.at(
      'why?',
      { status: 429, headers: { 'retry-after': '2' }, body: '{"error":{"message":"slow down"}}' },
      { body: FINE },
    )
    server.at('next', { body: FINE })
    expect(await evening.run('ask', '--timeout', '90', 'why?')).toMatchObject({ code: 0, stdout: 'fine\n' })
    expect(await evening.json('task', 'show', '@')).toMatchObject({ attempt: 1 })
    expect(server.of('why?')[1]!.at - server.of('why?')[0]!.at).toBeGreaterThanOrEqual(1900)
    expect((await evening.run()).stdout).not.toMatch(/limited the rate/)
    expect(await evening.run('ask', 'next')).toMatchObject({ code: 0 })
    expect(await evening.json('task', 'show', '@')).toMatchObject({
      events: expect.not.arrayContaining([expect.objectContaining({ type: 'retry' })]),
    })
    const { body } = await evening.stack.call<Health>('f/hai/admin/health', {})
    expect(JSON.stringify(body.problems)).not.toMatch(/llama/)
  })
})

describe('what is looked for', () => {
  it('is not looked for again and again at a server that has no such path', async () => {
    const server = await bytes({ body: FINE })
    for (let n = 0; n < 5; n++) expect((await evening.run('ask', 'why?')).code).toBe(0)
    expect(server.looks.filter((path) => path.includes('/api/ps')).length).toBeLessThanOrEqual(2)
  })
})

describe('hai model test', () => {
  it('asks for a bounded answer', async () => {
    const server = await llama({ tokenMs: 1 })
    server.byDefault({ text: Array.from({ length: 2000 }, (_, n) => ` ${n}`) })
    const ran = await evening.run('model', 'test', 'llama/model.gguf')
    expect(ran.code).toBe(0)
    expect(asked(server)[0]!.body).toMatchObject({ max_tokens: 64 })
    expect(ran.stdout).toMatch(/64 tokens/)
  })

  it('stops with Ctrl-C, and the server is left', async () => {
    const server = await llama({ tokenMs: 300 })
    server.byDefault({ text: Array.from({ length: 2000 }, (_, n) => ` ${n}`) })
    const { child, ended } = spawnHai(['model', 'test', 'llama/model.gguf'], { env: evening.stack.env })
    await expect.poll(() => asked(server).length).toBe(1)
    child.kill('SIGINT')
    const left = Date.now()
    expect((await ended).exit).toBe(130)
    await expect.poll(() => asked(server)[0]!.leftAt).not.toBeNull()
    // its answer would take ten minutes
    expect(asked(server)[0]!.leftAt! - left).toBeLessThan(40_000)
  })

  it('tells no rate of one token, and the rate of many without the first', async () => {
    const server = await llama()
    server.next({ text: ['One'] }, { text: ['a', 'b', 'c', 'd', 'e'], pause: { between: 200 } })
    const one = await evening.run('model', 'test', 'llama/model.gguf')
    expect(one.code).toBe(0)
    expect(one.stdout).not.toMatch(/tokens\/s/)
    // four tokens, in what the server took from its first to its last
    const { stdout } = await evening.run('model', 'test', 'llama/model.gguf')
    const [, rate] = /([\d.]+) tokens\/s/.exec(stdout) ?? []
    const { firstPieceAt, endedAt } = asked(server)[1]!
    const right = 4000 / (endedAt! - firstPieceAt!)
    expect(Number(rate) / right).toBeGreaterThan(0.6)
    expect(Number(rate) / right).toBeLessThan(1.1)
  })
})
