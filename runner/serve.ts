import { setTimeout as sleep } from 'node:timers/promises'
import { ChatDoor } from './chat-door.ts'
import { type Database, holdInstanceLock, type InstanceLock, openDatabase } from './database.ts'
import { refuseSharedFolder } from './files.ts'
import { IdleWatch } from './idle.ts'
import { markOf } from './instance/environment.ts'
import { type Instance, isKept, readInstance } from './instance/file.ts'
import { InstanceRecord } from './instance/record.ts'
import { Bundle } from './items/bundle.ts'
import { loadParser } from './items/signature.ts'
import { endMarked, ownerOf } from './process/mark.ts'
import { createPools, type Pools } from './process/pools.ts'
import { closeServer, type ListeningStack, listenWith, migrate, WORKSPACE } from './stack.ts'

interface ServeOptions {
  dataDir: string
  /** The folder that holds `f/` and `u/`. */
  bundleRoot: string
  /** Stops by itself after so many minutes without a call; 0 never. */
  idleMinutes: number
  env: NodeJS.ProcessEnv
  log: (line: string) => void
}

const DOOR_GRACE_MS = 2_000
const WORK_GRACE_MS = 3_000
const LOOK_AFTER_MS = 5_000
const ORPHANS_MS = 500

/** Runs the local stack until it is told to stop. The exit code: 0, also when another runner has the data directory. */
export async function serve(options: ServeOptions): Promise<number> {
  refuseSharedFolder(options.dataDir)
  const record = InstanceRecord.claim(options.dataDir, WORKSPACE, options.idleMinutes)
  if (!record) {
    options.log(`the local stack of ${options.dataDir} is running already`)
    return 0
  }
  outliveRejections(options.log)
  const runner = new Runner(options, record)
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => runner.stop(name))
  return runner.run()
}

class Runner {
  #options: ServeOptions
  #record: InstanceRecord
  #idle: IdleWatch
  #stopping = new AbortController()
  #failure: Error | undefined
  /** Another runner has taken over: the database and the record are its, not ours to end. */
  #outrun = false
  #pools: Pools | undefined
  #database: Promise<Database> | undefined
  #lock: InstanceLock | undefined
  #stack: ListeningStack | undefined
  #chat: ChatDoor | undefined
  #timer: NodeJS.Timeout | undefined
  /** Runs when a worker process is gone, and what it started may not be. */
  #orphans: NodeJS.Timeout | undefined

  constructor(options: ServeOptions, record: InstanceRecord) {
    this.#options = options
    this.#record = record
    this.#idle = new IdleWatch(options.idleMinutes)
  }

  /** Begins to stop; a failure makes the exit code 1. */
  stop(why: string, failure?: Error): void {
    const { signal } = this.#stopping
    if (signal.aborted) return
    this.#options.log(`stopping: ${why}`)
    this.#failure = failure
    this.#stopping.abort()
  }

  async run(): Promise<number> {
    const { signal } = this.#stopping
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    const started = this.#start().catch((error: unknown) => {
      this.stop('it could not start', error instanceof Error ? error : new Error(String(error)))
    })
    await Promise.race([started, stopped])
    await stopped
    return this.#close()
  }

  async #start(): Promise<void> {
    const { dataDir, env, log } = this.#options
    const { signal } = this.#stopping
    const bundle = new Bundle(this.#options.bundleRoot)
    const cold = env.HAI_COLD === '1'
    const pools = createPools({ env, dataDir, bundle, cold, changed: () => this.#noteWorkers(), log })
    this.#pools = pools
    void loadParser()
    this.#database = openDatabase({
      env,
      dataDir,
      log,
      progress: (text) => this.#phase(text),
      onUnrecoverable: (error) => this.stop(error.message, error),
    })
    const database = await this.#database
    this.#publish({ cluster_dir: database.clusterDir, database_url: database.url })
    if (!(await this.#takeLock(database))) return
    await this.#endOrphans()
    signal.throwIfAborted()
    const stack = await listenWith({
      dataDir,
      cold,
      bundle,
      pools,
      database,
      log,
      called: () => this.#idle.called(),
      settingsRead: ({ names, referred }) =>
        this.#publish({ settings: names, environment: markOf(env, referred) }),
    })
    this.#stack = stack
    this.#chat = await this.#openChat(stack)
    this.#publish({ endpoint: stack.endpoint, chat_endpoint: this.#chat.endpoint })
    this.#phase('migrating')
    await migrate(stack)
    signal.throwIfAborted()
    stack.scheduler.start()
    this.#timer = setInterval(() => {
      this.#lookAfter(stack, database).catch((error: unknown) => log(`looking after the stack: ${error}`))
    }, LOOK_AFTER_MS)
    this.#notePids(database)
    this.#publish({ phase: 'ready', ready: true })
    log(`ready at ${stack.endpoint}, workspace ${WORKSPACE}`)
  }

  #openChat({ endpoint, workspace }: ListeningStack): Promise<ChatDoor> {
    const { dataDir, env, log } = this.#options
    return ChatDoor.open({ dataDir, endpoint, workspace, env, log, changed: () => this.#noteChat() })
  }

  async #takeLock(database: Database): Promise<boolean> {
    const { dataDir, log } = this.#options
    const outrun = () => {
      this.#outrun = true
      this.stop(`another runner holds the lock of ${dataDir}`)
    }
    this.#lock = await holdInstanceLock({ url: database.directUrl, dataDir, log, onLost: outrun }).catch(
      (error) => {
        throw new Error(`cannot use the database at ${database.address}: ${error.message}`, { cause: error })
      },
    )
    if (!this.#lock) outrun()
    return this.#lock !== undefined
  }

  #phase(phase: string): void {
    const { instance } = this.#record
    if (instance.phase === phase || this.#stopping.signal.aborted) return
    this.#options.log(phase)
    // A database that is started again under a running stack doesn't make it unready.
    if (!instance.ready) this.#publish({ phase })
  }

  /** Without its entry nobody could find or stop the stack: it ends when that cannot be written. */
  #publish(change: Partial<Instance>): void {
    try {
      this.#record.update(change)
    } catch (error) {
      this.#options.log(`cannot write the instance record: ${error}`)
      this.stop('its data directory is gone or full', error instanceof Error ? error : undefined)
    }
  }

  /** Processes come in bursts; one entry will do for each. */
  #noteWorkers(): void {
    setImmediate(() => {
      const workers = [...(this.#pools?.doors.pids ?? []), ...(this.#pools?.work.pids ?? [])]
      const { pids } = this.#record.instance
      if (pids.workers.some((pid) => !workers.includes(pid))) this.#endOrphansSoon()
      if (this.#stopping.signal.aborted || workers.join() === pids.workers.join()) return
      this.#publish({ pids: { ...pids, workers } })
    })
  }

  #noteChat(): void {
    if (this.#stopping.signal.aborted) return
    const { chat: _, ...pids } = this.#record.instance.pids
    const chat = this.#chat?.pid
    this.#publish({ pids: { ...pids, ...(chat === undefined ? {} : { chat }) } })
  }

  #notePids(database: Database): void {
    const { pids } = this.#record.instance
    const postgres = database.pid() ?? null
    if (postgres !== pids.postgres) this.#publish({ pids: { ...pids, postgres } })
  }

  async #lookAfter(stack: ListeningStack, database: Database): Promise<void> {
    this.#record.keep()
    this.#notePids(database)
    stack.scheduler.start()
    const busy = this.#pools?.doors.busy || this.#pools?.work.busy || false
    if (isKept(this.#options.dataDir)) return
    if (await this.#idle.mayStop(stack.executor, busy)) this.stop('it was idle')
  }

  /** Ends what worker processes have left that are gone; their job has ended, and a model's program would go on spending. */
  async #endOrphans(): Promise<void> {
    const { dataDir, log } = this.#options
    const ended = await endMarked(ownerOf(dataDir), (name) => this.#isWorker(name))
    if (ended.length > 0) log(`ended what worker processes that are gone had left: ${ended.join(', ')}`)
  }

  /** Worker processes end in bursts; one look will do for each. */
  #endOrphansSoon(): void {
    this.#orphans ??= setTimeout(() => {
      this.#orphans = undefined
      this.#endOrphans().catch((error: unknown) => this.#options.log(`${error}`))
    }, ORPHANS_MS)
  }

  #isWorker(name: string): boolean {
    return Boolean(this.#pools?.doors.has(name) || this.#pools?.work.has(name) || this.#chat?.has(name))
  }

  async #close(): Promise<number> {
    const { log } = this.#options
    clearInterval(this.#timer)
    clearTimeout(this.#orphans)
    this.#publish({ ready: false, phase: 'stopping' })
    this.#stack?.scheduler.stop()
    this.#stack?.executor.stop()
    this.#stack?.flows.stop()
    const chatEnded = this.#chat?.stop()
    const jobsEnded = Promise.all([
      this.#pools?.doors.stop(DOOR_GRACE_MS, 0),
      this.#pools?.work.stop(0, WORK_GRACE_MS),
    ])
    if (this.#stack) await closeServer(this.#stack.server, jobsEnded)
    await Promise.all([jobsEnded, chatEnded])
    await this.#lock?.release()
    if (this.#outrun) return this.#giveWay()
    await this.#endOrphans().catch((error: unknown) => log(`${error}`))
    await this.#database?.then(
      (database) => database.stop(),
      // It never started; that is the failure reported below, or was no longer wanted.
      () => undefined,
    )
    if (!this.#failure) {
      this.#record.remove()
      log('stopped')
      return 0
    }
    log(`failed: ${this.#failure.stack ?? this.#failure}`)
    this.#publish({ phase: 'failed', error: this.#failure.message })
    return 1
  }

  /** The other runner writes its entry again once ours is gone. */
  async #giveWay(): Promise<number> {
    const { dataDir } = this.#options
    this.#record.remove()
    const deadline = Date.now() + LOOK_AFTER_MS + 1_000
    while (!readInstance(dataDir)) {
      if (Date.now() > deadline) return 1
      await sleep(50)
    }
    return 0
  }
}

/** Node ends a process whose promise rejects with nobody waiting for it: one such mistake would end everybody's jobs. */
export function outliveRejections(log: (line: string) => void): void {
  process.on('unhandledRejection', (error) => {
    log(`a mistake of the runner's own: ${error instanceof Error ? error.stack : error}`)
  })
}
