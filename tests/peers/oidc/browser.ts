import { type IncomingHttpHeaders, type IncomingMessage, request as plain } from 'node:http'
import { request as encrypted } from 'node:https'
import { ISSUER_CERTIFICATE } from './certificate.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
  /** Where it was asked for; after redirects, the last one. */
  url: string
}

/** Where the hosts of this little internet are; nothing else is reached. */
export interface Places {
  /** The host that hai answers under, and the port of what stands there for the gateway. */
  hai: { host: string; port: number }
  issuer: { host: string; port: number }
}

const MOST = 8

/** A browser as far as a login goes: cookies host by host, redirects, and the headers that a gateway adds. */
export class Browser {
  readonly #places: Places
  readonly #cookies = new Map<string, Map<string, string>>()

  constructor(places: Places) {
    this.#places = places
  }

  cookies(host: string): string[] {
    return [...(this.#cookies.get(host) ?? [])].map(([name, value]) => `${name}=${value}`)
  }

  /** One request, without following where it leads. */
  async get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await this.open(url, { headers })
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    return { status: response.statusCode!, headers: response.headers, body, url }
  }

  /** Follows redirects to the end. */
  async visit(url: string): Promise<Answer> {
    let answer = await this.get(url)
    for (let hops = 0; answer.headers.location && answer.status < 400; hops++) {
      if (hops === MOST) throw new Error(`${url} leads on and on, at last to ${answer.url}`)
      answer = await this.get(new URL(answer.headers.location, answer.url).href)
    }
    return answer
  }

  /** The answer as soon as its head is there. */
  async open(
    url: string,
    { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  ): Promise<IncomingMessage> {
    const { host, pathname, search } = new URL(url)
    const { hai, issuer } = this.#places
    if (host !== hai.host && host !== issuer.host) throw new Error(`the browser was sent to ${url}`)
    const cookie = this.cookies(host).join('; ')
    const options = {
      method,
      host: '127.0.0.1',
      path: pathname + search,
      agent: false as const,
      headers: { host, ...(cookie ? { cookie } : {}), ...headers },
    }
    const asked =
      host === issuer.host
        ? encrypted({ ...options, port: issuer.port, servername: host, ca: ISSUER_CERTIFICATE.cert })
        : plain({ ...options, port: hai.port, headers: { 'x-forwarded-proto': 'https', ...options.headers } })
    const response = await new Promise<IncomingMessage>((resolve, reject) =>
      asked.on('response', resolve).on('error', reject).end(),
    )
    this.#keep(host, response.headers['set-cookie'] ?? [])
    return response
  }

  #keep(host: string, lines: string[]): void {
    const jar = this.#cookies.get(host) ?? new Map<string, string>()
    this.#cookies.set(host, jar)
    for (const line of lines) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      const expires = /; *expires=([^;]+)/i.exec(line)?.[1]
      if (expires && Date.parse(expires) < Date.now()) jar.delete(name!)
      else jar.set(name!, value!)
    }
  }
}
