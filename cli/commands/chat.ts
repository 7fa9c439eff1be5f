import type { Command } from 'commander'
import { count } from '../../f/hai/core/base/words.ts'
import type { Accepted, TaskList, TaskSummary } from '../../f/hai/core/task/shape.ts'
import { conversationOf } from '../answer/conversation.ts'
import { put } from '../answer/submit.ts'
import { waitFor } from '../answer/wait.ts'
import { examples, lengthOfTime, loudnessOptions, MODEL_OPTION, readingStdin } from '../command.ts'
import { EXIT, Failure, isInterruption } from '../failure.ts'
import type { Session } from '../session.ts'
import { relative, shortId } from '../show/words.ts'

interface ChatOptions {
  agent?: string
  model?: string
  quiet?: boolean
  verbose?: boolean
  /** Seconds. */
  timeout?: number
}

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
  examples(chat, 'hai chat', "hai chat '#rack-move'")
}

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
      session.note(COMMANDS)
    }
    const { messages } = await import('../answer/chat.ts')
    for await (const message of messages(session)) {
      if (message === '/exit') break
      if (message !== '') await this.#hear(message)
    }
    return this.#attended ? EXIT.done : this.#exit
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
      const name = conversation.startsWith('#') ? last.conversation_id : shortId(last.conversation_id)
      const turns = count(total, 'turn')
      session.note(
        `${name}: ${turns}, the last ${relative(last.created_at)}: “${last.excerpt}” (${last.state})`,
      )
    } else if (conversation.startsWith('#')) {
      session.note(`${conversation} is new`)
      this.#saidNew = true
    } else {
      throw new Failure('notFound', `there is no conversation and no task ${conversation}`, {
        next: `a name begins one: hai chat '#rack-move'`,
      })
    }
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
      await waitFor(this.#session, id, { ...this.#options, accepted })
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
