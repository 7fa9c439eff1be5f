import { type Completion, completionOf, framesOf, type Refusal } from '../f/hai/core/surface/openai_answer.ts'
import type { ChatRequest } from '../f/hai/core/surface/openai_request.ts'
import type { TaskResult } from '../f/hai/core/task/shape.ts'
import { asCompletion, finished, piece } from './ollama.ts'

/** Which task's answer it is, what was asked for, and when: milliseconds of the process's own clock. */
export interface About {
  id: string
  request: ChatRequest
  began: number
}

/** How a kind of client speaks. */
export interface Form {
  /** Its request, as one for a chat completion. */
  read(body: unknown): unknown
  refused(refusal: Refusal): object
  whole(task: TaskResult, about: About): object
  /** The type of its streams. */
  type: string
  frames(about: About): {
    begin(): string
    text(more: string): string
    /** That an answer is still waited for, and for what. */
    alive(why?: string): string
    end(task: TaskResult): string
    failed(refusal: Refusal): string
  }
}

export const OPENAI: Form = {
  read: (body) => body,
  refused: ({ body }) => body,
  whole: (task, { request }) => completionOf(task, request),
  type: 'text/event-stream; charset=utf-8',
  frames: ({ id, request }) => ({
    ...framesOf(id, request),
    // a comment, which clients pass over
    alive: (why = 'waiting') => `: ${why.replace(/\s+/g, ' ')}\n\n`,
  }),
}

const line = (data: object): string => `${JSON.stringify(data)}\n`

/** A whole answer as the text of a completion has it, with what is to be said of it. */
const textOf = (completion: Completion): string => completion.choices[0].message.content

export const OLLAMA: Form = {
  read: asCompletion,
  refused: ({ body }) => ({ error: body.error.message }),
  whole: (task, { request, began }) =>
    finished(request.model, textOf(completionOf(task, request)), task, began),
  type: 'application/x-ndjson',
  frames: ({ request, began }) => ({
    begin: () => '',
    text: (more) => line(piece(request.model, more)),
    // such a stream has no remarks, and a piece without text changes nothing
    alive: () => line(piece(request.model, '')),
    end: (task) => {
      const notices = textOf(completionOf({ ...task, output: '' }, request))
      const said = notices === '' ? '' : line(piece(request.model, `\n\n${notices}`))
      return `${said}${line(finished(request.model, '', task, began))}`
    },
    failed: (refusal) => line({ error: refusal.body.error.message }),
  }),
}
