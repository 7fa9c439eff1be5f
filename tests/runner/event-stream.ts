import type { TestStack } from '../support/stack.ts'

/** One frame of `getupdate_sse`, as it came. */
export interface UpdateEvent {
  type: string
  running?: boolean
  completed?: boolean
  new_logs?: string
  log_offset?: number
  new_result_stream?: string
  stream_offset?: number
  only_result?: unknown
  job?: Record<string, unknown>
}

/** The events of a response, one by one; leaving the loop hangs up. */
export async function* eventsOf(response: Response): AsyncGenerator<UpdateEvent> {
  let text = ''
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const frames = (text + piece).split('\n\n')
    text = frames.pop()!
    for (const frame of frames) yield JSON.parse(frame.replace(/^data: /, '')) as UpdateEvent
  }
  if (text !== '') throw new Error(`the stream ended within a frame: ${text}`)
}

/** Listens to a job's updates. */
export async function* follow(stack: TestStack, id: string, query = ''): AsyncGenerator<UpdateEvent> {
  yield* eventsOf(await stack.request(`/api/w/${stack.workspace}/jobs_u/getupdate_sse/${id}?${query}`))
}

/** What the events carry, put together, up to the end of the stream. */
export async function gather(events: AsyncIterable<UpdateEvent>) {
  const all = { logs: '', stream: '', count: 0, last: undefined as UpdateEvent | undefined }
  for await (const event of events) {
    all.logs += event.new_logs ?? ''
    all.stream += event.new_result_stream ?? ''
    all.count++
    all.last = event
  }
  return all
}

/** Reads on until an event says something of that kind. */
export async function until(
  events: AsyncGenerator<UpdateEvent>,
  says: (event: UpdateEvent) => unknown,
): Promise<UpdateEvent> {
  for (;;) {
    const { value, done } = await events.next()
    if (done) throw new Error('the stream ended')
    if (says(value)) return value
  }
}
