import fc from '../fast-check.ts'

const HEAD = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'gpt-fake' }

export const data = (document: unknown): string => `data: ${JSON.stringify(document)}\n\n`

/** A chunk whose delta is this. */
export const delta = (given: object, finish_reason: string | null = null): string =>
  data({ ...HEAD, choices: [{ index: 0, delta: given, finish_reason }] })

export const content = (text: unknown): string => delta({ content: text })
export const finish = (reason: string): string => delta({}, reason)
export const usage = (given: unknown): string => data({ ...HEAD, choices: [], usage: given })
export const COUNTS = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
export const DONE = 'data: [DONE]\n\n'

/** A whole stream that says `pieces`, with the frames of a usual end. */
export const stream = (...pieces: string[]): string =>
  [...pieces, finish('stop'), usage(COUNTS), DONE].join('')

const frames = fc.constantFrom(
  ...[
    ': ping\n\n',
    'event: keepalive\ndata: {"type":"keepalive"}\n\n',
    'data:\n\n',
    'data: {"cho\n\n',
    'id: 5\n',
    '<html>',
    '\ufeff',
    '\r\n',
  ],
  ...[
    content('fine'),
    content('a \ud83d'),
    content('\ude00 b\0'),
    content(null),
    content([{ type: 'text', text: 'part' }]),
    content('<think>'),
    content('</think>\n'),
    content('\n\n'),
  ],
  ...[
    delta({ reasoning_content: 'hm' }),
    delta({ refusal: 'no' }),
    delta({ tool_calls: [{ function: { name: 'f' } }] }),
    data({ choices: [] }),
    data([]),
    data(null),
    data({ usage: { prompt_tokens: -1 } }),
  ],
  ...[
    usage(COUNTS),
    usage({ prompt_tokens: 1e16, completion_tokens: 0.5 }),
    usage('x'),
    usage({ prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 9 } }),
  ],
  ...[
    finish('stop'),
    finish('length'),
    finish('content_filter'),
    finish('error'),
    finish(''),
    finish('tool_calls'),
    DONE,
  ],
  ...[
    data({ error: { message: 'overloaded', code: 529 } }),
    data({ error: 'busy' }),
    'event: error\ndata: oops\n\n',
    '{"detail":"x"}\n',
  ],
)

/** All known frames in any order, as bytes that are cut anywhere. */
export const anyStream = fc
  .tuple(fc.array(frames, { maxLength: 14 }), fc.array(fc.nat(60), { minLength: 1, maxLength: 9 }))
  .map(([parts, sizes]) => {
    const whole = Buffer.from(parts.join(''))
    const chunks: Uint8Array[] = []
    for (let at = 0, n = 0; at < whole.length; n += 1) {
      const size = 1 + sizes[n % sizes.length]!
      chunks.push(whole.subarray(at, at + size))
      at += size
    }
    return chunks
  })
