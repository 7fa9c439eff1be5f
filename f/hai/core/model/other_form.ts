import { field, parsed } from './frames.ts'

type Question = Record<string, unknown>

/** Templates of gemma, of older mistrals and their kind: the first speaker must be the user. */
const NO_SYSTEM =
  /\bsystem['"`]? ?(?:roles?|messages?|prompts?|instructions?)\b[^.\n]{0,60}\b(?:not|isn't|unsupported)\b|\bnot support[^.\n]{0,40}\bsystem\b|\brole\b[^.\n]{0,20}['"`]system['"`][^.\n]{0,40}\bnot\b|developer instruction is not enabled|roles must alternate|only user and assistant roles/i
/** And who has spoken waits for the other. Also in the words of Mistral's own servers, of Anthropic's and of Perplexity's. */
const ALTERNATE =
  /\broles? (?:must|should|need to) alternate|\balternat(?:e|ing)\b[^.\n]{0,40}\broles?\b|unexpected role ['"`]?\w+['"`]? after role|first message must (?:use|be|have)|consecutive messages/i
/** Of llama.cpp, of Anthropic's newer models, and of templates that end with the user. */
const NO_PREFILL =
  /\bprefill|must end with a user message|last message must (?:be|have|come)\b[^.\n]{0,30}\buser\b|assistant messages at the end of the list/i
/** Mistral's own: what is to be gone on with says so. */
const PREFIX = /\bprefix\b[^.\n]{0,20}\btrue\b/i

/** Models that take no message of the system, or only one speaker after the other; by url and name, as they were met. */
const SYSTEMLESS = new Set<string>()
const ALTERNATING = new Set<string>()

/** A question in the form that its model is known to take. */
export function inKnownForm(url: string, body: unknown): unknown {
  const question = SYSTEMLESS.size + ALTERNATING.size > 0 ? questionIn(body) : undefined
  if (!question) return body
  const name = nameOf(url, question)
  // in the order in which it was learnt: the system's words come before all others
  const taking = ALTERNATING.has(name) ? (alternating(question) ?? question) : question
  const other = SYSTEMLESS.has(name) ? (withoutSystem(taking) ?? taking) : taking
  return other === question ? body : JSON.stringify(other)
}

/**
 * The body of a question that was refused for a form which not every server takes, in another one: without a field or
 * under its other name, or with its messages as that server's template wants them. Undefined when the refusal is of
 * something else. Each time there is one thing less to refuse. What a model's template wants is known from then on.
 */
export function inOtherForm(url: string, body: unknown, status: number, words: string): string | undefined {
  const question = questionIn(body)
  // what a template refuses is the server's own failure to some
  if (!question || ![400, 422, 500].includes(status)) return undefined
  const name = nameOf(url, question)
  const other =
    learnt(ALTERNATING, name, ALTERNATE.test(words) && alternating(question)) ||
    learnt(SYSTEMLESS, name, NO_SYSTEM.test(words) && withoutSystem(question)) ||
    (status !== 500 && otherFields(question, words)) ||
    (PREFIX.test(words) && withPrefix(question)) ||
    (NO_PREFILL.test(words) && askedToGoOn(question))
  return other ? JSON.stringify(other) : undefined
}

function learnt(known: Set<string>, name: string, other: Question | false | undefined) {
  if (other) known.add(name)
  return other
}

/** Without what only tunes an answer, or is seen to here as well. */
function otherFields(question: Question, words: string): Question | undefined {
  const { max_tokens, stream_options } = question
  // vLLM's, which the strict don't know
  if (question.continue_final_message && /continue_final_message|add_generation_prompt/.test(words))
    return without(question, 'continue_final_message', 'add_generation_prompt')
  // OpenAI's newer models take the second name only
  if (max_tokens !== undefined && /\bmax_completion_tokens\b/.test(words) && /support|instead/i.test(words))
    return { ...without(question, 'max_tokens'), max_completion_tokens: max_tokens }
  // without it some don't tell their counts, which is better than no answer
  if (stream_options !== undefined && /\bstream_options\b/.test(words))
    return without(question, 'stream_options')
  // of the two that tune the same the second goes first
  const tuning = ['top_p', 'temperature', 'stop', 'stop_sequences'].find(
    (name) => question[name] !== undefined && new RegExp(`(?<![\\w.])${name}(?!\\w)`).test(words),
  )
  return tuning ? without(question, tuning) : undefined
}

const without = (question: Question, ...names: string[]): Question =>
  Object.fromEntries(Object.entries(question).filter(([name]) => !names.includes(name)))

function questionIn(body: unknown): Question | undefined {
  const question = typeof body === 'string' ? parsed(body) : undefined
  return typeof question === 'object' && question !== null ? (question as Question) : undefined
}

const nameOf = (url: string, { model }: Question) => `${url} ${String(model)}`

interface Message {
  role: unknown
  content: unknown
}

const messagesOf = ({ messages }: Question): Message[] => (Array.isArray(messages) ? messages : [])

const roleOf = (message: unknown) => field(message, 'role')

/** With the instruction in front of what the user said first; undefined where there is none, or nobody said anything. */
function withoutSystem(question: Question): Question | undefined {
  const [system, ...rest] = messagesOf(question)
  if (!system || roleOf(system) !== 'system') return undefined
  const first = rest.findIndex((message) => roleOf(message) === 'user')
  const user = rest[first]
  if (!user) return undefined
  return {
    ...question,
    messages: rest.with(first, { ...user, content: joined(system.content, user.content) }),
  }
}

/** With neighbours of one role as one, and nobody before the first user; undefined where that is so already. */
function alternating(question: Question): Question | undefined {
  const messages = messagesOf(question)
  const told: Message[] = []
  for (const message of messages) {
    const before = told.at(-1)
    if (before && roleOf(before) === roleOf(message) && roleOf(message) !== 'system')
      told[told.length - 1] = { ...before, content: joined(before.content, message.content) }
    else told.push(message)
  }
  const first = told.findIndex((message) => roleOf(message) !== 'system')
  const [greeting, user] = told.slice(first)
  if (first >= 0 && roleOf(greeting) === 'assistant' && roleOf(user) === 'user') {
    const said = joined(joined('You said before:', greeting!.content), user!.content)
    told.splice(first, 2, { ...user!, content: said })
  }
  return told.length < messages.length ? { ...question, messages: told } : undefined
}

/** Texts, or lists of parts; a part of nothing but white space is refused by some. */
function joined(one: unknown, other: unknown): unknown {
  if (!Array.isArray(one) && !Array.isArray(other)) return `${one}\n\n${other}`
  const before = partsOf(one)
  const last = before.at(-1)
  const text = field(last, 'text')
  const ended = typeof text === 'string' ? before.with(-1, { ...last, text: `${text}\n\n` }) : before
  return [...ended, ...partsOf(other)]
}

const partsOf = (content: unknown): object[] =>
  Array.isArray(content) ? content : [{ type: 'text', text: content }]

function withPrefix(question: Question): Question | undefined {
  const messages = messagesOf(question)
  const last = messages.at(-1)
  if (!last || roleOf(last) !== 'assistant' || field(last, 'prefix') === true) return undefined
  return { ...question, messages: messages.with(-1, { ...last, prefix: true } as Message) }
}

const GO_ON =
  'Your last message is not whole. Go on exactly where it ends, in the middle of a sentence where that is so, and say none of it again.'

/** Where no answer can begin with what is there, the user asks for more of it. */
function askedToGoOn(question: Question): Question | undefined {
  const messages = messagesOf(question)
  const last = messages.at(-1)
  if (!last || roleOf(last) !== 'assistant') return undefined
  const content = Array.isArray(last.content) ? [{ type: 'text', text: GO_ON }] : GO_ON
  return {
    ...without(question, 'continue_final_message', 'add_generation_prompt'),
    messages: [...messages, { role: 'user', content }],
  }
}
