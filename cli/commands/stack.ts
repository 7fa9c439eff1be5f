import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import type { Instance } from '../../runner/instance.ts'
import { count, examples } from '../command.ts'
import { Failure } from '../failure.ts'
import { stateDirOf, tilde, version } from '../files.ts'
import type { Io } from '../io.ts'
import type { Session } from '../session.ts'
import { pad } from '../show/width.ts'
import { relative } from '../show/words.ts'

/** `hai up|down|status|logs`: the stack on this machine, whatever profile is in use. */
export function addStack(program: Command, session: Session): void {
  const up = program
    .command('up')
    .description('start the local stack; commands also start it when they need it')
    .option('--keep', 'let it run until hai down, also while nobody calls; works on one that runs')
    .action(session.run(({ keep }: { keep?: boolean }) => start(session, keep ?? false)))
  examples(up, 'hai up', 'hai up --keep')

  const down = program
    .command('down')
    .description('stop the local stack')
    .action(session.run(() => stop(session)))
  examples(down, 'hai down')

  const status = program
    .command('status')
    .description('say whether the local stack runs, and where')
    .option('--json', 'print it as JSON; no password is in it')
    .action(session.run(({ json }: { json?: boolean }) => show(session, json ?? false)))
  examples(status, 'hai status', 'hai status --json')

  const logs = program
    .command('logs')
    .description("print the local stack's log")
    .option('-n, --lines <n>', 'so many of the last lines (100)', count)
    .option('-f, --follow', 'go on as it grows, until Ctrl-C')
    .action(
      session.run((options: { lines?: number; follow?: boolean }) =>
        printLog(session, options.lines ?? 100, options.follow ?? false),
      ),
    )
  examples(logs, 'hai logs', 'hai logs -n 20 -f')
}

async function start(session: Session, keep: boolean): Promise<undefined> {
  await sayWhichStack(session)
  const { ensureRunning, keepInstance } = await import('../../runner/instance.ts')
  const progress = (phase: string) => session.note(phase)
  const { env } = session.io
  if (keep) keepInstance({ env })
  const instance = await ensureRunning({ env, progress, wanted: true }).catch((error: unknown) => {
    throw asFailure(error)
  })
  session.print(`running at ${instance.endpoint}, workspace ${instance.workspace}`)
  const { isKept } = await import('../../runner/instance.ts')
  if (keep) session.note('it runs until hai down')
  else if (instance.idle_minutes && !isKept(instance.data_dir))
    session.note(
      `it stops after ${instance.idle_minutes} minutes without a call; to keep it running: hai up --keep`,
    )
}

async function stop(session: Session): Promise<undefined> {
  await sayWhichStack(session)
  const { dataDirOf, readInstance, stopInstance } = await import('../../runner/instance.ts')
  const instance = readInstance(dataDirOf(session.io.env))
  const stopped = await stopInstance({ env: session.io.env }).catch((error: unknown) => {
    throw asFailure(error)
  })
  if (!stopped) session.print('nothing was running')
  else
    session.print(
      instance ? `stopped: ${processes(instance)}` : 'stopped what an earlier stack had left running',
    )
  await noteOtherFolders(session)
}

/** Whoever removes the data directory shall know what of it is not in there: under root PostgreSQL may not reach it. */
async function noteOtherFolders(session: Session): Promise<void> {
  if (process.getuid?.() !== 0) return
  const { foldersOf } = await import('../../runner/instance.ts')
  const { env } = session.io
  const { data_dir, cluster_dir, programs_dir } = await foldersOf(env)
  const others = [cluster_dir, programs_dir].filter((folder) => folder && !folder.startsWith(`${data_dir}/`))
  if (others.length > 0)
    session.note(`what it keeps is in ${tilde(data_dir, env)}, and as root in ${others.join(' and ')}`)
}

async function show(session: Session, json: boolean): Promise<undefined> {
  const { foldersOf, isKept, readInstance } = await import('../../runner/instance.ts')
  const { env } = session.io
  const folders = { ...(await foldersOf(env)), state_dir: stateDirOf(env) }
  const instance = readInstance(folders.data_dir)
  if (json) {
    session.printJson({
      running: instance?.ready ?? false,
      endpoint: instance?.endpoint ?? null,
      chat_endpoint: instance?.chat_endpoint ?? null,
      workspace: instance?.workspace ?? null,
      token_file: instance?.token_file ?? null,
      ...folders,
      database_url: instance ? withoutPassword(instance.database_url, '') : null,
      pids: instance?.pids ?? null,
      idle_minutes: instance ? (isKept(folders.data_dir) ? 0 : (instance.idle_minutes ?? null)) : null,
      version: instance?.version ?? version(),
    })
    return
  }
  await sayWhichStack(session)
  const facts = instance
    ? runningFacts(instance, env, isKept(folders.data_dir))
    : [['running', 'no; it starts when a command needs it']]
  const places = [
    ['cluster', folders.cluster_dir ?? (instance?.ready ? 'on a server of its own' : 'not made yet')],
    ['data', folders.data_dir],
    ['programs', folders.programs_dir ?? ''],
    ['settings', folders.config_dir],
    ['state', folders.state_dir],
    ['logs', folders.logs_dir],
  ].filter(([, folder]) => folder)
  const all = [
    ...facts,
    ...places.map(([label = '', folder = '']) => [label, tilde(folder, env)]),
    ['version', instance?.version ?? version()],
  ]
  session.print(...all.map(([label = '', text = '']) => `${session.paint.dim(pad(label, 11))}${text}`))
  if (instance && instance.version !== version()) {
    session.note(`this hai is ${version()}; to run the same version: hai down && hai up`)
  }
}

function runningFacts(instance: Instance, env: Session['io']['env'], kept: boolean): string[][] {
  const { chat_endpoint: chat, idle_minutes: idle } = instance
  const state = instance.ready ? `yes, since ${relative(instance.started_at)}` : `starting: ${instance.phase}`
  return [
    ['running', instance.error ? `no: ${instance.error}` : state],
    ['endpoint', instance.endpoint],
    ['workspace', instance.workspace],
    ['token', tilde(instance.token_file, env)],
    ...(chat ? [['chat', `${chat}/v1, for chat clients; the API key is that token, or a member's`]] : []),
    ...(idle && !kept ? [['stops', `after ${idle} minutes without a call; hai up --keep keeps it`]] : []),
    ['database', withoutPassword(instance.database_url)],
    ['processes', processes(instance)],
  ]
}

async function printLog(session: Session, lines: number, follow: boolean): Promise<undefined> {
  const { dataDirOf, logFileOf } = await import('../../runner/instance.ts')
  const file = logFileOf(dataDirOf(session.io.env))
  const write = (text: string) => session.io.stdout.write(text)
  const end = lastLines(file, lines, write)
  if (end === undefined && !follow) {
    throw new Failure('notFound', `there is no log yet at ${file}`, { next: 'hai up' })
  }
  if (follow) await followFile(file, end ?? 0, write, session.io)
}

async function sayWhichStack(session: Session): Promise<void> {
  const profile = await session.profile()
  if (!profile.local) session.note(`this is the stack on this machine; the profile in use is ${profile.name}`)
}

function processes({ pids }: Instance): string {
  const workers = pids.workers.length > 0 ? `, workers ${pids.workers.join(' ')}` : ''
  const chat = pids.chat ? `, chat ${pids.chat}` : ''
  return `runner ${pids.runner}${pids.postgres ? `, postgres ${pids.postgres}` : ''}${workers}${chat}`
}

function withoutPassword(url: string, mark = '***'): string {
  if (!URL.canParse(url)) return '(set, but no URL)'
  const shown = new URL(url)
  if (shown.password) shown.password = mark
  shown.search = ''
  return shown.toString()
}

function asFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  return new Failure('unreachable', message, { cause: error, next: 'hai logs; hai doctor' })
}

const CHUNK = 64 * 1024
const LOOK_MS = 200

/** Writes the last lines of a file and returns where it ended, in bytes; undefined when there is no file. */
export function lastLines(file: string, count: number, write: (text: string) => void): number | undefined {
  const end = sizeOf(file)
  if (end === undefined) return undefined
  let start = end
  let tail = Buffer.alloc(0)
  while (start > 0 && newlines(tail) <= count) {
    const from = Math.max(0, start - CHUNK)
    tail = Buffer.concat([read(file, from, start), tail])
    start = from
  }
  const lines = tail.toString().split('\n')
  const whole = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  const wanted = whole.slice(-count)
  if (wanted.length > 0) write(`${wanted.join('\n')}\n`)
  return end
}

/** Writes what is added to a file, from that byte on, until Ctrl-C. A file that shrank is read from its beginning. */
export async function followFile(
  file: string,
  from: number,
  write: (text: string) => void,
  io: Io,
): Promise<void> {
  let at = from
  await new Promise<void>((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        const end = sizeOf(file) ?? 0
        if (end < at) at = 0
        if (end > at) write(read(file, at, end).toString())
        at = end
      } catch (error) {
        clearInterval(timer)
        reject(error)
      }
    }, LOOK_MS)
    io.onInterrupt(() => {
      clearInterval(timer)
      resolve()
    })
  })
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size
}

function read(file: string, from: number, to: number): Buffer {
  const handle = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(to - from)
    return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, from))
  } finally {
    closeSync(handle)
  }
}

function newlines(bytes: Buffer): number {
  return bytes.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0)
}
