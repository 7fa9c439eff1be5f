import { createHash } from 'node:crypto'
import { type Choice, MAX_OUTPUT, type Message, type Models } from '../base/backends.ts'
import { withoutWords } from '../base/errors.ts'
import type { ModelCall, Spent } from '../cost/model_call.ts'
import { failureOf, isOverBudget, type OverBudget } from '../cost/reserve.ts'
import { isLeaseLost } from '../task/lease.ts'
import type { ClaimedTask, SentChat } from '../task/shape.ts'
import { withheld } from './access.ts'
import { formRefused, unsupported } from './answer_form.ts'
import { type Answer, callModel, type Ending } from './call.ts'
import { atLeast, classify, endedBy, type Got, isUnsent, usedBy } from './failure.ts'
import { type Caller, FailedCall, fittedCall } from './fitted_call.ts'
import type { HeldTask } from './held_task.ts'
import { load, withLoading } from './ollama.ts'
import { limitsOf } from './watchdog.ts'

/** The one agent there is so far. */
const GENERAL = 'general'

interface Run {
  choice: Choice
  models: Pick<Models, 'liveness_seconds' | 'first_byte_seconds'>
  apiKey: string | undefined
  /** Aborts when the lease is lost or the worker must stop. */
  signal: AbortSignal
  /** Where the answer's text goes while it is written, with its place in the answer. */
  stream: (at: number, text: string) => void
  /** A model that costs nothing, for when a cap leaves no room for this one. */
  local?: () => Promise<Pick<Run, 'choice' | 'models' | 'apiKey'> | undefined>
}

/**
 * Answers one task with one model call. A call that an earlier attempt finished is read from the journal and not paid
 * again. Resolves when the task has ended or goes back for another attempt; rejects when it was aborted.
 */
export async function answerWithModel(handle: HeldTask, task: ClaimedTask, run: Run): Promise<void> {
  const { choice, signal } = run
  const refused = withheld(task, choice) ?? unsupported(task, choice)
  if (refused) return void (await handle.fail(refused))
  await handle.note('route', `→ ${choice.name}/${choice.model}: ${choice.reason}`)
  try {
    const { answer, route } = await journaledCall(handle, task, run)
    for (const notice of answer.notices ?? []) await handle.note('notice', notice)
    const stopped = stoppedBy(answer, task)
    if (stopped) await handle.note('cut', stopped)
    await handle.complete({ output: answer.text, agent: GENERAL, route })
  } catch (error) {
    signal.throwIfAborted()
    if (isOverBudget(error)) await withoutBudget(handle, task, run, error)
    else if (error instanceof FailedCall) await handle.fail({ ...error.failure, backend: choice.name })
    else throw error
  }
}

/** What is said of an answer that is not whole. */
const STOPPED: Partial<Record<Ending, string>> = {
  length: 'the answer stops at the longest that the model may write',
  window: 'the answer stops where the model’s window ends',
  content_filter: 'the answer stops where the provider’s filter ended it',
  refusal: 'the model refused to answer, or to go on',
  repeats: 'the answer was ended: it repeats itself',
  other: 'the answer may not be whole',
}

function stoppedBy(answer: Answer, { chat }: ClaimedTask): string | undefined {
  // an earlier release journaled no more than whether it was cut
  const ending = answer.ending ?? ('cut' in answer && answer.cut ? 'length' : 'whole')
  return ending === 'length' && answer.asked_length
    ? `the answer stops at the ${chat?.answer.max_tokens} tokens that were asked for`
    : STOPPED[ending]
}

/** What a cap refused: a local model answers if the budget says so and there is one, else the task waits or ends. */
async function withoutBudget(
  handle: HeldTask,
  task: ClaimedTask,
  { local, ...run }: Run,
  error: OverBudget,
): Promise<void> {
  const instead = error.details.on_cap === 'local' ? await local?.() : undefined
  if (!instead) {
    await handle.fail(failureOf(error))
    return
  }
  await handle.note('notice', `${error.message}; a local model answers instead`)
  await answerWithModel(handle, task, { ...run, ...instead })
}

/** What the journal keeps: whoever replays it may have chosen another model meanwhile. */
interface Journaled {
  answer: Answer
  route: string
}

async function journaledCall(handle: HeldTask, task: ClaimedTask, run: Run): Promise<Journaled> {
  const { choice } = run
  const call_id = `${task.id}:${task.round}:1`
  const route = `${choice.name}/${choice.model}`
  // what is asked, not of whom: between two attempts the model, the window or the earlier turns may change
  const { content, chat } = task
  const request = chat ? { content, chat: digestOf(chat) } : { content }
  const step = await handle.startStep({ call_id, name: route, request })
  if (step.state === 'finished') {
    const known = step.response as Journaled
    await handle.note('notice', `${known.route} answered in an earlier attempt, and is not asked again`)
    return known
  }
  const { answer, call } = await fittedCall(
    handle,
    task,
    { call_id, agent: GENERAL },
    callerOf(handle, task, run),
  )
  const response = { answer, route: answer.model ? `${choice.name}/${answer.model}` : route }
  const spent: Spent = answer
  try {
    await handle.finishStep({ call_id, response, name: response.route }, call, spent)
  } catch (error) {
    // the answer came too late for its task, but it was made
    if (isLeaseLost(error)) await handle.settleUsage(call, spent)
    throw error
  }
  return response
}

/** All that a chat sent, whatever order a server on the way gave its fields. */
function digestOf({ instructions, turns, begun, answer }: SentChat): string {
  const sent = [instructions, turns.map(({ role, content }) => [role, content]), begun, inOrder(answer)]
  return createHash('sha256').update(JSON.stringify(sent)).digest('hex')
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return fields.map(([name, of]) => [name, inOrder(of)])
}

const callerOf = (handle: HeldTask, { chat }: ClaimedTask, run: Run): Caller => ({
  choice: run.choice,
  apiKey: run.apiKey,
  load: (choice) => loaded(handle, { ...run, choice }),
  ask: (choice, call, messages) => madeCall(handle, { ...run, choice }, call, messages, chat),
})

async function madeCall(
  handle: HeldTask,
  run: Run,
  call: ModelCall,
  messages: Message[],
  chat: SentChat | null,
): Promise<Answer> {
  const { choice, models, apiKey, signal } = run
  const limits = limitsOf(models, choice, messages)
  await handle.openUsage(call)
  const started = performance.now()
  const written = new AnswerStream(handle, run.stream)
  const got: Got = { text: '', deltas: 0 }
  try {
    const onText = (text: string) => written.add(text)
    const maxOutput = call.most?.output ?? MAX_OUTPUT
    const wanted = chat ? { wanted: chat } : {}
    const asked = { choice, apiKey, messages, maxOutput, ...wanted, ...limits, signal, onText, got }
    const answer = await callModel(asked)
    return chat?.answer.max_tokens === maxOutput ? { ...answer, asked_length: true } : answer
  } catch (error) {
    const ms = Math.round(performance.now() - started)
    if (signal.aborted) {
      // what had come was spent, whoever has the task by now
      await handle.settleUsage(call, { ...atLeast(got), ms, ended: endedBy(signal) })
      throw signal.reason
    }
    const failure = formRefused(classify(error, choice), chat?.answer)
    const unsent = got.deltas === 0 && isUnsent(error)
    await handle.settleUsage(call, { ...usedBy(error, got), ms, error: failure.code, unsent })
    throw new FailedCall(failure, error, got.deltas > 0)
  } finally {
    await written.end()
  }
}

/** The choice once its model is loaded: only then its window is known. */
async function loaded(handle: HeldTask, { choice, models, signal }: Run): Promise<Choice> {
  await handle.note('loading', `loading ${choice.model} into memory`)
  try {
    await load(choice, signal, limitsOf(models, choice, []))
  } catch (error) {
    signal.throwIfAborted()
    throw new FailedCall(classify(error, choice), error)
  }
  const { loading: _, ...unloaded } = choice
  return withLoading(unloaded)
}

/** At most one event so often; the job's stream carries every piece sooner. */
const EVENT_MS = 500
/** Pieces that come faster than an eye can tell apart go down the stream together. */
const STREAM_MS = 50

/** Tells the answer's text while it is written: nearly at once to the stream, gathered into `delta` events. */
class AnswerStream {
  #stream: Throttled
  #events: Throttled
  #writing: Promise<void> = Promise.resolve()

  constructor(handle: HeldTask, stream: (at: number, text: string) => void) {
    this.#stream = new Throttled(STREAM_MS, stream)
    this.#events = new Throttled(EVENT_MS, (at, text) => {
      this.#writing = this.#writing
        .then(async () => void (await handle.note('delta', text, { at })))
        .catch((error: unknown) => {
          console.error(`a piece of an answer was not told: ${withoutWords(error).message}`)
        })
    })
    // the first event can wait, the first word can't
    this.#events.pause()
  }

  add(text: string): void {
    this.#stream.add(text)
    this.#events.add(text)
  }

  /** Writes what is left. A text that can't be told is no reason to lose the answer: the answer is stored whole. */
  async end(): Promise<void> {
    this.#stream.end()
    this.#events.end()
    await this.#writing
  }
}

/** Hands text on with its place: at once after a silence, then what gathered once in so many milliseconds. */
class Throttled {
  #ms: number
  #tell: (at: number, text: string) => void
  #told = 0
  #waiting = ''
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, tell: (at: number, text: string) => void) {
    this.#ms = ms
    this.#tell = tell
  }

  add(text: string): void {
    this.#waiting += text
    if (!this.#timer) this.#flush()
  }

  pause(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#flush()
    }, this.#ms)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flush()
    clearTimeout(this.#timer)
  }

  #flush(): void {
    const text = this.#waiting
    if (text === '') return
    const at = this.#told
    this.#told += text.length
    this.#waiting = ''
    this.#tell(at, text)
    this.pause()
  }
}
