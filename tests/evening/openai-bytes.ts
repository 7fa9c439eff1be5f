/** Streams of OpenAI-compatible servers, as sent: what a frame holds is theirs, how it is cut into chunks is not said. */

const HEAD = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm' }
export const DONE = 'data: [DONE]\n\n'

export const frame = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`
export const delta = (fields: object, finish_reason: string | null = null): string =>
  frame({ ...HEAD, choices: [{ index: 0, delta: fields, finish_reason }] })
export const text = (content: string): string => delta({ content })
export const finish = (reason = 'stop'): string => delta({}, reason)
export const usage = (
  counts: unknown = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
): string => frame({ ...HEAD, choices: [], usage: counts })
/** What ends every stream that goes well. */
export const end = (): string => finish() + usage() + DONE

/** A frame whose JSON is written by hand: no serialiser writes half a character, or a number like that. */
export const byHand = (content: string): string =>
  `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}\n\n`
const usageByHand = (counts: string): string =>
  `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":${counts}}\n\n`

/** Counts of the last frame that are no sane counts, or no counts at all. */
export const ODD_COUNTS: Record<string, string> = {
  'a number of quadrillions': '{"prompt_tokens":9000000000000000,"completion_tokens":7}',
  'more than any integer holds': '{"prompt_tokens":11,"completion_tokens":1e400}',
  'a negative number': '{"prompt_tokens":-1,"completion_tokens":7,"total_tokens":6}',
  'minus one for unknown, twice': '{"prompt_tokens":-1,"completion_tokens":-1,"total_tokens":-1}',
  'a fraction': '{"prompt_tokens":11.5,"completion_tokens":7}',
  'a number in a string': '{"prompt_tokens":"11","completion_tokens":"7"}',
  'a word': '{"prompt_tokens":"lots","completion_tokens":"some"}',
  'true and false': '{"prompt_tokens":true,"completion_tokens":false}',
  'a list': '[11,7]',
  'a string in place of the counts': '"n/a"',
  'an object in place of a number': '{"prompt_tokens":{"text":11},"completion_tokens":7}',
  'not a number, which is no JSON': '{"prompt_tokens":NaN,"completion_tokens":7}',
  'a cache larger than what was sent':
    '{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":9000000000000000}}',
  'a negative cache':
    '{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":-3}}',
  'more thought than said':
    '{"prompt_tokens":11,"completion_tokens":7,"completion_tokens_details":{"reasoning_tokens":4000000000}}',
}
export const withCounts = (counts: string): string =>
  text('paid ') + text('for') + finish() + usageByHand(counts) + DONE

/** Counts that are missing or spread about and still right: nothing is to be said of them. */
export const PLAIN_COUNTS: Record<string, string> = {
  'null details': usage({
    prompt_tokens: 11,
    completion_tokens: 7,
    prompt_tokens_details: null,
    completion_tokens_details: null,
  }),
  'the total alone beside them': usage({
    prompt_tokens: 11,
    completion_tokens: 7,
    total_tokens: 18,
    cost: 0.1,
  }),
  'the same counts told twice': usage() + usage(),
  'null in every frame but the last': frame({ ...HEAD, choices: [], usage: null }) + usage(),
}

/** What a database can't hold as it is, and what is right. */
export const UNSTORABLE: Record<string, [stream: string, right: RegExp]> = {
  'half of a surrogate pair': [byHand('ok \\ud83d end') + end(), /^ok \ufffd end$/],
  'the other half': [byHand('ok \\ude00 end') + end(), /^ok \ufffd end$/],
  'half a pair at the very end': [byHand('ok \\ud83d') + end(), /^ok \ufffd$/],
  'halves in the wrong order': [byHand('a\\ude00\\ud83db') + end(), /^a\ufffd\ufffdb$/],
  'a pair that is split over two frames': [
    byHand('ok \\ud83d') + byHand('\\ude00 end') + end(),
    /^ok 😀 end$/,
  ],
  'a pair that is split by a keepalive': [
    `${byHand('ok \\ud83d')}: ping\n\n${byHand('\\ude00 end')}${end()}`,
    /^ok 😀 end$/,
  ],
  'half a pair, and then a frame with other text': [
    byHand('ok \\ud83d') + text(' end') + end(),
    /^ok \ufffd end$/,
  ],
  'a NUL': [byHand('o\\u0000k end') + end(), /^o\ufffd?k end$/],
  'a NUL of a frame of its own': [
    byHand('ok') + byHand('\\u0000') + byHand(' end') + end(),
    /^ok\ufffd? end$/,
  ],
  'half a pair in the name of the model': [
    (text('ok end') + end()).replaceAll('"model":"m"', '"model":"m\\ud83d"'),
    /^ok end$/,
  ],
  'half a pair in the reason to stop': [
    text('ok end') + finish('X').replace('"X"', '"st\\ud83dop"') + usage() + DONE,
    /^ok end$/,
  ],
  'half a pair in the thoughts': [
    delta({ reasoning_content: 'X' }).replace('"X"', '"hm \\ud83d"') + text('ok end') + end(),
    /^ok end$/,
  ],
}

/** Frames that are no part of an answer, or not quite: they are skipped, and "fine" is the answer. */
export const STRAY: Record<string, string> = {
  'an event of another name': `${text('fi')}event: tool.progress\ndata: {"tool":"search","label":"x"}\n\n${text('ne')}${end()}`,
  'a keepalive event': `event: keepalive\ndata: {"type":"keepalive","sequence_number":5}\n\n${text('fine')}${end()}`,
  'data with nothing': `data:\n\n${text('fine')}data: \n\n${end()}`,
  'data that is null': `data: null\n\n${text('fine')}data: null\n\n${end()}`,
  'a number and a word': `data: 7\n\n${text('fi')}data: "ping"\n\n${text('ne')}${end()}`,
  'an empty list and an empty object': `data: []\n\n${text('fine')}data: {}\n\n${end()}`,
  'a ping as an object': `${text('fi')}data: {"type":"ping"}\n\n${text('ne')}${end()}`,
  comments: `: OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n${text('fine')}:\n\n${end()}`,
  'an event without data': `event: ping\n\n${text('fine')}event: ping\n\n${end()}`,
  'id and retry lines': `retry: 3000\nid: 1\n${text('fi')}id: 2\n${text('ne')}${end()}`,
  'carriage returns': `${text('fi')}${text('ne')}${end()}`.replaceAll('\n', '\r\n'),
  'a byte order mark': `\ufeff${text('fine')}${end()}`,
  'no space after the colon': `${text('fine')}${end()}`.replaceAll('data: ', 'data:'),
  'a frame of the filter with no choices': `${frame({ ...HEAD, choices: [], prompt_filter_results: [{ prompt_index: 0 }] })}${text('fine')}${end()}`,
  'choices that are null': `${frame({ ...HEAD, choices: null })}${text('fine')}${end()}`,
  'a delta that is null': `${frame({ ...HEAD, choices: [{ index: 0, delta: null, finish_reason: null }] })}${text('fine')}${end()}`,
  'content that is null': `${delta({ role: 'assistant', content: null })}${text('fine')}${delta({ content: null })}${end()}`,
  'a frame that is broken off': `${text('fi')}data: {"id":"c1","choices":[{"index":0,"del\n\n${text('ne')}${end()}`,
  'a log line among the frames': `INFO: 127.0.0.1 - "POST /v1/chat/completions" 200 OK\n\n${text('fine')}${end()}`,
  'frames after the last one': `${text('fine')}${end()}data: {"type":"telemetry"}\n\n`,
  'no last word': `${text('fine')}${finish()}${usage()}`,
  'an end without an empty line': `${text('fine')}${finish()}${usage()}data: [DONE]`,
  'data in two lines': `${text('fi')}data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",\ndata: "choices":[{"index":0,"delta":{"content":"ne"},"finish_reason":null}]}\n\n${end()}`,
  'the whole message beside the deltas':
    frame({
      ...HEAD,
      choices: [
        {
          index: 0,
          delta: { content: 'fine' },
          message: { role: 'assistant', content: 'fine' },
          finish_reason: 'stop',
        },
      ],
    }) +
    usage() +
    DONE,
  'counts in the frame that ends it':
    frame({
      ...HEAD,
      choices: [{ index: 0, delta: { content: 'fine' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 11, completion_tokens: 7 },
    }) + DONE,
  'an id that is null, and no time': `${`${text('fine')}${end()}`.replaceAll('"id":"c1"', '"id":null').replaceAll('"created":1,', '')}`,
  'a time with a fraction': `${text('fine')}${end()}`.replaceAll('"created":1,', '"created":1795880452.123,'),
  'a reason to stop that is empty until the end': `${text('fine')}${end()}`.replaceAll(
    '"finish_reason":null',
    '"finish_reason":""',
  ),
}

/** Ways to send what the model thought: the answer is 42. */
export const THOUGHTS: Record<string, string> = {
  'tags that are split over chunks':
    text('<think>\nthe user wants') + text(' a secret number\n</thi') + text('nk>\n\n42') + end(),
  'tags in one piece': text('<think>secret</think>\n\n42') + end(),
  'a tag letter by letter': [...'<think>secret</think>42'].map(text).join('') + end(),
  'an empty thought': text('<think>\n\n</think>\n\n42') + end(),
  'only the end of a thought, as its template sends the beginning':
    text('secret thoughts\n') + text('</think>\n\n42') + end(),
  'another word for it': text('<thinking>secret</thinking>\n42') + end(),
  'blanks before the tag': text('\n <think>') + text('secret</think>\n42') + end(),
  'a field of its own': delta({ reasoning_content: 'secret' }) + text('42') + end(),
  'a field of another name': delta({ reasoning: 'secret' }) + text('42') + end(),
  'a field and tags as well':
    delta({ reasoning_content: 'secret' }) + text('<think>secret</think>42') + end(),
}

/** Reasons to stop that make an answer not a whole one, and what a notice must speak of. */
export const REASONS: Record<string, RegExp> = {
  content_filter: /filter/i,
  length: /longest|limit|length|cut|stops/i,
  max_tokens: /longest|limit|length|max_tokens|stops/i,
  SAFETY: /SAFETY|filter|safety/i,
  RECITATION: /RECITATION|filter/i,
  model_context_window_exceeded: /window|context/i,
  insufficient_system_resource: /insufficient_system_resource/i,
  abort: /abort/i,
  refusal: /refus/i,
  repetition_truncation: /repetition_truncation|repeat/i,
}

/** A whole document where a stream was asked for. */
export const WHOLE = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'fine' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
})

/** Errors in whatever form servers tell them, all with the same words in it. */
export const WORDS = 'CUDA error: out of memory'
export const ERROR_FORMS: Record<string, string> = {
  'an object': JSON.stringify({ error: { message: WORDS, type: 'server_error', code: 500 } }),
  'a string': JSON.stringify({ error: WORDS }),
  'a detail': JSON.stringify({ detail: WORDS }),
  'a list of details': JSON.stringify({ detail: [{ loc: ['body'], msg: WORDS, type: 'value_error' }] }),
  'a bare message': JSON.stringify({ object: 'error', message: WORDS, type: 'BadRequestError', code: 400 }),
  'a list': JSON.stringify([{ error: { code: 400, message: WORDS, status: 'INVALID_ARGUMENT' } }]),
  'a list of errors': JSON.stringify({ errors: [{ message: WORDS, code: 5006 }], success: false }),
  'an error within an error': JSON.stringify({ error: { error: { message: WORDS } } }),
  'a description': JSON.stringify({ error: 'invalid_request', error_description: WORDS }),
  text: `${WORDS}\n`,
  'a page': `<html><head><title>${WORDS}</title></head><body><center><h1>${WORDS}</h1></center></body></html>`,
}
