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
