import { field, parsed } from './frames.ts'

type Question = Record<string, unknown>

/** Templates of gemma, of older mistrals and their kind: the first speaker must be the user. */
const NO_SYSTEM =
  /\bsystem['"`]? ?(?:roles?|messages?|prompts?|instructions?)\b[^.\n]{0,60}\b(?:not|isn't|unsupported)\b|\bnot support[^.\n]{0,40}\bsystem\b|\brole\b[^.\n]{0,20}['"`]system['"`][^.\n]{0,40}\bnot\b|developer instruction is not enabled|roles must alternate/i

/** Models that take no message of the system, by url and name, as they were met by this process. */
const SYSTEMLESS = new Set<string>()

/** A question in the form that its model is known to take. */
export function inKnownForm(url: string, body: unknown): unknown {
  const question = SYSTEMLESS.size > 0 ? questionIn(body) : undefined
  if (!question || !SYSTEMLESS.has(nameOf(url, question))) return body
  const other = withoutSystem(question)
  return other ? JSON.stringify(other) : body
}

/**
 * The body of a question that was refused for a field which not every server takes, without that field or under its
 * other name; undefined when the refusal is of something else. Each time there is one field less to refuse. Of a model that
 * takes no message of the system this is known from then on.
 */
export function inOtherForm(url: string, body: unknown, status: number, words: string): string | undefined {
  const question = questionIn(body)
  if (!question) return undefined
  // what a template refuses is the server's own failure to some
  const alone =
    [400, 422, 500].includes(status) && NO_SYSTEM.test(words) ? withoutSystem(question) : undefined
  if (alone) {
    SYSTEMLESS.add(nameOf(url, question))
    return JSON.stringify(alone)
  }
  if (status !== 400 && status !== 422) return undefined
  const { max_tokens, stream_options, ...rest } = question
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

function questionIn(body: unknown): Question | undefined {
  const question = typeof body === 'string' ? parsed(body) : undefined
  return typeof question === 'object' && question !== null ? (question as Question) : undefined
}

const nameOf = (url: string, { model }: Question) => `${url} ${String(model)}`

/** With the instruction in front of what the user said first; undefined where there is none, or nobody said anything. */
function withoutSystem(question: Question): Question | undefined {
  const { messages } = question
  if (!Array.isArray(messages) || field(messages[0], 'role') !== 'system') return undefined
  const [system, ...rest] = messages as [object, ...object[]]
  const first = rest.findIndex((message) => field(message, 'role') === 'user')
  const user = rest[first]
  if (!user) return undefined
  const [told, asked] = [field(system, 'content'), field(user, 'content')]
  const content = Array.isArray(asked)
    ? [{ type: 'text', text: `${told}\n\n` }, ...asked]
    : `${told}\n\n${asked}`
  return { ...question, messages: rest.with(first, { ...user, content }) }
}
