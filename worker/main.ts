import { hostname } from 'node:os'
import { exitOfCode, Failure } from '../cli/failure.ts'
import type { Io } from '../cli/io.ts'
import { Session } from '../cli/session.ts'
import { duration } from '../cli/show/words.ts'
import { HaiError } from '../f/hai/core/base/errors.ts'
import { shortId } from '../f/hai/core/base/ids.ts'
import { answerWithModel } from '../f/hai/core/model/agent.ts'
import { failureOfName } from '../f/hai/core/model/named.ts'
import { withLoading } from '../f/hai/core/model/ollama.ts'
import { slotsOf } from '../f/hai/core/task/lane.ts'
import { LANES } from '../f/hai/core/task/lease.ts'
import { keep } from '../f/hai/core/work/keep.ts'
import { endOwnAndAbandoned, endOwnNow, MARK, ownMark } from '../runner/instance.ts'
import { type Backend, findBackend } from './backend.ts'
import { Doors, lastingWebhook, Rest } from './doors.ts'
import { listen } from './listen.ts'
import { RemoteTask } from './remote-task.ts'
import { type Claimed, reside, Shutdown } from './resident.ts'
import { installService, type WorkerFlags } from './service.ts'

const GRACE_SECONDS = 30

/** Runs `hai worker run` to its end and resolves with the exit status. What it says goes to stderr. */
export async function runWorker(flags: WorkerFlags, io: Io, profile: string | undefined): Promise<number> {
  const session = new Session(io)
  session.profileFlag = profile
  try {
    const backend = await findBackend(io.env, flags.backend)
    if (flags.service) await installService(session, flags, flags.grace ?? GRACE_SECONDS)
    else await serve(session, flags, backend)
    return 0
  } catch (error) {
    return session.report(asFailure(error))
  }
}

async function serve(session: Session, flags: WorkerFlags, backend: Backend): Promise<void> {
  const { io } = session
  io.env[MARK] = ownMark()
  // also when whoever read what it says is gone, which ends it in the middle
  process.once('exit', endOwnNow)
  await endChildren(session)
  const profile = await session.profile()
  const rest = new Rest()
  const say = (line: string) => session.note(line)
  const webhook = await lastingWebhook(io, profile, say)
  const unlisten = await listen(io.env, () => rest.ring(), say)
  const { choice } = await backend.access()
  const doors = new Doors(webhook, say)
  const worker = flags.name ?? `${hostname()}/${process.pid}`
  const lanes = flags.lane ?? (backend.name ? [backend.name] : [...LANES])
  const stopping = new Shutdown(flags.grace ?? GRACE_SECONDS)
  const concurrency = flags.concurrency ?? slotsOf(choice.backend)
  try {
    await reside({
      doors,
      worker,
      lanes,
      concurrency,
      rest,
      stopping,
      listens: unlisten !== undefined,
      local: profile.local,
      answer: (claimed, stop) => answer(claimed, { backend, doors, stopping, stop, say }),
      onWelcome: () =>
        say(
          `${worker} serves ${lanes.length === 1 ? 'lane' : 'lanes'} ${lanes.join(', ')} of ${webhook.target.endpoint} with ${choice.name}/${choice.model}, ${concurrency} at once`,
        ),
      onDraining: (atHand) => {
        if (atHand > 0) say(`stopping: ${atHand} at hand, ${stopping.graceSeconds} s to finish`)
      },
    })
  } finally {
    stopping.end()
    webhook.close()
    await unlisten?.()
    await endChildren(session)
  }
}

/** A model's program that outlives its worker would go on spending. */
async function endChildren(session: Session): Promise<void> {
  const ended = await endOwnAndAbandoned()
  if (ended.length > 0) session.note(`ended what a worker had left running: ${ended.join(', ')}`)
}

interface RunOptions {
  backend: Backend
  doors: Doors
  stopping: Shutdown
  stop: AbortSignal
  say: (line: string) => void
}

/** One task from its claim to its end; what happens to it is said and never thrown. */
async function answer(
  { task, turns }: Claimed,
  { backend, doors, stopping, stop, say }: RunOptions,
): Promise<void> {
  const started = performance.now()
  const handle = new RemoteTask(doors, task, turns, stopping)
  let route = ''
  try {
    await keep(handle, task.id, stop, async (held) => {
      const looked = backend.access(task)
      const access = await (task.model ? looked.catch(failureOfName) : looked)
      if ('code' in access) return void (await handle.fail(access))
      route = ` ${access.choice.name}/${access.choice.model}`
      say(`${shortId(task.id)} begun,${route}`)
      const signal = AbortSignal.any([held, handle.lost])
      const choice = await withLoading(access.choice)
      await answerWithModel(handle, task, { ...access, choice, signal, stream: () => {} })
    })
    const ms = Math.round(performance.now() - started)
    say(`${shortId(task.id)} ${handle.outcome},${route} ${duration(ms)}`)
  } catch (error) {
    say(`${shortId(task.id)} is left to the next worker: ${error instanceof Error ? error.message : error}`)
  }
}

/** What core or a door refused is the operator's to act on, as the command line's own failures are. */
function asFailure(error: unknown): unknown {
  if (!(error instanceof HaiError)) return error
  return error.cause instanceof Failure ? error.cause : new Failure(exitOfCode(error.code), error.message)
}
