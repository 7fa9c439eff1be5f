/** Streams of Anthropic's Messages API, as sent. */

const event = (data: { type: string }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const named = (type: string, fields: object = {}): string => event({ type, ...fields })

const begin = (counts: object = { input_tokens: 25, output_tokens: 1 }): string =>
  named('message_start', {
    message: {
      ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', content: [] },
      ...{ stop_reason: null, stop_sequence: null, usage: counts },
    },
  })
const block = (text: string, index = 0): string =>
  named('content_block_start', { index, content_block: { type: 'text', text: '' } }) +
  named('content_block_delta', { index, delta: { type: 'text_delta', text } }) +
  named('content_block_stop', { index })
const stop = (stop_reason: string, counts: object = { output_tokens: 15 }): string =>
  named('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: counts }) +
  named('message_stop')
const fine = (between = '', text = 'fine') => begin() + between + block(text) + stop('end_turn')

/** Answers that are "fine", 25 tokens in and 15 out. */
export const FINE: Record<string, string> = {
  'pings everywhere': fine(named('ping')).replaceAll('\n\n', `\n\n${named('ping')}`),
  'events of kinds that nobody knows':
    fine(named('content_block_progress', { index: 0, x: 1 })) + named('goodbye'),
  'a frame without a type': fine('data: {}\n\n'),
  'data that is empty or null': fine('data:\n\ndata: null\n\n'),
  'comments and carriage returns': fine(': keep-alive\n\n').replaceAll('\n', '\r\n'),
  'a frame that is broken off': fine('event: content_block_delta\ndata: {"type":"content_block_del\n\n'),
  'deltas of a kind that nobody knows': fine(
    named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
      named('content_block_delta', { index: 0, delta: { type: 'citations_delta', citation: {} } }) +
      named('content_block_delta', { index: 0, delta: { type: 'sparkle_delta', sparkle: 1 } }) +
      named('content_block_stop', { index: 0 }),
  ),
  'a thought before it': fine(
    named('content_block_start', {
      index: 0,
      content_block: { type: 'thinking', thinking: '', signature: '' },
    }) +
      named('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'secret' } }) +
      named('content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 'c2ln' } }) +
      named('content_block_stop', { index: 0 }),
  ),
  'no message_stop': begin() + block('fine') + stop('end_turn').replace(named('message_stop'), ''),
  'the counts all in the end':
    begin() + block('fine') + stop('end_turn', { input_tokens: 25, output_tokens: 15 }),
}

/** Answers that stop for a reason, and what a notice must speak of. */
export const REASONS: Record<string, RegExp> = {
  model_context_window_exceeded: /window|context/i,
  max_tokens: /longest|limit|stops|max_tokens/i,
  refusal: /refus/i,
  pause_turn: /pause_turn|paus/i,
  something_new: /something_new/i,
}
export const stopped = (reason: string): string => begin() + block('half an ans') + stop(reason)

/** Counts that are no sane counts. */
export const ODD: Record<string, string> = {
  negative: begin({ input_tokens: -5, output_tokens: 1 }) + block('fine') + stop('end_turn'),
  huge: begin() + block('fine') + stop('end_turn', { output_tokens: 9e15 }),
  'a word': begin({ input_tokens: 'many', output_tokens: 1 }) + block('fine') + stop('end_turn'),
  null: begin() + block('fine') + stop('end_turn', { output_tokens: null, input_tokens: null }),
}
export const UNSTORABLE: string = fine('', 'X').replace('"X"', '"ok \\ud83d end"')
