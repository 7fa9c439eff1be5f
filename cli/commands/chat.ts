import type { Command } from 'commander'
import { count } from '../../f/hai/core/base/words.ts'
import type { Accepted, TaskList, TaskResult, TaskSummary } from '../../f/hai/core/task/shape.ts'
import { conversationOf } from '../answer/conversation.ts'
import { put } from '../answer/submit.ts'
import { waitFor } from '../answer/wait.ts'
import { examples, lengthOfTime, loudnessOptions, MODEL_OPTION, readingStdin } from '../command.ts'
import { EXIT, Failure, isInterruption } from '../failure.ts'
import type { Session } from '../session.ts'
import { prepareMarkdown, rendered } from '../show/markdown.ts'
import { relative, shortId } from '../show/words.ts'
import { addConversations } from './conversations.ts'

interface ChatOptions {
  agent?: string
  model?: string
  quiet?: boolean
  verbose?: boolean
  /** Seconds. */
  timeout?: number
}

const OPENING = 'Ctrl-C stops an answer, Ctrl-D ends; /help says more'
const COMMANDS =
  '/new begins another conversation, Ctrl-C stops an answer, /exit or Ctrl-D ends; \\ at the end of a line goes on'

/** `hai chat`: a conversation, one message after the other. */
export function addChat(program: Command, session: Session): void {
  const chat = loudnessOptions(readingStdin(program.command('chat')))
    .description('talk, message by message; lines of a pipe are messages too')
    .argument('[conversation]', "go on with this one: '#name' (in quotes), an id, or @ for the last one")
    .option('--agent <name>', 'who should answer')
    .option(...MODEL_OPTION)
    .option('--timeout <time>', 'give up waiting for an answer after so long (30, 5m)', lengthOfTime)
    .action(
      session.run((name: string | undefined, options: ChatOptions) => new Chat(session, options).hold(name)),
    )
  addConversations(chat, session)
  examples(chat, 'hai chat', "hai chat '#rack-move'", 'hai chat ls')
}

/** Of the last answer so much is shown when its conversation is opened again. */
const END_LINES = 8

class Chat {
  #session: Session
  #options: ChatOptions
  #conversation: string | undefined
  #attended = false
  #saidNew = false
  /** Of the first answer that failed, for the script that piped its questions in. */
  #exit = 0

  constructor(session: Session, options: ChatOptions) {
    this.#session = session
    this.#options = options
  }

  async hold(name: string | undefined): Promise<number> {
    const session = this.#session
    this.#attended = await session.onTerminal()
    if (name !== undefined) this.#conversation = await conversationOf(session, name)
    if (this.#attended) {
      if (this.#conversation !== undefined) await this.#open(this.#conversation)
      session.note(OPENING)
    }
    const { messages } = await import('../answer/chat.ts')
    for await (const message of messages(session)) {
      if (message === '/exit') break
      if (message !== '') await this.#hear(message)
    }
    if (!this.#attended) return this.#exit
    if (this.#conversation !== undefined) session.note(`to go on: hai chat ${wordFor(this.#conversation)}`)
    return EXIT.done
  }

  /** Says where one is: what was said last in the conversation, or that it is new. */
  async #open(conversation: string): Promise<void> {
    const session = this.#session
    const { tasks, total } = await session.call<TaskList>('task/list', {
      conversation_id: conversation,
      limit: 1,
    })
    const [last] = tasks
    if (last) {
      this.#conversation = last.conversation_id
      await this.#showEnd(last, total)
    } else if (conversation.startsWith('#')) {
      session.note(`${conversation} is new`)
      this.#saidNew = true
    } else {
      throw new Failure('notFound', `there is no conversation and no task ${conversation}`, {
        next: `a name begins one: hai chat '#rack-move'`,
      })
    }
  }

  /** Where it stopped: the last question, and how its answer ends. */
  async #showEnd(last: TaskSummary, total: number): Promise<void> {
    const session = this.#session
    const { output } = await session.call<TaskResult>('task/result', { id: last.id })
    const { stderr } = session.io
    const turns = count(total, 'turn')
    session.note(`${nameOf(last.conversation_id)}: ${turns}, the last ${relative(last.created_at)}`)
    session.note(`› ${last.excerpt}`)
    if (output === undefined) {
      session.note(endOf(last))
      return
    }
    await prepareMarkdown(session)
    const lines = rendered(session, output).trimEnd().split('\n')
    const left = lines.length - END_LINES
    if (left > 1) session.note(`… ${left} lines before this: hai task result ${shortId(last.id)}`)
    for (const line of left > 1 ? lines.slice(left) : lines) stderr.write(`${line}\n`)
  }

  async #hear(message: string): Promise<void> {
    if (message === '/new') {
      this.#conversation = undefined
      this.#session.note('a new conversation')
    } else if (/^\/[a-z]+$/.test(message)) {
      this.#session.note(message === '/help' ? COMMANDS : `${message} is no command here; ${COMMANDS}`)
    } else await this.#answer(message)
  }

  async #answer(content: string): Promise<void> {
    const session = this.#session
    try {
      const fields = {
        content,
        conversation_id: this.#conversation,
        target_agent: this.#options.agent,
        model: this.#options.model,
      }
      const accepted = await put(session, fields, this.#saidNew)
      this.#saidNew = false
      this.#conversation = accepted.conversation_id
      await this.#wait(accepted)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      // A script's next question would meet the same; a person may mend it and go on.
      const useless = error.exit === EXIT.unreachable || error.exit === EXIT.denied
      // Ctrl-C is said to an answer, any other signal to the chat
      const over = isInterruption(error.exit) && error.exit !== EXIT.interrupted
      if (over || (!this.#attended && (useless || isInterruption(error.exit)))) throw error
      const exit = session.report(error)
      this.#exit ||= exit
    }
  }

  /** For a person Ctrl-C stops the answer; for a script, which goes on with nothing else, only the waiting. */
  async #wait(accepted: Accepted): Promise<void> {
    const id = accepted.task_id
    try {
      const exit = await waitFor(this.#session, id, { ...this.#options, accepted })
      this.#exit ||= exit ?? 0
    } catch (error) {
      if (!(error instanceof Failure && error.exit === EXIT.interrupted && this.#attended)) throw error
      await this.#stop(id)
    }
  }

  async #stop(id: string): Promise<void> {
    const session = this.#session
    try {
      await session.call<TaskSummary>('task/cancel', { id, reason: 'interrupted in the chat' })
      session.note(`task ${shortId(id)} was stopped`)
    } catch (error) {
      if (!(error instanceof Failure && error.exit === EXIT.conflict)) throw error
      session.note(`task ${shortId(id)} had ended already: hai task result ${shortId(id)}`)
    }
  }
}

/** A conversation as people see it: a name of the operator's own, or the end of its id. */
const nameOf = (conversation: string): string =>
  conversation.startsWith('#') ? conversation : shortId(conversation)

/** The same as a word of a command line. */
function wordFor(conversation: string): string {
  const name = nameOf(conversation)
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`
}

function endOf({ id, state }: TaskSummary): string {
  const name = shortId(id)
  if (state === 'done') return `its answer is data: hai task result ${name}`
  if (state === 'pending' || state === 'running') return `its answer is still to come: hai task tail ${name}`
  return `no answer came, it is ${state.replaceAll('_', ' ')}: hai task show ${name}`
}
