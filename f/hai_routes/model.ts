import { route } from '../hai/core/base/door.ts'
import { chatModel, inOpenAiShape, ModelById } from '../hai/core/surface/openai.ts'
import { fieldsOf, type RequestEvent } from '../hai/core/surface/request.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, ModelById)
}

/** One model of a chat client, in OpenAI's shape. `GET /v1/models/{id}`. */
export async function main(id: string) {
  return inOpenAiShape(route(async () => chatModel(id)))
}
