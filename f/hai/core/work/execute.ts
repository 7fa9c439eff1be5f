import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { type Access, cure as cureOf, localAccess, type NoAccess, withheld } from '../model/access.ts'
import { answerWithModel } from '../model/agent.ts'
import { unsupported } from '../model/answer_form.ts'
import type { HeldTask } from '../model/held_task.ts'
import { failureOfName } from '../model/named.ts'
import { withLoading } from '../model/ollama.ts'
import {
  type AttemptFailure,
  type Endpoint,
  endpointOf,
  type Known,
  knownOllama,
  pauseIn,
  rememberOllama,
} from '../task/backend.ts'
import { admit, handOver, leaveToModels } from '../task/lane.ts'
import { BUILT_IN, leaseLost } from '../task/lease.ts'
import { type ClaimedTask, RESTRICTED, type TaskResult } from '../task/shape.ts'
import { outcomeOf } from '../task/show.ts'
import type { Start } from '../task/wake.ts'
import { answerBuiltIn } from './built_in.ts'
import { tellingAtLeast } from './report.ts'

/** What a worker has to answer with. */
export interface ExecuteOptions {
  /** The caller that a task's requester is: what a task may see is what the requester may see. */
  principal(requester: string): Caller
  /** Which model may be asked; none when this is not given. */
  models?: (sql: Sql, task: ClaimedTask) => Promise<Access | NoAccess>
  /** Where an answer's text goes while it is written, with its place in the answer: down the stream of the job. */
  stream?: (id: string, at: number, text: string) => void
  /** No more of it comes; with what came of the task, once it has ended. */
  streamEnd?: (id: string, outcome?: TaskResult) => void
  /** Whose job it is: who can read its stream, so that it shows that one's own tasks only. */
  reader?: string | undefined
  /** From here on the task mostly waits: its worker may take another one meanwhile. */
  waits?: () => void
  start?: Start
}

/** Built-in answers cost nothing and come first; then a model, if there is one. */
export async function execute(
  sql: Sql,
  task: ClaimedTask,
  held: HeldTask,
  means: ExecuteOptions,
  signal: AbortSignal,
): Promise<void> {
  const handle = tellingAtLeast(sql, task, held)
  if (await answerBuiltIn(sql, task, means.principal(task.requester))) {
    await tellEnd(sql, task, means)
    return
  }
  if (task.lane === BUILT_IN) return leaveToModels(sql, task)
  const access = (await means.models?.(sql, task).catch(task.model ? failureOfName : notThere)) ?? {
    offers: [],
  }
  if ('code' in access) {
    await handle.fail(access)
  } else if ('offers' in access) {
    const ollama = await knownOllama(sql)
    await handle.fail(ollama ? { ...OLLAMA_GONE, endpoint: ollama } : noRoute(task, access))
  } else if (access.choice.backend.external) {
    const refused = withheld(task, access.choice) ?? unsupported(task, access.choice)
    if (refused) await handle.fail(refused)
    else await handOver(sql, task, access.choice)
  } else {
    await ask(sql, task, handle, access, means, signal)
  }
}

async function ask(
  sql: Sql,
  task: ClaimedTask,
  handle: HeldTask,
  access: Access,
  means: ExecuteOptions,
  signal: AbortSignal,
): Promise<void> {
  const admission = new TaskAdmission(sql, task, handle)
  if (!(await admission.mayAsk(access))) return
  means.waits?.()
  const { stream = () => {} } = isShown(task, means) ? means : {}
  const local = async () => {
    // who named one is not to be answered by another
    if (task.model) return undefined
    const instead = await localAccess(sql)
    if (!instead) return undefined
    if (!(await admission.mayAsk(instead))) throw await leaseLost(sql, task)
    return admission.ready(instead)
  }
  await answerWithModel(admission.handle, task, {
    ...(await admission.ready(access)),
    signal,
    local,
    stream: (at: number, text: string) => stream(task.id, at, text),
  })
  await tellEnd(sql, task, means)
}

async function tellEnd(sql: Sql, task: ClaimedTask, means: ExecuteOptions): Promise<void> {
  if (!means.streamEnd || !isShown(task, means)) return
  // what can't be told here is asked for, and nothing that happened to the task
  const outcome = await outcomeOf(sql, task.id, means.principal(task.requester)).catch(() => undefined)
  means.streamEnd(task.id, outcome)
}

/** Everybody else follows a task by its events, which ask who reads. */
const isShown = (task: ClaimedTask, { reader }: ExecuteOptions): boolean =>
  task.requester === reader && task.data_tier !== RESTRICTED

/** What was named for this task does not answer; it may be starting. */
function notThere(error: unknown): AttemptFailure & { code: string } {
  if (!(error instanceof HaiError && error.code === 'unavailable')) throw error
  const { next_step } = error.details ?? {}
  return {
    code: 'unreachable',
    message: error.message,
    retryable: true,
    uses_attempt: false,
    ...(typeof next_step === 'string' ? { next_step } : {}),
  }
}

/** Its machine may still be starting: what it has answered before, it will answer again. */
const OLLAMA_GONE: AttemptFailure = {
  code: 'unreachable',
  message: 'ollama has answered before, and now none with a model is found',
  next_step: 'start Ollama; hai model ls shows what else could answer',
  retryable: true,
  uses_attempt: false,
  backend: 'ollama',
}

/** What keeps the models that there are from answering is said first: enabling another one would not mend it. */
function noRoute(task: ClaimedTask, { offers, idle = [], error }: NoAccess): AttemptFailure {
  const what =
    task.context.length > 0 ? 'attached text needs a model' : 'no built-in command matches the whole of this'
  const why = error ? [error] : idle.map(({ text }) => text)
  if (task.data_tier === RESTRICTED) {
    const local = why.length > 0 ? `: ${why.join(', ')}` : ''
    const message = `${what}; as it is restricted only a backend with billing: local may see it, and there is none to ask${local}`
    return {
      code: 'no_route',
      message,
      next_step:
        idle[0] && !error ? `${idle[0].cure}; then hai task retry ${shortId(task.id)}` : cureOf(task.id),
    }
  }
  const message = `${what}, and there is no model to ask${why.length > 0 ? `: ${why.join(', ')}` : ''}`
  const cure = error
    ? 'mend that file; hai model ls says whether it is taken'
    : (idle[0]?.cure ??
      (offers[0]
        ? `hai model enable ${offers[0]} lets ${offers[0]} answer`
        : 'start Ollama, or hai model add URL; hai model ls shows what could answer'))
  const keep = `to keep it: hai todo add --raw ${quote(task.content)}`
  const again = `then hai task retry ${shortId(task.id)}`
  return { code: 'no_route', message, next_step: `${cure}; ${again}; ${keep}` }
}

/** As the first line would be typed in a shell. */
function quote(content: string): string {
  const line = content.split('\n', 1)[0]!.slice(0, 80)
  return `'${line.replaceAll("'", `'\\''`)}'`
}

/** Between one task and the backends that it asks: when it may, and what others learn of how they answered. */
export class TaskAdmission {
  /** The task's handle; what it tells of a backend is told of where that was asked. */
  readonly handle: HeldTask
  #sql: Sql
  #task: ClaimedTask
  #lane: string
  #asked = new Map<string, { endpoint: Endpoint; known: Known | undefined }>()
  /** Who answered just now, and not in an earlier attempt. */
  #answered: Endpoint | null = null

  constructor(sql: Sql, task: ClaimedTask, handle: HeldTask) {
    this.#sql = sql
    this.#task = task
    this.#lane = task.lane
    this.handle = {
      ...handle,
      finishStep: async (step, call, spent) => {
        const finished = await handle.finishStep(step, call, spent)
        this.#answered = this.#asked.get(call.backend)?.endpoint ?? null
        return finished
      },
      complete: (done) => handle.complete({ ...done, endpoint: this.#answered }),
      fail: (failure) => {
        const asked = this.#asked.get(failure.backend ?? '')
        return handle.fail(asked ? { ...failure, endpoint: asked.endpoint } : failure)
      },
    }
  }

  /** Whether the task may ask now. If not, it went back: until the model is free, or may be asked again. */
  async mayAsk(access: Access): Promise<boolean> {
    const endpoint = endpointOf(access)
    const at = { ...this.#task, lane: this.#lane }
    const { lane, known, queued } = await admit(this.#sql, at, access.choice, endpoint)
    if (queued) return false
    this.#lane = lane
    this.#asked.set(access.choice.name, { endpoint, known })
    const pause = pauseIn(known, endpoint)
    if (pause) await this.handle.fail(pause)
    return pause === undefined
  }

  /** The same access, with what it takes to load the model. */
  async ready(access: Access): Promise<Access> {
    const asked = this.#asked.get(access.choice.name)
    const choice = await withLoading(access.choice, asked?.known?.ollama, async (ollama) => {
      if (asked) await rememberOllama(this.#sql, asked.endpoint, ollama)
    })
    return { ...access, choice }
  }
}
