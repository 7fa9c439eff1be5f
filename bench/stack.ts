import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ensureRunning, type Instance, stopInstance } from '../runner/instance.ts'
import { projectRoot } from '../runner/root.ts'

/** A stack of this bench's own, on a home of its own, over a copy of the bundle with one script that blocks. */
export class BenchStack {
  readonly root = projectRoot()
  readonly home = mkdtempSync(join(tmpdir(), 'hai-bench-'))
  readonly env: Record<string, string>
  #bundle = join(this.root, 'build', 'bench-bundle')
  #agent = new Agent({ keepAlive: true, maxSockets: 400 })
  #instance: Instance | undefined
  #token = ''

  constructor() {
    rmSync(this.#bundle, { recursive: true, force: true })
    cpSync(join(this.root, 'f'), join(this.#bundle, 'f'), { recursive: true })
    const scripts = join(this.#bundle, 'f', 'bench')
    mkdirSync(scripts)
    // among the bundle's own doors, whose processes are used again
    const door = join(this.#bundle, 'f', 'hai', 'bench')
    mkdirSync(door)
    writeFileSync(join(door, 'echo.ts'), 'export async function main(n: number) {\n  return n\n}\n')
    writeFileSync(
      join(scripts, 'block.ts'),
      'export async function main(seconds: number) {\n  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))\n}\n',
    )
    writeFileSync(join(scripts, 'block.script.yaml'), 'tag: hai-work\n')
    const foreign = ([name]: [string, unknown]) => !/^(HAI|XDG)_/.test(name)
    const inherited = Object.fromEntries(Object.entries(process.env).filter(foreign)) as Record<
      string,
      string
    >
    this.env = { ...inherited, HOME: this.home, HAI_BUNDLE_DIR: this.#bundle, NO_COLOR: '1' }
  }

  get instance(): Instance {
    if (!this.#instance) throw new Error('the stack is not up')
    return this.#instance
  }

  /** The operator's. */
  get token(): string {
    return this.#token
  }

  /** The command line of the built `hai`. */
  hai(...args: string[]): string[] {
    return [process.execPath, join(this.root, 'cli', 'bin.cjs'), ...args]
  }

  /** Milliseconds from the command to a stack that is ready. */
  async up(): Promise<number> {
    const start = performance.now()
    const [command, ...args] = this.hai('up')
    execFileSync(command!, args, { env: this.env, stdio: 'ignore' })
    const took = performance.now() - start
    this.#instance = await ensureRunning({ env: this.env, progress: () => {} })
    this.#token = readFileSync(this.#instance.token_file, 'utf8').trim()
    return took
  }

  async down(): Promise<void> {
    await stopInstance({ env: this.env })
  }

  async remove(): Promise<void> {
    const cluster = this.#instance?.cluster_dir
    await this.down()
    this.#agent.destroy()
    if (cluster) rmSync(dirname(cluster), { recursive: true, force: true })
    rmSync(this.home, { recursive: true, force: true })
    rmSync(this.#bundle, { recursive: true, force: true })
  }

  /** The result of a sync webhook call; throws on any refusal. */
  call<T>(path: string, args: object): Promise<T> {
    return this.#post<T>(`jobs/run_wait_result/p/${path}`, args)
  }

  /** Starts a job and doesn't wait for it. */
  start(path: string, args: object): Promise<string> {
    return this.#post<string>(`jobs/run/p/${path}`, args)
  }

  /** The first page of the list of jobs. */
  async list(): Promise<object[]> {
    const { endpoint, workspace } = this.instance
    const headers = { authorization: `Bearer ${this.#token}` }
    const answer = await fetch(`${endpoint}/api/w/${workspace}/jobs/list?per_page=30`, { headers })
    if (!answer.ok) throw new Error(`jobs/list: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as object[]
  }

  #post<T>(path: string, args: object): Promise<T> {
    const { endpoint, workspace } = this.instance
    const body = JSON.stringify(args)
    const headers = {
      authorization: `Bearer ${this.#token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    return new Promise((resolve, reject) => {
      const sent = request(
        `${endpoint}/api/w/${workspace}/${path}`,
        { method: 'POST', agent: this.#agent, headers },
        (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk
          })
          answer.on('end', () => {
            if ((answer.statusCode ?? 500) >= 400) reject(new Error(`${path}: ${answer.statusCode} ${text}`))
            else resolve((answer.headers['content-type']?.includes('json') ? JSON.parse(text) : text) as T)
          })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }
}
