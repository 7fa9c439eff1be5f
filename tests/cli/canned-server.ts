import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Call {
  path: string
  args: Record<string, unknown>
  headers: IncomingHttpHeaders
  time_zone?: string
}

/** What a door answers: its result, or one of these. */
export type Reply =
  | { status: number; body: unknown }
  | 'hang up'
  | { result: unknown }
  | { stream: (response: ServerResponse) => void }
export type Door = (args: Record<string, unknown>, call: number) => Reply

export interface CannedServer {
  endpoint: string
  workspace: string
  token: string
  /** What HAI_* must be for a CLI to come here. */
  env: Record<string, string>
  calls: Call[]
  /** How long each call is on its way; milliseconds. */
  delay: number
  doors: Record<string, Door>
  callsOf(path: string): Call[]
  close(): Promise<void>
}

/** A server that speaks the webhook API with the answers a test gives it. */
export async function cannedServer(doors: Record<string, Door> = {}, port = 0): Promise<CannedServer> {
  const token = 'test-token-0123456789abcdef'
  const calls: Call[] = []
  const canned = { delay: 0 }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const answer = (status: number, body: unknown) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      response.writeHead(status, {
        'content-type': typeof body === 'string' ? 'text/plain' : 'application/json',
      })
      response.end(text)
    }
    const url = new URL(String(request.url), 'http://127.0.0.1')
    const path = url.pathname.replace(/^\/api\/w\/test\/(jobs\/run_wait_result\/p\/f\/hai\/)?/, '')
    const query = Object.fromEntries(url.searchParams)
    const args = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : query
    // each call that is of a day says in which zone; whoever asks for that finds it beside the others
    const { time_zone, body } = args
    delete args.time_zone
    if (body && typeof body === 'object') delete body.time_zone
    calls.push({ path, args, headers: request.headers, time_zone: time_zone ?? body?.time_zone })
    if (canned.delay > 0) await new Promise((resolve) => setTimeout(resolve, canned.delay))
    if (request.headers.authorization !== `Bearer ${token}`) return answer(401, 'Unauthorized')
    if (url.pathname.includes('/jobs/run') && query.invisible_to_owner !== 'true')
      return answer(500, 'whoever may run the bundle could read this job')
    const door = doors[path]
    if (!door) return answer(404, `Not found: script f/hai/${path} not found`)
    const reply = door(args, calls.filter((call) => call.path === path).length)
    if (reply === 'hang up') return request.socket.destroy()
    if ('stream' in reply) return reply.stream(response)
    if ('result' in reply) return answer(200, reply.result)
    return answer(reply.status, reply.body)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(canned, {
    endpoint,
    workspace: 'test',
    token,
    env: { HAI_ENDPOINT: endpoint, HAI_TOKEN: token, HAI_WORKSPACE: 'test' },
    calls,
    doors,
    callsOf: (path: string) => calls.filter((call) => call.path === path),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}

/** The body by which a door refuses. */
export function refusal(status: number, code: string, message: string, details?: object): Reply {
  return { status, body: { error: { code, message, ...(details ? { details } : {}) } } }
}
