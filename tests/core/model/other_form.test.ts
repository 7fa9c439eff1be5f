import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Message } from '../../../f/hai/core/base/backends.ts'
import type { Wanted } from '../../../f/hai/core/model/answer_form.ts'
import { callModel } from '../../../f/hai/core/model/call.ts'
import { inOtherForm } from '../../../f/hai/core/model/other_form.ts'
import { COUNTS, content, DONE, finish, usage } from '../../support/models/openai-frames.ts'
import { aChoice } from './answering.ts'

type Question = Record<string, unknown>
let stop = () => {}
afterEach(() => stop())

/** Answers what `refusal` has nothing to say against, and is asked once. */
async function asked(
  refusal: (question: Question) => string | undefined,
  status = 400,
  messages: Message[] = [{ role: 'user', content: [{ type: 'text', text: 'why?' }] }],
  times = 1,
  wanted: Wanted = { answer: {} },
) {
  const questions: Question[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const question = JSON.parse(body) as Question
    questions.push(question)
    const refused = refusal(question)
    if (refused !== undefined) return void response.writeHead(status).end(refused)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end([content('fine'), finish('stop'), usage(COUNTS), DONE].join(''))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stop = () => server.close().closeAllConnections()
  const call: Parameters<typeof callModel>[0] = {
    choice: aChoice(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    apiKey: 'sk-fake',
    messages,
    maxOutput: 100,
    wanted,
    firstByteSeconds: 10,
    livenessSeconds: 10,
    signal: new AbortController().signal,
    onText: () => {},
  }
  let answer = ''
  for (let n = 0; n < times; n += 1) {
    answer = await callModel(call).then(
      ({ text }) => text,
      (error: Error) => error.message,
    )
  }
  return { answer, questions }
}

const NEWER = JSON.stringify({
  error: {
    message:
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    type: 'invalid_request_error',
    param: 'max_tokens',
    code: 'unsupported_parameter',
  },
})
const STRICT = JSON.stringify({
  detail: [
    { type: 'extra_forbidden', loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' },
  ],
})

it('bounds an answer under the newer name where the older is refused', async () => {
  const { answer, questions } = await asked(({ max_tokens }) => (max_tokens ? NEWER : undefined))
  expect(answer).toBe('fine')
  expect(questions.at(-1)).toMatchObject({ max_completion_tokens: 100, stream_options: {}, stream: true })
  expect(questions).toHaveLength(2)
})

it('does without counts where asking for them is refused', async () => {
  const { answer, questions } = await asked(
    ({ stream_options }) => (stream_options ? STRICT : undefined),
    422,
  )
  expect(answer).toBe('fine')
  expect(questions.at(-1)).toMatchObject({ max_tokens: 100, stream: true })
})

it('does both, and asks no more often than there are fields', async () => {
  const both = await asked(({ max_tokens, stream_options }) =>
    max_tokens ? NEWER : stream_options ? STRICT : undefined,
  )
  expect([both.answer, both.questions.length]).toEqual(['fine', 3])
  stop()
  const never = await asked(() => NEWER)
  expect(never.questions).toHaveLength(2)
  expect(never.answer).toContain('max_completion_tokens')
})

it.each([
  [400, "'max_tokens' or 'max_completion_tokens' is too large: 9000. The model's context length is 8192"],
  [400, 'the question is too long'],
  [429, NEWER],
])('asks nothing again that was refused for another reason (%s, %s)', (status, words) => {
  expect(inOtherForm('http://x', '{"max_tokens":9000,"stream_options":{}}', status, words)).toBeUndefined()
})

const system = ({ messages }: Question) => (messages as Question[])[0]?.role === 'system'

it.each([
  [400, 'System role not supported'],
  [500, '{"error":{"code":500,"message":"Value is not callable: null at row 1: System role not supported"}}'],
  [400, '{"object":"error","message":"Conversation roles must alternate user/assistant/user/assistant/..."}'],
  [400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."],
  [400, '{"error":{"message":"Developer instruction is not enabled for models/gemma-3-27b-it"}}'],
  [422, '{"detail":"system messages are not supported by this model"}'],
])(
  'puts the instruction before what the user said first where a model takes none (%s, %s), once learnt at once',
  async (status, words) => {
    const messages: Message[] = [
      { role: 'system', content: 'Be short.' },
      said('user', 'why?'),
      said('assistant', 'so'),
      said('user', 'and?'),
    ]
    const refusal = (question: Question) => (system(question) ? words : undefined)
    const { answer, questions } = await asked(refusal, status, messages, 2)
    expect(answer).toBe('fine')
    expect(questions.map(system)).toEqual([true, false, false])
    for (const question of questions.slice(1)) {
      expect(question.messages).toEqual([
        { role: 'user', content: 'Be short.\n\nwhy?' },
        { role: 'assistant', content: 'so' },
        { role: 'user', content: 'and?' },
      ])
    }
  },
)

it.each([
  'the system is overloaded',
  'this file system is not writable',
  'the operating system does not support it',
])('does not take “%s” for it', async (words) => {
  const messages: Message[] = [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: [{ type: 'text', text: 'why?' }] },
  ]
  expect((await asked(() => words, 400, messages)).questions).toHaveLength(1)
})

const said = (role: 'user' | 'assistant', text: string): Message => ({
  role,
  content: [{ type: 'text', text }],
})
const roles = ({ messages }: Question) => (messages as Question[]).map(({ role }) => role)
const isAlternating = (question: Question) =>
  roles(question)
    .filter((role) => role !== 'system')
    .every((role, at) => role === (at % 2 === 0 ? 'user' : 'assistant'))

describe('where speakers must take turns', () => {
  const messages: Message[] = [
    { role: 'system', content: 'Be short.' },
    said('assistant', 'Hello!'),
    said('user', 'one'),
    said('user', 'two'),
    said('assistant', 'three'),
    said('assistant', 'four'),
    said('user', 'five'),
  ]
  const TOGETHER = [
    { role: 'user', content: 'You said before:\n\nHello!\n\none\n\ntwo' },
    { role: 'assistant', content: 'three\n\nfour' },
    { role: 'user', content: 'five' },
  ]

  it.each([
    [
      400,
      '{"object":"error","message":"After the optional system message, conversation roles must alternate user/assistant/user/assistant/...","type":"BadRequestError","param":null,"code":400}',
    ],
    [
      500,
      '{"error":{"code":500,"message":"Conversation roles must alternate user/assistant/user/assistant/... at row 12, column 5","type":"server_error"}}',
    ],
    [
      400,
      '{"object":"error","message":"Unexpected role \'user\' after role \'user\'","type":"invalid_request_error"}',
    ],
    [
      400,
      '{"type":"error","error":{"type":"invalid_request_error","message":"messages: first message must use the \\"user\\" role"}}',
    ],
  ])('neighbours are joined, and once that is known at once (%i, %s)', async (status, words) => {
    const refusal = (question: Question) => (isAlternating(question) ? undefined : words)
    const { answer, questions } = await asked(refusal, status, messages, 2)
    expect(answer).toBe('fine')
    expect(questions.map(isAlternating)).toEqual([false, true, true])
    for (const question of questions.slice(1))
      expect(question.messages).toEqual([{ role: 'system', content: 'Be short.' }, ...TOGETHER])
  })

  it('and where the system may not speak either, its words come first', async () => {
    const words = 'Conversation roles must alternate user/assistant/user/assistant/...'
    const refusal = (question: Question) => (system(question) || !isAlternating(question) ? words : undefined)
    const { answer, questions } = await asked(refusal, 400, messages, 2)
    expect(answer).toBe('fine')
    expect(questions).toHaveLength(4)
    expect(questions.at(-1)!.messages).toEqual([
      { role: 'user', content: `Be short.\n\n${TOGETHER[0]!.content}` },
      ...TOGETHER.slice(1),
    ])
  })
})

describe('an answer that has begun', () => {
  const messages = [said('user', 'what is a NAS?'), said('assistant', 'A NAS is')]
  const wanted = { begun: 'A NAS is', answer: {} }
  const last = (question: Question) => (question.messages as Question[]).at(-1)!

  it.each([
    [400, 'Unrecognized request arguments supplied: add_generation_prompt, continue_final_message'],
    [
      422,
      '{"detail":[{"type":"extra_forbidden","loc":["body","continue_final_message"],"msg":"Extra inputs are not permitted"}]}',
    ],
    [
      400,
      'continue_final_message is set but the final message does not appear in the chat after applying the chat template!',
    ],
  ])('is sent without what only some servers know (%i, %s)', async (status, words) => {
    const refusal = ({ continue_final_message }: Question) => (continue_final_message ? words : undefined)
    const { answer, questions } = await asked(refusal, status, messages, 1, wanted)
    expect(answer).toBe('fine')
    expect(questions.at(-1)).not.toHaveProperty('add_generation_prompt')
    expect(last(questions.at(-1)!)).toEqual({ role: 'assistant', content: 'A NAS is' })
  })

  it('is marked as Mistral wants it', async () => {
    const words =
      '{"object":"error","message":"Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant","type":"invalid_request_error"}'
    const refusal = (question: Question) => (last(question).prefix ? undefined : words)
    const { answer, questions } = await asked(refusal, 400, messages, 1, wanted)
    expect(answer).toBe('fine')
    expect(last(questions.at(-1)!)).toEqual({ role: 'assistant', content: 'A NAS is', prefix: true })
  })

  it.each([
    [
      400,
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    ],
    [400, 'Assistant response prefill is incompatible with enable_thinking.'],
    [
      500,
      '{"error":{"code":500,"message":"Assistant response prefill is incompatible with enable_thinking.","type":"server_error"}}',
    ],
  ])('is asked for where none can be gone on with (%i, %s)', async (status, words) => {
    const refusal = (question: Question) => (last(question).role === 'user' ? undefined : words)
    const { answer, questions } = await asked(refusal, status, messages, 1, wanted)
    expect(answer).toBe('fine')
    expect(roles(questions.at(-1)!)).toEqual(['user', 'assistant', 'user'])
    expect(last(questions.at(-1)!).content).toContain('Go on exactly where it ends')
  })
})

it.each([
  [
    { temperature: 0.5 },
    "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.",
  ],
  [{ top_p: 0.5 }, "Unsupported parameter: 'top_p' is not supported with this model."],
  [{ stop: ['###'] }, "Unsupported parameter: 'stop' is not supported with this model."],
])('does without %j where that is refused', async (answer, words) => {
  const [field] = Object.keys(answer)
  const refusal = (question: Question) => (question[field!] === undefined ? undefined : words)
  const tried = await asked(refusal, 400, undefined, 1, { answer })
  expect([tried.answer, tried.questions.length]).toEqual(['fine', 2])
})

it('does without the second of two that tune the same', async () => {
  const words = '`temperature` and `top_p` cannot both be specified for this model. Please use only one.'
  const refusal = ({ temperature, top_p }: Question) => (temperature && top_p ? words : undefined)
  const { questions } = await asked(refusal, 400, undefined, 1, { answer: { temperature: 1, top_p: 1 } })
  expect(questions.at(-1)).toMatchObject({ temperature: 1 })
  expect(questions.at(-1)).not.toHaveProperty('top_p')
})
