import { route } from '../hai/core/base/door.ts'
import { chatModels, inOpenAiShape } from '../hai/core/surface/openai.ts'

/** The one model a chat client may choose, in OpenAI's shape. `GET /v1/models`. */
export async function main() {
  return inOpenAiShape(route(async () => chatModels()))
}
