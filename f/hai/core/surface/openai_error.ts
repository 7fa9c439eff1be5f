/** An error as a door answers it. */
interface Failed {
  windmill_status_code: number
  windmill_headers?: Record<string, string>
  result: { error: { code: string; message: string; details?: Record<string, unknown> } }
}

/**
 * A door's answer, an error in OpenAI's shape. A task that was taken is there, whatever became of it: OpenAI's clients
 * are told not to send it again, as they would of themselves.
 */
export async function inOpenAiShape(answering: Promise<object | Failed>): Promise<object> {
  const answer = await answering
  const { windmill_status_code, windmill_headers, result } = answer as Failed
  if (!(windmill_status_code >= 400)) return answer
  const { code, message, details } = result.error
  const type = windmill_status_code < 500 ? 'invalid_request_error' : 'server_error'
  const wasTaken = details?.task_id !== undefined
  return {
    windmill_status_code,
    windmill_headers: { ...windmill_headers, ...(wasTaken ? { 'x-should-retry': 'false' } : {}) },
    result: { error: { message, type, param: null, code } },
  }
}
