import type { Choice, Message } from '../base/backends.ts'
import type { ModelCall } from '../cost/model_call.ts'
import type { Turn } from '../task/conversation.ts'
import type { ClaimedTask } from '../task/shape.ts'
import type { Answer } from './call.ts'
import type { ModelFact } from './facts.ts'
import {
  askWindow,
  countTaught,
  type Fitting,
  fitOf,
  isWorthAsking,
  learntBy,
  modelAt,
  smaller,
  tooLong,
} from './fitting.ts'
import type { HeldTask } from './held_task.ts'
import { type Overflow, overflowOf } from './overflow.ts'
import { answerRoom, buildPrompt, type Fit, ledgerCall, TooLong } from './prompt.ts'
import type { CallFailure } from './refusal.ts'

/** Tokens that a model of one's own reads for seconds before it writes. */
const LONG_READ = 1000

/** Marks an error as the backend's: everything else is the database's or ours, and not to be explained as a call. */
export class FailedCall extends Error {
  failure: CallFailure
  /** Whether some of the answer had come. */
  begun: boolean

  constructor(failure: CallFailure, cause: unknown, begun = false) {
    super(failure.message, { cause })
    this.name = 'FailedCall'
    this.failure = failure
    this.begun = begun
  }
}

/** How a call is made: `FailedCall` when it is the backend that fails. */
export interface Caller {
  choice: Choice
  apiKey: string | undefined
  /** Has the model loaded; resolves to the choice as it is then. */
  load: (choice: Choice) => Promise<Choice>
  ask: (choice: Choice, call: ModelCall, messages: Message[]) => Promise<Answer>
}

interface Made {
  answer: Answer
  /** The one that was answered. */
  call: ModelCall
}

/**
 * Asks with what fits, as far as that is known. When the server says that it doesn't fit, it is asked once more with what
 * fits by its words: nothing was generated, so that this is the same attempt, with a row of its own in the ledger.
 */
export async function fittedCall(
  handle: HeldTask,
  task: ClaimedTask,
  step: { call_id: string; agent: string },
  caller: Caller,
): Promise<Made> {
  // the messages of a chat are all that its model is to know
  const turns = task.chat ? [] : await readable(handle)
  const fitting = await fitted(handle, task, turns, caller)
  const call_id = `${step.call_id}:${task.lease_no}`
  const ask = (of: Fitting, call_id: string) =>
    asked(handle, of, { call_id, step: step.call_id, agent: step.agent }, caller)
  try {
    return await ask(fitting, call_id)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return await ask(await afterRefusal(handle, task, turns, fitting, error), `${call_id}:2`)
  }
}

/** The conversation as far as the task may know it. */
async function readable(handle: HeldTask): Promise<Turn[]> {
  const turns = await handle.turns()
  const known = turns.filter(({ withheld }) => !withheld)
  const left = turns.length - known.length
  if (left > 0) {
    const which = left === 1 ? '1 earlier turn is' : `${left} earlier turns are`
    await handle.note('notice', `${which} restricted and left out, as this question is not`)
  }
  return known
}

/** A call that was refused since its prompt, or the answer that it allows, is too long. */
class Refused extends FailedCall {
  told: Overflow

  constructor(told: Overflow, failed: FailedCall, { choice, prompt }: Fitting) {
    super({ ...failed.failure, ...tooLong(choice, prompt.mostly, failed.failure.message) }, failed.cause)
    this.told = told
  }
}

async function asked(
  handle: HeldTask,
  fitting: Fitting,
  ids: { call_id: string; step: string; agent: string },
  { ask }: Caller,
): Promise<Made> {
  const { choice, fit, prompt } = fitting
  const isChat = prompt.mostly === 'chat'
  const tell = async () => {
    for (const notice of prompt.notices) await handle.note('notice', notice)
  }
  // a chat reads them below its answer, and not what a first try left out
  if (!isChat) await tell()
  // whoever waits for so long shall know why
  if (prompt.fill >= LONG_READ) {
    const text = `${choice.name}/${choice.model} reads about ${prompt.fill} tokens`
    await handle.note('route', text, { reads: prompt.fill })
  }
  const { call_id, ...more } = ids
  const call = {
    ...ledgerCall(call_id, choice, prompt.messages, answerRoom(prompt, fit), fit.ratio),
    ...more,
  }
  try {
    const answer = await ask(choice, call, prompt.messages)
    if (isChat) await tell()
    return { answer: await counted(handle, fitting, answer), call }
  } catch (error) {
    // an answer that has begun was not refused
    const told = error instanceof FailedCall && !error.begun ? overflowOf(error.cause) : undefined
    throw told ? new Refused(told, error as FailedCall, fitting) : error
  }
}

/** The prompt for what is known of the model; its server is asked first where more would help. */
async function fitted(
  handle: HeldTask,
  task: ClaimedTask,
  turns: Turn[],
  { choice: met, apiKey, load }: Caller,
): Promise<Fitting> {
  const choice = met.loading ? await load(met) : met
  const fact = await handle.modelFact(modelAt(choice))
  const first = fittingFor(task, turns, choice, fact)
  if (isWorthAsking(choice, fact, 'prompt' in first ? first.prompt : undefined)) {
    const told = await askWindow(handle, choice, apiKey)
    if (told) return sure(fittingFor(task, turns, choice, told))
  }
  return sure(first)
}

/** What fits, or why nothing does. */
function fittingFor(
  task: ClaimedTask,
  turns: Turn[],
  choice: Choice,
  fact: ModelFact | undefined,
): Fitting | FailedCall {
  const fit = asAsked(fitOf(choice, fact), task)
  try {
    return { choice, fit, prompt: buildPrompt(task, turns, fit) }
  } catch (error) {
    if (!(error instanceof TooLong)) throw error
    return new FailedCall(tooLong(choice, error.mostly, error.message), error)
  }
}

/** An answer that is to be short leaves the prompt more room, and costs no more. */
function asAsked(fit: Fit, { chat }: ClaimedTask): Fit {
  return { ...fit, output: Math.min(fit.output, chat?.answer.max_tokens ?? fit.output) }
}

function sure(fitting: Fitting | FailedCall): Fitting {
  if (fitting instanceof FailedCall) throw fitting
  return fitting
}

/** What is asked after a refusal; the refusal itself when there is nothing to leave out. */
async function afterRefusal(
  handle: HeldTask,
  task: ClaimedTask,
  turns: Turn[],
  { choice, fit, prompt }: Fitting,
  refused: Refused,
): Promise<Fitting> {
  const next = smaller(fit, prompt, refused.told)
  await handle.learnModel(modelAt(choice), learntBy(prompt, refused.told, next))
  if (!next) throw refused
  try {
    const rebuilt = buildPrompt(task, turns, next)
    const shorter = rebuilt.tokens.most < prompt.tokens.most
    // a prompt that is too long by itself is not helped by a shorter answer
    const shortens = answerRoom(rebuilt, next) < answerRoom(prompt, fit) && wasTheAnswer(refused.told)
    if (!shorter && !shortens) throw refused
    await handle.note(task.chat ? 'route' : 'notice', retold(choice, refused.told))
    return { choice, fit: next, prompt: rebuilt }
  } catch (error) {
    throw error instanceof TooLong ? refused : error
  }
}

const wasTheAnswer = ({ sent, window, output }: Overflow) =>
  output !== undefined || (sent !== undefined && window !== undefined && sent < window)

function retold({ name, model }: Choice, { sent, window, output }: Overflow): string {
  const who = `${name}/${model}`
  if (output) return `${who} gives answers of at most ${output} tokens and is asked once more for less`
  const counted = sent ? ` counted ${sent} tokens` : ' found the prompt too long'
  const held = window ? ` for its window of ${window}` : ''
  return `${who}${counted}${held} and is asked once more with less`
}

/** Learns from the server's own count of the prompt, and has it said where that shows that it was cut. */
async function counted(handle: HeldTask, { choice, fit, prompt }: Fitting, answer: Answer): Promise<Answer> {
  // its own program adds tools and instructions of its own
  if (choice.backend.kind === 'claude-code') return answer
  const { notice, ...learnt } = countTaught(fit, prompt, answer)
  if (Object.keys(learnt).length > 0) await handle.learnModel(modelAt(choice), learnt)
  return notice ? { ...answer, notices: [...answer.notices, notice] } : answer
}
