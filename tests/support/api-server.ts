import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { stringify } from 'yaml'
import { pluralOf } from '../../cdk8s/charts/manifest-file.ts'
import type { KubeObject } from '../../cli/gitops/judge.ts'
import { SELF_SIGNED } from '../core/model/self_signed.ts'

export const TOKEN = 'a-service-account'

/** An API server of Kubernetes as far as reading single objects goes: paths, bearer token, and its own errors. */
export class ApiServer {
  readonly #server: Server
  readonly #objects = new Map<string, object>()
  /** Paths that the role does not cover. */
  readonly denied = new Set<string>()
  /** Beginnings of paths that it does not serve, as the kind is not installed. */
  readonly #lacks: string[] = []
  /** Every request, as method and path. */
  readonly requests: string[] = []

  constructor() {
    this.#server = createServer(SELF_SIGNED, (request, response) => {
      const path = new URL(request.url!, 'https://localhost').pathname
      this.requests.push(`${request.method} ${path}`)
      const { code, body } = this.#answer(path, request.headers.authorization)
      if (typeof body === 'string') response.writeHead(code, { 'content-type': 'text/plain' }).end(body)
      else response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  }

  #answer(path: string, authorization: string | undefined): { code: number; body: object | string } {
    if (authorization !== `Bearer ${TOKEN}`) return failure(401, 'Unauthorized', 'Unauthorized')
    if (this.denied.has(path)) return failure(403, 'Forbidden', `${path} is forbidden`)
    const body = this.#objects.get(path)
    if (body) return { code: 200, body }
    return this.#lacks.some((start) => path.startsWith(start))
      ? { code: 404, body: NO_SUCH_PATH }
      : notFound(path)
  }

  async start(): Promise<void> {
    await new Promise<void>((listening) => this.#server.listen(0, 'localhost', listening))
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  clear(): void {
    this.#objects.clear()
    this.denied.clear()
    this.#lacks.length = 0
    this.requests.length = 0
  }

  put(object: KubeObject): void {
    this.#objects.set(pathOf(object), object)
  }

  has(object: KubeObject): boolean {
    return this.#objects.has(pathOf(object))
  }

  putAt(path: string, object: object): void {
    this.#objects.set(path, object)
  }

  remove(object: KubeObject): void {
    this.#objects.delete(pathOf(object))
  }

  deny(object: KubeObject): void {
    this.denied.add(pathOf(object))
  }

  /** Forgets the kinds of an API group. */
  uninstall(group: string): void {
    this.#lacks.push(`/apis/${group}/`)
    for (const path of this.#objects.keys())
      if (path.startsWith(`/apis/${group}/`)) this.#objects.delete(path)
  }

  /** A kubeconfig for this server; without its authority nobody can trust it. */
  kubeconfig({ token = TOKEN, trusted = true } = {}): string {
    const authority = trusted
      ? { 'certificate-authority-data': Buffer.from(SELF_SIGNED.cert).toString('base64') }
      : {}
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'home', cluster: { server: `https://localhost:${this.port}`, ...authority } }],
      users: [{ name: 'operator', user: { token } }],
      contexts: [{ name: 'home', context: { cluster: 'home', user: 'operator' } }],
      'current-context': 'home',
    })
  }
}

function pathOf({ apiVersion, kind, metadata }: KubeObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return `${root}/namespaces/${metadata.namespace}/${pluralOf(kind)}/${metadata.name}`
}

const failure = (code: number, reason: string, message: string) => ({
  code,
  body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code },
})

/** What a server says of a path that no API of its own has. */
const NO_SUCH_PATH = '404 page not found\n'

function notFound(path: string) {
  const name = path.split('/').at(-1)
  const { code, body } = failure(404, 'NotFound', `"${name}" not found`)
  return { code, body: { ...body, details: { name } } }
}
