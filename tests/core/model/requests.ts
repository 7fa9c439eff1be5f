/** Posts `body` as JSON. */
export const post = (url: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

/** The body as JSON of a shape that the caller vouches for. */
export const json = async <T = Record<string, unknown>>(response: Response): Promise<T> =>
  (await response.json()) as T

/** The frames of a whole SSE stream; each must be an optional event and one line of data. */
export function events(stream: string): { event: string | null; data: string }[] {
  const frames = stream.split('\n\n')
  if (frames.pop() !== '') throw new Error('the stream ends within a frame')
  return frames.map((frame) => {
    const match = /^(?:event: (.*)\n)?data: (.*)$/.exec(frame)
    if (!match) throw new Error(`no frame of SSE: ${frame}`)
    return { event: match[1] ?? null, data: match[2]! }
  })
}

/** The objects of a whole NDJSON stream. */
export const lines = (stream: string): Record<string, unknown>[] =>
  stream
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

/** All that arrives of a body, and whether its connection broke before the body's end. */
export async function read(response: Response): Promise<{ text: string; broken: boolean }> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of response.body!) text += decoder.decode(chunk, { stream: true })
    return { text, broken: false }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { text, broken: true }
  }
}
