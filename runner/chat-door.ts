import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { lastPort, listenOn, rememberPort } from './http/server.ts'
import { MARK, ownerOf } from './process/mark.ts'
import { projectRoot } from './root.ts'

const PREFERRED_PORT = 4425
/** Its streams have lost their server by then; what is left is to say so. */
const GRACE_MS = 1_000

/** What its process may know: where files and settings are, and nothing that is secret. */
const KNOWN = ['PATH', 'LANG', 'HOME', 'XDG_CONFIG_HOME', 'HAI_DATA_DIR']

export interface ChatDoorOptions {
  dataDir: string
  /** Of the stack's own API, and its workspace: there each caller's questions go. */
  endpoint: string
  workspace: string
  env: NodeJS.ProcessEnv
  log: (line: string) => void
  /** Its process began or ended. */
  changed: () => void
}

/**
 * Where chat clients call: `hai serve` for this stack, in a process of its own. The port is open from the start, so that
 * nobody is turned away; the process begins with the first call, so that who never chats pays nothing for it, and begins
 * anew with the next one when it died.
 */
export class ChatDoor {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string
  #options: ChatDoorOptions
  #server: Server
  #child: ChildProcess | undefined
  #name = ''
  /** Connections that no process has taken yet. */
  #waiting = new Set<Socket>()
  #stopped = false

  private constructor(options: ChatDoorOptions, server: Server) {
    this.#options = options
    this.#server = server
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (socket: Socket) => this.#hand(socket))
  }

  /** Listens on 127.0.0.1, on the port of last time where it is free. */
  static async open(options: ChatDoorOptions): Promise<ChatDoor> {
    const server = createServer({ pauseOnConnect: true })
    const file = join(options.dataDir, 'chat-port')
    const port = await listenOn(server, [...lastPort(file), PREFERRED_PORT])
    rememberPort(file, port)
    return new ChatDoor(options, server)
  }

  /** Undefined while nobody has called. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Whether a process with this mark is the one that serves now. */
  has(name: string): boolean {
    return this.#child !== undefined && name === this.#name
  }

  /** Takes no more calls and ends the process. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
    const child = this.#child
    if (!child) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    const killer = setTimeout(() => child.kill('SIGKILL'), 2 * GRACE_MS)
    await gone
    clearTimeout(killer)
  }

  #hand(socket: Socket): void {
    this.#waiting.add(socket)
    const taken = (error?: Error | null) => {
      this.#waiting.delete(socket)
      if (error) socket.destroy()
    }
    socket.on('error', taken)
    if (!this.#child) {
      this.#child = this.#start()
      this.#options.changed()
    }
    this.#child.send('call', socket, {}, taken)
  }

  #start(): ChildProcess {
    const { dataDir, endpoint, workspace, env, log, changed } = this.#options
    this.#name = `chat-${randomUUID()}`
    const known = Object.fromEntries(KNOWN.map((name) => [name, env[name]]))
    const words = [`--endpoint=${endpoint}`, `--workspace=${workspace}`, `--grace-ms=${GRACE_MS}`]
    const child = fork(join(projectRoot(), 'build', 'serve.cjs'), words, {
      cwd: dataDir,
      execArgv: [],
      env: { ...known, [MARK]: `${ownerOf(dataDir)}/${this.#name}` },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log(`chat: ${text.trimEnd()}`))
    const ended = (how: string) => {
      if (this.#child !== child) return
      this.#child = undefined
      for (const socket of this.#waiting) socket.destroy()
      this.#waiting.clear()
      if (!this.#stopped) log(`what serves chat clients ${how}; it begins anew with the next call`)
      changed()
    }
    child.once('error', (error) => ended(`could not start: ${error.message}`))
    child.once('exit', (code, name) => ended(name ? `was ended by ${name}` : `exited with code ${code}`))
    return child
  }
}
