import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { CostReport, KeyAmount } from '../../f/hai/core/cost/shape.ts'
import type { TaskEvents } from '../../f/hai/core/task/shape.ts'
import { ASK_AGAIN } from '../support/patience.ts'
import { type ByteServer, byteServer } from './bytes.ts'
import { DONE, end, finish, text, usage } from './openai-bytes.ts'
import { CACHE_WRITES, callLine, FOLDERS, sessionFolder } from './session-files.ts'
import { anEvening, type Evening } from './world.ts'

let server: ByteServer
let evening: Evening

const SETTINGS = (more = '', rates = '{ input: 1, output: 2 }') => `liveness_seconds: 10
default: box/m
backends:
  box: { kind: openai-compatible, url: '${server.url}/v1', billing: metered, models: { m: ${rates} } }
  home: { kind: openai-compatible, url: '${server.url}/home/v1', billing: local, models: { m: {} } }
  claude-code:
    kind: claude-code
    billing: subscription
    prices: { 'claude-cache-*': [{ from: '2026-01-01', input: 3, output: 15, cache_write: 3.75 }]${more} }
`
beforeAll(async () => {
  server = await byteServer()
  evening = await anEvening()
  evening.settings('models.yaml', SETTINGS())
})
afterAll(() => server?.stop())
afterEach(() => {
  evening.settings('models.yaml', SETTINGS())
  evening.settings('budget.yaml', '')
})

const imported = async (folder: string, ...more: string[]) => {
  const ran = await evening.run('cost', 'import', 'claude-code', folder, ...more)
  return { ...ran, text: ran.stdout + ran.stderr }
}
const report = async (): Promise<CostReport> =>
  evening.json<CostReport>('cost', '--days', '60', '--by', 'model')
const ofModel = async (model: string): Promise<KeyAmount | undefined> =>
  (await report()).by.model?.find(({ key }) => key === model || key.endsWith(`/${model}`))

describe('what Claude Code did elsewhere', () => {
  const names = Object.keys(FOLDERS)
  const modelOf = (name: string) => `claude-import-${names.indexOf(name)}`
  const ran = new Map<string, Awaited<ReturnType<typeof imported>>>()
  let amounts: KeyAmount[]
  beforeAll(async () => {
    for (const name of names) {
      const folder = sessionFolder(evening.stack.env.HOME!, name, FOLDERS[name]!.files(modelOf(name)))
      ran.set(name, await imported(folder))
    }
    amounts = (await report()).by.model ?? []
  })

  it.each(names)('with %s is counted once and whole', (name) => {
    const { calls, in: input, out, odd = [] } = FOLDERS[name]!
    const amount = amounts.find(({ key }) => key.endsWith(modelOf(name)))
    expect({ calls: amount?.calls, input: amount?.tokens.input, output: amount?.tokens.output }).toEqual({
      ...{ calls, input, output: out },
    })
    expect(ran.get(name)!.code).toBe(0)
    // what is left out is named by file and line, in no terms of the batch
    for (const line of odd) expect(ran.get(name)!.text).toMatch(line)
    expect(ran.get(name)!.text).not.toMatch(/calls\.\d+|not accepted/)
    if (odd.length === 0) expect(ran.get(name)!.text).not.toMatch(/could not be (understood|read)/)
  })

  it('is corrected by what is told later, and never made less', async () => {
    const model = 'claude-later-1'
    const line = (output: number, stop: string | null) =>
      `${callLine({ id: 'msg_later', model, output, stop })}\n`
    for (const [name, output, stop, right] of [
      ['1', 1, null, 1],
      ['2', 700, null, 700],
      ['3', 5000, 'end_turn', 5000],
      ['4', 3, null, 5000],
    ] as const) {
      await imported(
        sessionFolder(evening.stack.env.HOME!, `later-${name}`, { 'a.jsonl': line(output, stop) }),
      )
      expect(await ofModel(model)).toMatchObject({ calls: 1, tokens: { output: right } })
    }
  })

  it.each(Object.keys(CACHE_WRITES))('is priced so where it wrote to a cache %s', async (name) => {
    const [counts, usd] = CACHE_WRITES[name]!
    const model = `claude-cache-${Object.keys(CACHE_WRITES).indexOf(name)}`
    const lines = `${callLine({ id: `msg_${model}`, model, usage: counts })}\n`
    await imported(sessionFolder(evening.stack.env.HOME!, `cache ${name}`, { 'a.jsonl': lines }))
    expect((await ofModel(model))?.list_usd).toBeCloseTo(usd, 6)
  })

  it('before its price was known has one when there is one, and keeps it', async () => {
    const model = 'claude-late-1'
    const usage = {
      input_tokens: 1_000_000,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 0,
    }
    const folder = sessionFolder(evening.stack.env.HOME!, 'late', {
      'a.jsonl': `${callLine({ id: 'msg_q1', model, usage, at: '2026-11-18T10:00:00.000Z' })}\n`,
    })
    await imported(folder)
    expect((await ofModel(model))?.list_usd).toBeNull()
    const priced = (input: number) =>
      evening.settings(
        'models.yaml',
        SETTINGS(`, ${model}: [{ from: '2026-01-01', input: ${input}, output: 15 }]`),
      )
    priced(3)
    await imported(folder)
    expect((await ofModel(model))?.list_usd).toBeCloseTo(3, 6)
    priced(5)
    await imported(folder)
    expect((await ofModel(model))?.list_usd).toBeCloseTo(3, 6)
  })
})

/** Asks, waits for some text on the wire, cancels, and gives the task's id. */
async function cancelled(word: string, pieces: number): Promise<string> {
  const body = Array.from({ length: pieces }, (_, n) => text(` piece${n}`)).join('')
  server.at(word, { body, end: 'hang' })
  const [id] = await evening.putDown(`please explain ${word}`)
  const told = async () => {
    const { body } = await evening.stack.call<TaskEvents>('f/hai/task/events', { id })
    return body.events.map((event) => event.text).join('')
  }
  await expect.poll(told).toContain(`piece${pieces - 1}`)
  expect((await evening.run('task', 'cancel', id!)).code).toBe(0)
  await expect.poll(() => server.of(word).at(-1)!.leftAt).toBeDefined()
  await expect.poll(async () => (await evening.costs(id!)).calls[0]?.state, ASK_AGAIN).not.toBe('open')
  return id!
}

describe('a call that the operator cancels', () => {
  it('is booked as cancelled, with at least what had come, and may be seen', async () => {
    const id = await cancelled('KSTOP', 30)
    const { stdout } = await evening.run('cost', 'task', id)
    expect(stdout).toMatch(/cancelled/)
    expect(stdout).toMatch(/at least|≥|\+/)
    expect(stdout).not.toMatch(/lost|no money|worker/)
    const { calls } = await evening.costs(id)
    expect(calls[0]!.tokens.output).toBeGreaterThanOrEqual(20)
    expect(calls[0]!.tokens.output).toBeLessThanOrEqual(90)
    const shown = await evening.run('task', 'show', id)
    expect(shown.stdout).toMatch(/not whole/i)
    expect(shown.stdout).toContain('piece29')
    expect(shown.stdout.match(/piece29/g)).toHaveLength(1)
  })

  it('costs nothing when its model is local, and nothing else is said', async () => {
    evening.settings('models.yaml', SETTINGS().replace('default: box/m', 'default: home/m'))
    const id = await cancelled('KLOCAL', 12)
    const { stdout } = await evening.run('cost', 'task', id)
    expect(stdout).toMatch(/cancelled/)
    expect(stdout).not.toMatch(/lost|may have cost|unknown sum/)
    expect(stdout).not.toMatch(/\b0 tokens/)
    const all = await evening.run('cost')
    expect(all.stdout).not.toMatch(/lost with the worker/)
  })
})

describe('a call that ends otherwise', () => {
  const words = async (word: string, play: Parameters<ByteServer['at']>[1]) => {
    server.at(word, play)
    const [id] = await evening.putDown(`please explain ${word}`)
    await expect
      .poll(async () => (await evening.costs(id!)).calls[0]?.state ?? 'open', ASK_AGAIN)
      .not.toBe('open')
    await evening.run('task', 'cancel', id!)
    return (await evening.run('cost', 'task', id!)).stdout
  }

  it('whose backend told no count says so', async () => {
    const stdout = await words('KNOCOUNT', { body: text('fine') + finish() + DONE })
    expect(stdout).toMatch(/no count/)
    expect(stdout).not.toMatch(/lost|no money|worker/)
  })

  it.each([
    ['refused', { status: 400, body: '{"error":{"message":"no such thing"}}' }],
    ['failed', { status: 500, body: '{"error":{"message":"oops"}}' }],
    ['broken off', { body: text('half'), end: 'cut' as const }],
    [
      'a stream that says it failed',
      { body: `${text('half')}data: {"error":{"message":"oops","code":500}}\n\n` },
    ],
  ])('as %s is not called lost', async (_, play) => {
    const stdout = await words(`KEND${_.length}`, play)
    expect(stdout).not.toMatch(/lost|worker/)
  })

  it('counts what had come when it broke off after some text', async () => {
    server.at('KHALF', { body: Array.from({ length: 40 }, (_, n) => text(` p${n}`)).join(''), end: 'cut' })
    const [id] = await evening.putDown('please explain KHALF')
    await expect
      .poll(async () => (await evening.costs(id!)).calls[0]?.state ?? 'open', ASK_AGAIN)
      .not.toBe('open')
    expect((await evening.costs(id!)).calls[0]!.tokens.output).toBeGreaterThanOrEqual(20)
    await evening.run('task', 'cancel', id!)
  })

  it('is never summed up as no money when its cost is unknown', async () => {
    const { stdout } = await evening.run('cost')
    const { total } = await report()
    expect(total.calls).toBeGreaterThan(0)
    if (total.usd === null || total.presumed_calls > 0)
      expect(stdout.split('\n').slice(0, 3).join('\n')).not.toMatch(/: no money/)
    expect(stdout).not.toMatch(/lost with the worker/)
  })
})

describe('a metered model without a price', () => {
  it('is refused by default, before it is asked, with the line that sets one', async () => {
    evening.settings('models.yaml', SETTINGS('', '{}'))
    server.at('KNOPRICE', { body: text('dear') + end() })
    const ran = await evening.run('ask', '--timeout', '60', 'please explain KNOPRICE')
    expect(ran.stdout).toBe('')
    expect([6, 10, 124]).toContain(ran.code)
    expect(server.of('KNOPRICE')).toHaveLength(0)
    expect(ran.stderr).toMatch(/price/)
    expect(ran.stderr).toMatch(/models\.yaml/)
    expect(ran.stderr).toMatch(/input/)
  })

  it('is allowed by who says so, and hai says that no cap counts it', async () => {
    evening.settings('models.yaml', SETTINGS('', '{}'))
    evening.settings('budget.yaml', 'unknown_price: allow\n')
    server.at('KALLOWED', { body: text('dear') + finish() + usage() + DONE })
    const ran = await evening.run('ask', 'please explain KALLOWED')
    expect(ran).toMatchObject({ code: 0, stdout: 'dear\n' })
    const home = await evening.run()
    expect(ran.stderr + home.stdout + home.stderr).toMatch(/unknown price|no cap|price is (not )?known/i)
  })

  it('is none of those that hai knows by name: their list prices come with it, dated, with their source', async () => {
    evening.settings(
      'models.yaml',
      'backends:\n  anthropic: { kind: anthropic, billing: metered, models: { claude-sonnet-4-5: {}, claude-haiku-4-5: {} } }\n',
    )
    const { stdout, stderr } = await evening.run('model', 'ls')
    expect(stdout).toMatch(/claude-sonnet-4-5.*\$3(\.00)? in, \$15(\.00)? out/)
    expect(stdout).toMatch(/claude-haiku-4-5.*\$1(\.00)? in, \$5(\.00)? out/)
    expect(stdout + stderr).toMatch(/genai-prices|list price/i)
    expect(stdout + stderr).toMatch(/20\d\d-\d\d-\d\d/)
  })

  it('holds a cap that is changed at the next command', async () => {
    server.at('KCAP', { body: text('fine') + end() })
    expect((await evening.run('ask', 'please explain KCAP')).code).toBe(0)
    evening.settings('budget.yaml', 'caps: { task: { usd: 0.000001 } }\n')
    const ran = await evening.run('ask', '--timeout', '60', 'please explain KCAP again')
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toMatch(/cap task/)
    expect(server.of('KCAP')).toHaveLength(1)
  })
})
