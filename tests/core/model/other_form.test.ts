import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import type { Message } from '../../../f/hai/core/base/backends.ts'
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
    const said = (role: 'user' | 'assistant', text: string): Message => ({
      role,
      content: [{ type: 'text', text }],
    })
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
