import { describe, expect, it } from 'vitest'
import { chatRequest } from '../../f/hai/core/surface/openai_request.ts'
import { asCompletion } from '../../serve/ollama.ts'

const messages = [{ role: 'user', content: 'what is open?' }]

describe('a chat of Ollama’s clients', () => {
  it('is a stream unless it says otherwise, with or without the tag', () => {
    expect(asCompletion({ model: 'hai:latest', messages })).toEqual({ model: 'hai', messages, stream: true })
    expect(asCompletion({ model: 'hai', messages, stream: false })).toMatchObject({ stream: false })
  })

  it('keeps of its options what shapes an answer', () => {
    const options = { num_ctx: 8192, num_predict: 5, temperature: 0, top_p: 0.5, stop: ['END'], seed: 7 }
    const { chat } = chatRequest(asCompletion({ model: 'hai', messages, options })).envelope
    expect(chat.answer).toEqual({ max_tokens: 5, temperature: 0, top_p: 0.5, stop: ['END'] })
  })

  it.each([-1, -2, 0, null])('has no limit with num_predict %j', (num_predict) => {
    const body = asCompletion({ model: 'hai', messages, options: { num_predict, stop: [] } })
    expect(chatRequest(body).envelope.chat.answer).toEqual({})
  })

  it('may ask for JSON, of any form or of one', () => {
    const form = (format: unknown) =>
      chatRequest(asCompletion({ model: 'hai', messages, format })).envelope.chat.answer.response_format
    const schema = { type: 'object', properties: { n: { type: 'number' } } }
    expect(form('json')).toEqual({ type: 'json_object' })
    expect(form(schema)).toEqual({ type: 'json_schema', json_schema: { name: 'answer', schema } })
    for (const none of ['', null, undefined]) expect(form(none)).toBeUndefined()
  })

  it('is what Home Assistant sends: instructions, tools, a size for the window, and no thought', () => {
    const body = {
      model: 'hai:latest',
      messages: [
        { role: 'system', content: 'You answer by voice for a smart home.' },
        { role: 'user', content: 'turn on the lamp' },
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ function: { name: 'HassTurnOn', arguments: { name: 'lamp' } } }],
        },
        { role: 'tool', content: '{"data": {"success": true}, "error": null}' },
        { role: 'assistant', content: 'Done.' },
        ...messages,
      ],
      tools: [{ type: 'function', function: { name: 'HassTurnOn', parameters: { type: 'object' } } }],
      stream: true,
      keep_alive: '-1s',
      options: { num_ctx: 8192 },
      think: false,
      format: null,
    }
    const { envelope, stream } = chatRequest(asCompletion(body))
    expect(stream).toBe(true)
    expect(envelope.content).toBe('what is open?')
    expect(envelope.chat.instructions).toBe('You answer by voice for a smart home.')
    expect(envelope.chat.turns.at(-1)).toEqual({ role: 'assistant', content: 'Done.' })
  })

  it('is refused for a picture that is asked about now, and not for one of before', () => {
    const picture = { role: 'user', content: 'what colour is this?', images: ['aGFp'] }
    expect(() => chatRequest(asCompletion({ model: 'hai', messages: [picture] }))).toThrow(/image/)
    const { turns } = chatRequest(asCompletion({ model: 'hai', messages: [picture, ...messages] })).envelope
      .chat
    expect(turns).toEqual([{ role: 'user', content: expect.stringContaining('[image') }])
  })

  it.each([
    null,
    7,
    'x',
    [],
    {},
    { model: 7 },
    { model: 'hai', messages: 'x' },
    { model: 'hai', messages: [7] },
  ])('%j is refused by name, and not by a mistake', (body) => {
    expect(() => chatRequest(asCompletion(body))).toThrow(/^(body|model|messages)/)
  })
})
