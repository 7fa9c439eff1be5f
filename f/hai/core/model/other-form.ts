import { parsed } from './frames.ts'

/**
 * The body of a question that was refused for a field which not every server takes, without that field or under its
 * other name; undefined when the refusal is of something else. Each time there is one field less to refuse.
 */
export function inOtherForm(body: unknown, status: number, words: string): string | undefined {
  if ((status !== 400 && status !== 422) || typeof body !== 'string') return undefined
  const question = parsed(body)
  if (typeof question !== 'object' || question === null) return undefined
  const { max_tokens, stream_options, ...rest } = question as Record<string, unknown>
  // OpenAI's newer models take the second name only
  if (max_tokens !== undefined && /\bmax_completion_tokens\b/.test(words) && /support|instead/i.test(words))
    return JSON.stringify({
      ...rest,
      ...(stream_options ? { stream_options } : {}),
      max_completion_tokens: max_tokens,
    })
  // without it some don't tell their counts, which is better than no answer
  if (stream_options !== undefined && /\bstream_options\b/.test(words))
    return JSON.stringify({ ...rest, ...(max_tokens === undefined ? {} : { max_tokens }) })
  return undefined
}
