import { execFile } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { type KubeObject, pluralOf } from '../../../cdk8s/charts/manifest-file.ts'
import { answers, freePort, peer, type Running, start } from '../peer.ts'

const run = promisify(execFile)

export interface Said {
  stdout: string
  stderr: string
}

/** A Kubernetes API with nothing behind it: no controller, no kubelet, nothing that runs. */
export class KubeApi {
  readonly #folder: string
  readonly #running: Running[] = []
  readonly #token = randomUUID()
  #port = 0

  /** `folder` is for its data and keys. */
  constructor(folder: string) {
    this.#folder = folder
  }

  get kubeconfig(): string {
    return join(this.#folder, 'kubeconfig')
  }

  async start(): Promise<void> {
    const etcd = await this.#startEtcd()
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const keys = { private: join(this.#folder, 'accounts.key'), public: join(this.#folder, 'accounts.pub') }
    writeFileSync(keys.private, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
    writeFileSync(keys.public, publicKey.export({ type: 'spki', format: 'pem' }))
    const tokens = join(this.#folder, 'tokens.csv')
    writeFileSync(tokens, `${this.#token},operator,operator,"system:masters"\n`, { mode: 0o600 })
    this.#port = await freePort()
    const flags = {
      'etcd-servers': etcd,
      'bind-address': '127.0.0.1',
      'secure-port': this.#port,
      'cert-dir': this.#folder,
      'token-auth-file': tokens,
      'authorization-mode': 'RBAC',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': keys.public,
      'service-account-signing-key-file': keys.private,
      'service-cluster-ip-range': '10.43.0.0/16',
    }
    await this.#run('kube-apiserver', flags, async () => (await this.#asked('/readyz'))?.body === 'ok')
    this.#writeKubeconfig()
  }

  async stop(): Promise<void> {
    for (const one of this.#running.reverse()) await one.stop()
  }

  /** kubectl as the operator; an error with what it said where it fails. */
  kubectl(...args: string[]): Promise<Said> {
    const env = { PATH: process.env.PATH!, HOME: this.#folder, KUBECONFIG: this.kubeconfig }
    const options = { env, maxBuffer: 64 * 1024 * 1024 }
    return run(join(peer('HAI_PEER_KUBERNETES'), 'kubectl'), args, options)
  }

  /** Everything that kubectl prints about objects. */
  async list<T>(...args: string[]): Promise<T[]> {
    const { stdout } = await this.kubectl('get', '--output=json', ...args)
    return (JSON.parse(stdout) as { items: T[] }).items
  }

  async #startEtcd(): Promise<string> {
    const [client, between] = [await freePort(), await freePort()]
    const at = (port: number) => `http://127.0.0.1:${port}`
    const flags = {
      'data-dir': join(this.#folder, 'etcd'),
      'listen-client-urls': at(client),
      'advertise-client-urls': at(client),
      'listen-peer-urls': at(between),
      'initial-advertise-peer-urls': at(between),
      'initial-cluster': `default=${at(between)}`,
      // what is lost with this machine is not missed
      'unsafe-no-fsync': true,
    }
    await this.#run('etcd', flags, () => answers(`${at(client)}/health`))
    return at(client)
  }

  async #run(name: string, flags: Record<string, string | number | boolean>, ready: () => Promise<boolean>) {
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
    this.#running.push(await start(join(peer('HAI_PEER_KUBERNETES'), name), args, { ready }))
  }

  #writeKubeconfig(): void {
    const authority = readFileSync(join(this.#folder, 'apiserver.crt')).toString('base64')
    const cluster = { server: `https://127.0.0.1:${this.#port}`, 'certificate-authority-data': authority }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'home', cluster }],
      users: [{ name: 'operator', user: { token: this.#token } }],
      contexts: [{ name: 'home', context: { cluster: 'home', user: 'operator' } }],
      'current-context': 'home',
    }
    writeFileSync(this.kubeconfig, stringify(config), { mode: 0o600 })
  }

  /** Writes an object's status, as the controller of its kind would. */
  async writeStatus({ apiVersion, kind, metadata }: KubeObject, status: object): Promise<void> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const path = `${root}/namespaces/${metadata.namespace}/${pluralOf(kind)}/${metadata.name}/status`
    const answer = await this.#asked(path, JSON.stringify({ status }))
    if (answer?.status !== 200) throw new Error(`${kind} ${metadata.name} has no status: ${answer?.body}`)
  }

  /** Reads a path, or merges a patch into what is there; nothing while the server does not answer. */
  #asked(path: string, patch?: string): Promise<{ status: number; body: string } | undefined> {
    const type = patch ? { 'content-type': 'application/merge-patch+json' } : {}
    const headers = { authorization: `Bearer ${this.#token}`, ...type }
    const to = { host: '127.0.0.1', port: this.#port, path, headers, method: patch ? 'PATCH' : 'GET' }
    return new Promise((resolve) => {
      // before it has started there is no certificate that could be trusted
      request({ ...to, rejectUnauthorized: false, agent: false }, async (response) => {
        let body = ''
        for await (const chunk of response.setEncoding('utf8')) body += chunk
        resolve({ status: response.statusCode!, body })
      })
        .on('error', () => resolve(undefined))
        .end(patch)
    })
  }
}
