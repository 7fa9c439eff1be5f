import { route } from '../hai/core/base/door.ts'
import { inOpenAiShape } from '../hai/core/surface/openai.ts'
import { modelList } from '../hai/core/surface/openai_answer.ts'

/** The models a chat client may choose from, in OpenAI's shape. `GET /v1/models`. */
export async function main() {
  return inOpenAiShape(route(async () => modelList()))
}
