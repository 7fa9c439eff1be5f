import { route } from '../hai/core/door.ts'
import { chatModels } from '../hai/core/http/chat.ts'
import { inOpenAiShape } from '../hai/core/http/openai-error.ts'

/** The one model a chat client may choose, in OpenAI's shape. `GET /v1/models`. */
export async function main() {
  return inOpenAiShape(route(async () => chatModels()))
}
