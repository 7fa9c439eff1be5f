import { type Command, Option } from 'commander'
import type { ModelList } from '../../f/hai/core/model/shape.ts'
import type { IfBusy } from '../../f/hai/core/task/envelope.ts'
import { type Accepted, CONTENT_BYTES, type TaskResult } from '../../f/hai/core/task/shape.ts'
import { timeZone } from '../call/time-zone.ts'
import { newKey } from '../call/webhook.ts'
import {
  collect,
  given,
  JSON_OPTION,
  lengthOfTime,
  MODEL_OPTION,
  priorityOption,
  readingStdin,
} from '../command.ts'
import { Failure, outcomeOf } from '../failure.ts'
import type { Session } from '../session.ts'
import { tellSettings } from '../settings/notes.ts'
import { shortId } from '../show/words.ts'
import { isDash, STDIN_OPTION, wordsOf } from '../stdin.ts'
import { attachments } from './attach.ts'

/** Whoever is asked for by name answers; this one does so with a model. */
const MODEL_AGENT = 'general'

/** What can be said about a task when it is put down. */
export interface SubmitOptions {
  file?: string[]
  /** False by `-n`. */
  stdin?: boolean
  agent?: string
  model?: string
  /** False by `--no-builtin`. */
  builtin?: boolean
  ifBusy?: IfBusy
  priority?: string
  /** Seconds. */
  ttl?: number
  json?: boolean
}

/** Adds the text argument and the options of everything that puts a task into the inbox. */
export function taskOptions(command: Command): Command {
  return readingStdin(command)
    .argument('<text...>', 'what you want; - reads it from stdin')
    .option('-f, --file <path>', 'attach a text file; may be repeated; - is stdin', collect)
    .option(...STDIN_OPTION)
    .option('--agent <name>', 'who should do it')
    .option(...MODEL_OPTION)
    .addOption(new Option('--no-builtin', 'skip the built-in answers: a model answers').conflicts('agent'))
    .addOption(ifBusyOption())
    .addOption(priorityOption())
    .option('--ttl <time>', 'expire the task when it is not done by then (90s, 5m, 2h)', lengthOfTime)
    .option(...JSON_OPTION)
}

function ifBusyOption(): Option {
  const what = 'when another task of the conversation is not done: wait, give up, or cancel it'
  const ways: IfBusy[] = ['queue', 'reject', 'interrupt']
  return new Option('--if-busy <how>', what).choices(ways)
}

/** Puts a task into the inbox, with what is piped in and what `-f` names attached. It becomes `@`. */
export async function submit(
  session: Session,
  words: string[],
  options: SubmitOptions,
  conversation?: string,
): Promise<Accepted> {
  const content = (await wordsOf(session.io, words, options.stdin)).trim()
  if (content === '') throw new Failure('usage', 'there is no text; say what you want')
  const stdin = isDash(words) ? 'question' : options.stdin === false ? 'left' : 'open'
  const context = await attachments(session.io, options.file ?? [], stdin)
  return put(session, {
    content,
    context: context.length > 0 ? context : undefined,
    conversation_id: conversation,
    target_agent: options.builtin === false ? MODEL_AGENT : options.agent,
    model: options.model,
    if_busy: options.ifBusy,
    priority: options.priority,
    ttl_seconds: options.ttl === undefined ? undefined : Math.ceil(options.ttl),
  })
}

/**
 * Puts these fields of an envelope into the inbox, once however often the connection breaks. The task becomes `@`. That its
 * conversation is new is said, unless the caller `saidNew`.
 */
export async function put(
  session: Session,
  fields: { content: string; [field: string]: unknown },
  saidNew = false,
): Promise<Accepted> {
  refuseTooLong(fields.content)
  const envelope = { ...given(fields), source: 'cli', idempotency_key: newKey() }
  const webhook = await session.webhook()
  session.waitsFor({ label: 'handing it over', since: Date.now() })
  const time_zone = timeZone(session.io.env)
  const send = (body: object) => webhook.call<Accepted>('inbox', { body })
  const handed = send(given({ ...envelope, time_zone })).catch((error) => {
    // a server of the release before knows no zones
    if (error instanceof Failure && /unknown field time_zone\b/.test(error.message)) return send(envelope)
    throw error
  })
  const accepted = await unlessInterrupted(session, handed)
  await session.saw('inbox', { body: envelope }, accepted)
  await session.touch({ id: accepted.task_id, conversation_id: accepted.conversation_id })
  if (accepted.begins_conversation && !saidNew) session.note(`${accepted.conversation_id} is new`)
  await tellSettings(session, accepted)
  return accepted
}

/** Whoever leaves while it is handed over is told that this may have been too late. */
async function unlessInterrupted<T>(session: Session, handed: Promise<T>): Promise<T> {
  let off = () => {}
  const left = new Promise<never>((_, reject) => {
    off = session.io.onInterrupt((signal) => {
      const message = 'interrupted while it was handed over; whether it was accepted is not known'
      reject(new Failure(outcomeOf(signal), message, { next: 'hai task ls' }))
    })
  })
  return Promise.race([handed, left]).finally(() => {
    off()
    session.waited()
  })
}

/** Told here, where the way out is known; the server would refuse it as well. */
function refuseTooLong(content: string): void {
  const bytes = Buffer.byteLength(content)
  if (bytes <= CONTENT_BYTES) return
  const size = (count: number) => `${Math.ceil(count / 1024)} KiB`
  throw new Failure(
    'usage',
    `the text is ${size(bytes)}, and a question is at most ${size(CONTENT_BYTES)}; nothing was sent`,
    { next: 'put the long part into a file, which is attached: hai ask "what is wrong here?" -f FILE' },
  )
}

/**
 * Says that a task was put down, for those who don't wait: its id on stdout, the way to follow it on stderr, and what is
 * known to keep it from being answered, which those who wait are told meanwhile.
 */
export async function printAccepted(
  session: Session,
  accepted: Accepted,
  options: { json?: boolean; quiet?: boolean; agent?: string },
): Promise<undefined> {
  if (options.json) session.printJson(accepted)
  else session.print(accepted.task_id)
  // whom an agent of the operator's asks is not known here
  if (!options.agent) await tellTrouble(session, accepted.task_id)
  if (!options.quiet)
    session.note(`${accepted.status}; hai task tail ${shortId(accepted.task_id)} follows it`)
}

async function tellTrouble(session: Session, id: string): Promise<void> {
  try {
    const trouble = troubleIn(await session.call<ModelList>('model/list', {}))
    if (trouble === undefined) return
    const { state } = await session.call<TaskResult>('task/result', { id })
    // what hai answers itself needs no model
    if (state === 'pending' || state === 'running') session.warn(trouble)
  } catch (error) {
    // the task is accepted; a token that may do no more than that is told no more
    if (!(error instanceof Failure)) throw error
    if (error.code !== 'forbidden') session.note(`(what can answer it is not known: ${error.message})`)
  }
}

/** What keeps the model that answers by default from doing so, or that there is none. */
function troubleIn(list: ModelList): string | undefined {
  const { default: name, models, unusable, reason, problems = [] } = list
  if (name === null) return problems[0] ?? 'no model is there to answer it; hai model ls shows what could'
  if (unusable) return `nothing can answer it now: ${reason ?? `${name} does not answer`}`
  const row = models.find(({ backend, model }) => `${backend}/${model}` === name)
  const known = problems.find((problem) => problem.startsWith(`${row?.backend} `))
  return known ?? (row?.trouble && `${name} can't answer now: ${row.trouble.text}`)
}
