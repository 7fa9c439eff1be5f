import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RecordedCall } from '../../../f/hai/core/cost/shape.ts'
import fc from '../../support/fast-check.ts'
import { type CannedServer, cannedServer, refusal } from '../canned-server.ts'
import { aHomeFolder, runHai } from '../run-hai.ts'

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>
/** What the ledger has been told. */
let ledger: Map<string, RecordedCall>

beforeEach(async () => {
  ledger = new Map()
  server = await cannedServer({
    'cost/record': ({ calls }) => {
      const given = calls as RecordedCall[]
      const fresh = given.filter(({ call_id }) => !ledger.has(call_id))
      for (const call of fresh) ledger.set(call.call_id, call)
      return { result: { recorded: fresh.length, known: given.length - fresh.length, corrected: 0 } }
    },
  })
  home = aHomeFolder()
})
afterEach(async () => {
  await server.close()
  home.remove()
})

const LONG_AGO = '2026-11-01T10:00:00.000Z'

interface Usage {
  input_tokens?: unknown
  output_tokens?: unknown
  cache_read_input_tokens?: unknown
  cache_creation_input_tokens?: unknown
}

/** A line as Claude Code writes one for each piece of an answer. */
function aLine(n: number, usage: Usage = {}, fields: Record<string, unknown> = {}): string {
  const { stop_reason = 'end_turn', model = 'claude-sonnet-4-5', ...others } = fields
  return JSON.stringify({
    parentUuid: null,
    type: 'assistant',
    timestamp: LONG_AGO,
    requestId: `req_${n}`,
    message: {
      id: `msg_${n}`,
      type: 'message',
      role: 'assistant',
      model,
      content: [{ type: 'text', text: 'done' }],
      stop_reason,
      usage: {
        input_tokens: 10,
        output_tokens: 100,
        cache_read_input_tokens: 5000,
        cache_creation_input_tokens: 300,
        service_tier: 'standard',
        ...usage,
      },
    },
    ...others,
  })
}

function aSession(path: string, ...lines: string[]): string {
  const file = join(home.path, '.claude/projects', path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  return file
}

const run = (...argv: string[]) =>
  runHai(['cost', 'import', 'claude-code', ...argv], { env: { ...home.env, ...server.env } })

describe('hai cost import claude-code', () => {
  it('tells the ledger of each call once, at its last count, with the cache in the input', async () => {
    aSession(
      'a/1.jsonl',
      JSON.stringify({ type: 'user', message: { role: 'user', content: 'an "assistant" may be asked' } }),
      aLine(1, { output_tokens: 1 }, { stop_reason: null }),
      aLine(1, { output_tokens: 1 }, { stop_reason: null }),
      aLine(1, { output_tokens: 159 }),
    )
    const { exit, stdout } = await run()
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '1 call in 1 file: 1 new, 0 known already\n' })
    expect([...ledger.values()]).toEqual([
      {
        call_id: 'claude-code:msg_1',
        at: LONG_AGO,
        backend: 'claude-code',
        model: 'claude-sonnet-4-5',
        billing: 'subscription',
        tokens: { input: 5310, output: 159, cache_read: 5000, cache_write: 300 },
        source: 'claude-code',
      },
    ])
  })

  it('counts nothing twice: neither in a second import, nor in the copy that a resumed session begins with', async () => {
    aSession('a/1.jsonl', aLine(1), aLine(2))
    const resumed = aSession('a/2.jsonl', aLine(1), aLine(2), aLine(3))
    aSession('a/deep/agent-7.jsonl', aLine(4, {}, { isSidechain: true }))
    expect((await run()).stdout).toBe('4 calls in 3 files: 4 new, 0 known already\n')
    appendFileSync(resumed, `${aLine(5)}\n`)
    expect((await run()).stdout).toBe('5 calls in 3 files: 1 new, 4 known already\n')
    expect(ledger.size).toBe(5)
  })

  it('sends as many at once as the door takes', async () => {
    aSession('a/1.jsonl', ...Array.from({ length: 2500 }, (_, n) => aLine(n)))
    expect((await run()).stdout).toBe('2500 calls in 1 file: 2500 new, 0 known already\n')
    expect(server.callsOf('cost/record').map(({ args }) => (args.calls as unknown[]).length)).toEqual([
      1000, 1000, 500,
    ])
  })

  it('says which lines it could not understand, and takes the others', async () => {
    aSession(
      'a/1.jsonl',
      aLine(1),
      aLine(2, { output_tokens: -1 }),
      aLine(3, { input_tokens: 1.5 }),
      aLine(4, { input_tokens: '12' }),
      aLine(5, { output_tokens: undefined }),
      aLine(6, {}, { timestamp: 'yesterday' }),
      aLine(7, {}, { message: { id: 'msg_7' } }),
      aLine(8, {}, { model: '' }),
      aLine(9).slice(0, 60),
      '',
      aLine(10, {}, { model: '<synthetic>' }),
      aLine(11, { cache_read_input_tokens: undefined, cache_creation_input_tokens: undefined }),
      aLine(12, {}, { requestId: undefined }),
    )
    const { exit, stdout, stderr } = await run()
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '3 calls in 1 file: 3 new, 0 known already\n' })
    expect(stderr).toContain(`8 records could not be understood and were left out:
~/.claude/projects/a/1.jsonl:2: output_tokens is -1: expected a whole number up to 2147483647
~/.claude/projects/a/1.jsonl:3: input_tokens is 1.5: expected a whole number up to 2147483647
~/.claude/projects/a/1.jsonl:4: input_tokens is "12": expected a whole number up to 2147483647
~/.claude/projects/a/1.jsonl:5: output_tokens is missing: expected a whole number up to 2147483647
~/.claude/projects/a/1.jsonl:6: timestamp is "yesterday": expected a time
~/.claude/projects/a/1.jsonl:7: usage is missing: expected counts of tokens
~/.claude/projects/a/1.jsonl:8: model is "": expected its name
~/.claude/projects/a/1.jsonl:9: is no JSON object
`)
    expect([...ledger.keys()]).toEqual(['claude-code:msg_1', 'claude-code:msg_11', 'claude-code:msg_12'])
    expect(ledger.get('claude-code:msg_11')?.tokens).toMatchObject({ input: 10, cache_read: 0 })
  })

  it('waits for the end of a call that goes on, and tells of one whose end was never written', async () => {
    const partial = { stop_reason: null }
    aSession(
      'a/1.jsonl',
      aLine(1, {}, { ...partial, timestamp: new Date().toISOString() }),
      aLine(2, {}, partial),
      aLine(3, {}, { timestamp: new Date().toISOString() }),
    )
    const { stdout, stderr } = await run()
    expect(stdout).toBe('2 calls in 1 file: 2 new, 0 known already\n')
    expect(stderr).toContain('1 call without a last count')
    expect(stderr).toContain('1 call not over yet')
    expect([...ledger.keys()]).not.toContain('claude-code:msg_1')
  })

  it('reads the folder it is told, or CLAUDE_CONFIG_DIR', async () => {
    aSession('a/1.jsonl', aLine(1))
    const elsewhere = { HOME: '/nonexistent', ...server.env }
    const where = join(home.path, '.claude')
    const import_ = ['cost', 'import', 'claude-code']
    for (const [argv, env] of [
      [[...import_, where], elsewhere],
      [[...import_, join(where, 'projects', 'a')], elsewhere],
      [import_, { ...elsewhere, CLAUDE_CONFIG_DIR: where }],
    ] as const) {
      const { stdout } = await runHai([...argv], { env })
      expect(stdout).toMatch(/^1 call in 1 file/)
    }
    const { exit, stderr } = await runHai(import_, { env: elsewhere })
    expect(exit).toBe(3)
    expect(stderr).toContain('there is no /nonexistent/.claude/projects')
  })

  it('calls them metered when told so, and gives its sums as JSON', async () => {
    aSession('a/1.jsonl', aLine(1), 'not JSON "assistant"')
    const { stdout } = await run('--billing', 'metered', '--json')
    expect(JSON.parse(stdout)).toEqual({
      files: 1,
      recorded: 1,
      known: 0,
      corrected: 0,
      partial: 0,
      running: 0,
      unreadable: [join(home.path, '.claude/projects/a/1.jsonl:2: is no JSON object')],
    })
    expect([...ledger.values()][0]?.billing).toBe('metered')
  })

  it.skipIf(process.getuid?.() === 0)('names a file that it may not read', async () => {
    chmodSync(aSession('a/1.jsonl', aLine(1)), 0o000)
    aSession('a/2.jsonl', aLine(2))
    const { stdout, stderr } = await run()
    expect(stdout).toMatch(/^1 call in 1 file/)
    expect(stderr).toContain('a/1.jsonl')
  })

  it('ends lines at line feeds alone, and takes no mark, carriage return or NUL for a part of one', async () => {
    const text = (said: string) => ({ content: [{ type: 'text', text: said }] })
    const raw = (n: number, said: string) => aLine(n, {}, text(said))
    const file = aSession('a/1.jsonl')
    writeFileSync(
      file,
      `\uFEFF${aLine(1)}\r\n${raw(2, 'one\u2028two\u2029three\u0085four')}\n\0\0\0${aLine(3)}\n\n${'\0'.repeat(9)}\n\v${aLine(4)}\f\n${aLine(5)}`,
    )
    const { exit, stdout, stderr } = await run()
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '5 calls in 1 file: 5 new, 0 known already\n' })
    expect(stderr).toContain('1 record could not be understood and was left out:\n')
    expect(stderr).toContain('a/1.jsonl:5: holds nothing but NUL\n')
  })

  it('counts a message once, whether or not a copy names its request, at its last and fullest count', async () => {
    aSession('a/1.jsonl', aLine(1), aLine(2, { output_tokens: 900 }, { stop_reason: null }))
    aSession('b/2.jsonl', aLine(1, {}, { requestId: undefined }), aLine(2, { output_tokens: 7 }))
    aSession('c/3.jsonl', aLine(2, { output_tokens: 70 }), aLine(2, { output_tokens: 7 }))
    const odd = { message: { ...JSON.parse(aLine(3)).message, id: undefined } }
    aSession(
      'd/4.jsonl',
      aLine(3, {}, odd),
      aLine(4, {}, { message: { ...odd.message, id: 'gen-17+abc/def==' } }),
    )
    const { stdout, stderr } = await run()
    expect(stdout).toBe('3 calls in 4 files: 3 new, 0 known already\n')
    expect([...ledger.keys()]).toEqual(['claude-code:msg_1', 'claude-code:msg_2', 'claude-code:req_3'])
    // of such a gateway each copy may have another id
    expect(stderr).toContain('d/4.jsonl:2: message.id is "gen-17+abc/def==": expected an id\n')
    expect(ledger.get('claude-code:msg_2')?.tokens.output).toBe(70)
  })

  it('tells apart what a cache keeps for an hour', async () => {
    const kept = { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 }
    aSession(
      'a/1.jsonl',
      aLine(1, { cache_creation: kept } as Usage),
      aLine(2, { cache_creation_input_tokens: null, cache_creation: kept } as Usage),
      aLine(3, { cache_creation: null } as Usage),
    )
    await run()
    const tokens = { input: 5310, output: 100, cache_read: 5000, cache_write: 300 }
    expect([...ledger.values()].map((call) => call.tokens)).toEqual([
      { ...tokens, cache_write_1h: 200 },
      { ...tokens, cache_write_1h: 200 },
      tokens,
    ])
  })

  it('names what the ledger refuses by its line, and tells it of the others', async () => {
    aSession(
      'a/1.jsonl',
      aLine(1),
      aLine(2, {}, { timestamp: new Date(Date.now() + 864e5 * 7).toISOString() }),
    )
    aSession('b/2.jsonl', aLine(3, {}, { model: 'refused' }), aLine(4), aLine(5, {}, { model: 'refused' }))
    const takes = server.doors['cost/record']!
    server.doors['cost/record'] = (args, ...rest) => {
      const problems = (args.calls as RecordedCall[]).flatMap(({ model }, at) =>
        model === 'refused' ? [`calls.${at}.model: "refused" is not accepted; expected another`] : [],
      )
      const refused = refusal(400, 'invalid', problems.join('; '), { problems })
      return problems.length > 0 ? refused : takes(args, ...rest)
    }
    const { exit, stdout, stderr } = await run()
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '2 calls in 2 files: 2 new, 0 known already\n' })
    expect(stderr).toMatch(/a\/1.jsonl:2: timestamp is ".*": expected a time that has passed\n/)
    expect(stderr).toContain('b/2.jsonl:1: model: "refused" is not accepted; expected another\n')
    expect(stderr).toContain('b/2.jsonl:3: model: "refused" is not accepted; expected another\n')
    expect([...ledger.keys()]).toEqual(['claude-code:msg_1', 'claude-code:msg_4'])
  })

  it('takes what is left, whatever a record holds instead of what it should', async () => {
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(
        -1,
        9e307 * 9,
        2 ** 31,
        1.5,
        '7',
        null,
        [],
        {},
        true,
        '\u0000',
        '9'.repeat(400),
        '+275760-09-13T00:00:00Z',
      ),
    )
    const field = fc.constantFrom(
      'message',
      'usage',
      'output_tokens',
      'input_tokens',
      'cache_creation',
      'id',
      'model',
      'timestamp',
      'requestId',
      'stop_reason',
      'cache_read_input_tokens',
    )
    const spoiled = (n: number, name: string, value: unknown): string => {
      const line = JSON.parse(aLine(n))
      const at = [line, line.message, line.message.usage].find((one) => name in one) ?? line.message.usage
      at[name] = value
      return JSON.stringify(line)
    }
    const bad = fc.oneof(
      fc.tuple(field, junk).map(
        ([name, value]) =>
          (n: number) =>
            spoiled(n, name, value),
      ),
      fc.string().map((text) => () => text.replaceAll('\n', ' ')),
      fc.nat(300).map((length) => (n: number) => aLine(n).slice(0, length)),
      fc.constant(() => '['.repeat(100_000)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(bad, { minLength: 1, maxLength: 12 }), async (lines) => {
        ledger.clear()
        const mixed = lines.flatMap((line, n) => [line(1000 + n), aLine(n)])
        aSession('a/1.jsonl', ...mixed)
        const { exit, stdout } = await run('--json')
        const imported = JSON.parse(stdout)
        expect(exit).toBe(0)
        expect(lines.every((_, n) => ledger.has(`claude-code:msg_${n}`))).toBe(true)
        expect(imported.recorded + imported.known).toBe(ledger.size)
        for (const where of imported.unreadable) expect(where).toMatch(/a\/1\.jsonl:\d+: \S/)
      }),
      { numRuns: 20 },
    )
  })

  it('stops when the ledger refuses', async () => {
    aSession('a/1.jsonl', aLine(1))
    server.doors['cost/record'] = () => refusal(403, 'forbidden', 'guest is a member')
    const { exit, stdout } = await run()
    expect({ exit, stdout }).toEqual({ exit: 4, stdout: '' })
  })
})
