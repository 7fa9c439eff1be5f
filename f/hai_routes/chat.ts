import { route } from '../hai/core/base/door.ts'
import { accessFor } from '../hai/core/model/access.ts'
import { answerChat, inOpenAiShape } from '../hai/core/surface/openai.ts'
import { bodyOf } from '../hai/core/surface/request.ts'

/** Makes a task of a chat's last message and gives its answer, in OpenAI's shapes. `POST /v1/chat/completions`; waits five minutes at most. */
export async function main(body: unknown, raw_string: string) {
  return inOpenAiShape(
    route((sql, caller, principal, stopped, jobId) => {
      const means = { principal, jobId, models: accessFor, stopped: stopped() }
      return answerChat(sql, bodyOf({ body, raw_string }), caller, means)
    }),
  )
}
