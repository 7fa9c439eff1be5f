import type { LanguageModelV3CallOptions } from '@ai-sdk/provider'
import type { Choice } from '../base/backends.ts'
import type { AttemptFailure } from '../task/backend.ts'
import type { AnswerForm, ClaimedTask, SentChat } from '../task/shape.ts'
import type { CallFailure } from './refusal.ts'

/** What a chat asks of its answer. */
export type Wanted = Pick<SentChat, 'begun' | 'answer'> & Partial<Pick<SentChat, 'instructions'>>

const WITHOUT = 'leave response_format out, or have another backend answer: hai model ls'

/**
 * Why `choice` can't give an answer of the form that was asked for, in the words of `fail`: told before anything is sent.
 * Where an answer is to stop is seen to here, whoever gives it; what only tunes it is passed over.
 */
export function unsupported({ chat }: Pick<ClaimedTask, 'chat'>, choice: Choice): AttemptFailure | undefined {
  const format = chat?.answer.response_format
  const { kind } = choice.backend
  if (!format || kind === 'openai-compatible') return undefined
  if (kind === 'anthropic' && schemaOf(chat.answer)) return undefined
  const what = format.type === 'json_schema' ? 'an answer of a JSON schema' : 'a JSON object of any form'
  return {
    code: 'unsupported',
    message: `response_format: ${choice.name} can't be held to ${what}; nothing was sent`,
    next_step: WITHOUT,
  }
}

/** The same where only its server knew. */
export function formRefused(failure: CallFailure, answer: AnswerForm | undefined): CallFailure {
  const { code, message, retryable } = failure
  if (!answer?.response_format || code !== 'backend_error' || retryable) return failure
  if (
    !/response.?format|output_?(config|format)|json.?(schema|object|mode)|structured.?output/i.test(message)
  )
    return failure
  return { ...failure, code: 'unsupported', message: `response_format: ${message}`, next_step: WITHOUT }
}

/** What a body in OpenAI's form says of it, as it was sent. */
export function inOpenAiForm({ begun, answer }: Wanted): Record<string, unknown> {
  const { stop, temperature, top_p, response_format } = answer
  const fields = {
    stop,
    temperature,
    top_p,
    response_format,
    // vLLM and SGLang begin a new message else; others go on by themselves, and ignore both or are asked without them
    ...(begun?.trim() ? { add_generation_prompt: false, continue_final_message: true } : {}),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Anthropic's, by the SDK's names. */
export function inAnthropicForm({ answer }: Wanted): Partial<LanguageModelV3CallOptions> {
  const { temperature, top_p } = answer
  // one of nothing but white space is refused there
  const stopSequences = answer.stop?.filter((stop) => stop.trim() !== '') ?? []
  const schema = schemaOf(answer)
  return {
    ...(stopSequences.length > 0 ? { stopSequences } : {}),
    ...(temperature === undefined ? {} : { temperature }),
    ...(top_p === undefined ? {} : { topP: top_p }),
    ...(schema
      ? {
          responseFormat: { type: 'json', schema },
          providerOptions: { anthropic: { structuredOutputMode: 'outputFormat' } },
        }
      : {}),
  }
}

function schemaOf({ response_format: format }: AnswerForm): object | undefined {
  if (format?.type !== 'json_schema') return undefined
  const { schema } = format.json_schema as { schema?: unknown }
  return typeof schema === 'object' && schema !== null ? schema : undefined
}
