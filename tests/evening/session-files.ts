import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Lines of Claude Code's own session files, as it writes them. */

interface Given {
  id?: unknown
  request?: string | null
  model?: string
  at?: unknown
  stop?: string | null
  text?: string
  usage?: unknown
  input?: number
  output?: unknown
}

/** One line; `request: null` leaves its id away. */
export function callLine(given: Given): string {
  const {
    id = 'msg_1',
    request,
    model = 'claude-test-1',
    at = '2026-11-27T10:00:00.000Z',
    stop = 'end_turn',
  } = given
  const usage = given.usage ?? {
    ...{ input_tokens: given.input ?? 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    output_tokens: given.output ?? 20,
  }
  return JSON.stringify({
    ...{ parentUuid: null, isSidechain: false, sessionId: 's1', version: '2.1.0', type: 'assistant' },
    ...{ uuid: 'c082d559', timestamp: at },
    message: {
      ...{ id, type: 'message', role: 'assistant', model },
      ...{ content: [{ type: 'text', text: given.text ?? 'hello' }], stop_reason: stop, usage },
    },
    ...(request === null ? {} : { requestId: request ?? `req_${id}` }),
  })
}

/** Writes the files of one `~/.claude`, by their names in it, and gives its folder. */
export function sessionFolder(home: string, name: string, files: Record<string, string>): string {
  const folder = join(home, `claude-${name.replaceAll(/\W+/g, '-')}`)
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder, 'projects', 'demo', file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return folder
}

const lines = (...all: string[]) => `${all.join('\n')}\n`
const many = (model: string, n: number) =>
  Array.from({ length: n }, (_, at) => callLine({ id: `msg_${model}_${at}`, model, output: 0, input: 0 }))
const grows = (model: string, output: number, stop: string | null, more: Given = {}) =>
  callLine({ id: `msg_${model}`, model, input: 0, output, stop, ...more })

/** Folders, and what they come to: calls, tokens in (cache and all) and out, and lines that are named as odd. */
export const FOLDERS: Record<
  string,
  { files(model: string): Record<string, string>; calls: number; in: number; out: number; odd?: RegExp[] }
> = {
  'a copy without the id of its request': {
    files: (model) => ({
      'a.jsonl': lines(callLine({ id: `m_${model}`, model, input: 100, output: 200 })),
      'b.jsonl': lines(callLine({ id: `m_${model}`, model, input: 100, output: 200, request: null })),
    }),
    ...{ calls: 1, in: 100, out: 200 },
  },
  'a copy without it that comes first': {
    files: (model) => ({
      'a.jsonl': lines(callLine({ id: `m_${model}`, model, input: 100, output: 200, request: null })),
      'b.jsonl': lines(callLine({ id: `m_${model}`, model, input: 100, output: 200 })),
    }),
    ...{ calls: 1, in: 100, out: 200 },
  },
  'copies with two ids of requests': {
    files: (model) => ({
      'a.jsonl': lines(
        callLine({ id: `m_${model}`, model, request: 'req_1' }),
        callLine({ id: `m_${model}`, model, request: 'req_2' }),
        callLine({ id: `m_${model}`, model, request: null }),
      ),
    }),
    ...{ calls: 1, in: 10, out: 20 },
  },
  'a count that grows in another batch': {
    files: (model) => ({
      'a.jsonl': lines(grows(model, 1, null), ...many(model, 1100)),
      'z.jsonl': lines(grows(model, 5000, 'end_turn')),
    }),
    ...{ calls: 1101, in: 0, out: 5000 },
  },
  'a whole count, and a copy of its beginning later': {
    files: (model) => ({
      'a.jsonl': lines(grows(model, 5000, 'end_turn'), ...many(model, 1000)),
      'z.jsonl': lines(grows(model, 1, null)),
    }),
    ...{ calls: 1001, in: 0, out: 5000 },
  },
  'counts that grow line by line': {
    files: (model) => ({
      'a.jsonl': lines(...[1, 7, 30, 57].map((n) => grows(model, n, n === 57 ? 'tool_use' : null))),
    }),
    ...{ calls: 1, in: 0, out: 57 },
  },
  'a call of next week': {
    files: (model) => ({
      'a.jsonl': lines(
        callLine({ id: `1_${model}`, model }),
        callLine({ id: `2_${model}`, model, at: new Date(Date.now() + 7 * 86_400_000).toISOString() }),
        callLine({ id: `3_${model}`, model }),
      ),
    }),
    ...{ calls: 2, in: 20, out: 40, odd: [/a\.jsonl:2/] },
  },
  'days that are none, or too far away': {
    files: (model) => ({
      'a.jsonl': lines(
        ...[
          'yesterday',
          '',
          null,
          7,
          '0001-01-01T00:00:00Z',
          '9999-12-31T23:59:59Z',
          '2026-13-45T10:00:00Z',
        ].map((at, n) => callLine({ id: `${n}_${model}`, model, at })),
        callLine({ id: `ok_${model}`, model }),
      ),
    }),
    ...{ calls: 1, in: 10, out: 20, odd: [/a\.jsonl:1/] },
  },
  'counts that are none': {
    files: (model) => ({
      'a.jsonl': lines(
        ...[-1, 1.5, '20', null, 9e15, 1e300].map((output, n) =>
          callLine({ id: `${n}_${model}`, model, output }),
        ),
        callLine({ id: `ok_${model}`, model }),
      ).replaceAll('"output_tokens":20}},"requestId":"req_3_', '"output_tokens":null}},"requestId":"req_3_'),
    }),
    ...{ calls: 1, in: 10, out: 20, odd: [/a\.jsonl:1/] },
  },
  'line separators in a text': {
    files: (model) => ({
      'a.jsonl': lines(
        ...['one\u2028two', 'one\u2029two', 'one\u0085two', 'one\u000btwo\u000c', 'plain'].map((text, n) =>
          callLine({ id: `${n}_${model}`, model, text })
            .replaceAll('\\u000b', '\u000b')
            .replaceAll('\\f', '\\f'),
        ),
      ).replaceAll('\u000b', ' '),
    }),
    ...{ calls: 5, in: 50, out: 100 },
  },
  'carriage returns': {
    files: (model) => ({
      'crlf.jsonl': `${callLine({ id: `1_${model}`, model })}\r\n${callLine({ id: `2_${model}`, model })}\r\n`,
    }),
    ...{ calls: 2, in: 20, out: 40 },
  },
  'a byte order mark': {
    files: (model) => ({
      'bom.jsonl': `\ufeff${lines(callLine({ id: `1_${model}`, model }), callLine({ id: `2_${model}`, model }))}`,
    }),
    ...{ calls: 2, in: 20, out: 40 },
  },
  'half a line at its end': {
    files: (model) => ({
      'a.jsonl': `${callLine({ id: `1_${model}`, model })}\n{"parentUuid": null, "type": "assistant"`,
    }),
    ...{ calls: 1, in: 10, out: 20, odd: [/a\.jsonl:2/] },
  },
  'zeros that a crash left': {
    files: (model) => ({
      'a.jsonl': lines(
        callLine({ id: `1_${model}`, model }),
        '\0'.repeat(700),
        callLine({ id: `2_${model}`, model }),
      ),
    }),
    ...{ calls: 2, in: 20, out: 40, odd: [/a\.jsonl:2/] },
  },
  'words of no model': {
    files: (model) => ({
      'a.jsonl': lines(
        callLine({ id: '6f1c', model: '<synthetic>', input: 0, output: 0 }),
        callLine({ id: `1_${model}`, model }),
      ),
    }),
    ...{ calls: 1, in: 10, out: 20 },
  },
  'ids of gateways': {
    files: (model) => ({
      'a.jsonl': lines(
        callLine({ id: `chatcmpl-12ab${model}`, model, request: null, output: 60 }),
        callLine({ id: `msg_vrtx_${model}`, model, request: null, output: 5 }),
      ),
    }),
    ...{ calls: 2, in: 20, out: 65 },
  },
}

const written = (tokens: number, fields: object) => ({
  ...{ input_tokens: 0, cache_creation_input_tokens: tokens, cache_read_input_tokens: 0, output_tokens: 0 },
  ...fields,
})

/** Cache writes of a million tokens, and what they cost at $3 for each of input: by how long they are kept. */
export const CACHE_WRITES: Record<string, [usage: object, usd: number]> = {
  'for an hour': [
    written(1_000_000, {
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 1_000_000 },
    }),
    6,
  ],
  'for five minutes': [
    written(1_000_000, {
      cache_creation: { ephemeral_5m_input_tokens: 1_000_000, ephemeral_1h_input_tokens: 0 },
    }),
    3.75,
  ],
  'for both': [
    written(1_000_000, {
      cache_creation: { ephemeral_5m_input_tokens: 400_000, ephemeral_1h_input_tokens: 600_000 },
    }),
    5.1,
  ],
  'and it is not said how long': [written(1_000_000, {}), 3.75],
  'and null is said': [written(1_000_000, { cache_creation: null }), 3.75],
  'for an hour alone, with nothing said of minutes': [
    written(1_000_000, { cache_creation: { ephemeral_1h_input_tokens: 1_000_000 } }),
    6,
  ],
}
