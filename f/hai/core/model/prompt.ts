import type { ClaimedTask } from '../contract.ts'
import type { Turn } from '../handle.ts'
import type { Message } from './config.ts'

const SYSTEM =
  'You are hai, the assistant of the operator of a homelab. Answer first, briefly and plainly; explain after. ' +
  'Say so when you do not know. You have no tools and cannot look anything up or change anything.'

/** A rough count, as no two models agree: four characters to a token. */
const CHARS_PER_TOKEN = 4
/** For a model whose window nobody has named, in tokens: what Ollama gives a model unless it is told otherwise. */
const SMALL_WINDOW = 4096
/** Kept free for the answer. */
const ANSWER_SHARE = 0.25

export interface Prompt {
  messages: Message[]
  /** What didn't fit, in sentences for the person. */
  notices: string[]
}

type Asked = Pick<ClaimedTask, 'content' | 'context'>

/** The conversation so far, what is attached, and the question; what doesn't fit is left out, oldest first, and said. */
export function buildPrompt(task: Asked, turns: Turn[], window = SMALL_WINDOW): Prompt {
  const budget =
    Math.floor(window * (1 - ANSWER_SHARE)) * CHARS_PER_TOKEN - SYSTEM.length - task.content.length
  const attached = attach(task.context, Math.max(0, budget))
  const kept = newest(turns, budget - attached.text.length)
  const left = turns.length - kept.length
  const notices = [...attached.notices]
  if (left > 0)
    notices.push(
      `${left} of ${turns.length} earlier turns are too old for the model's window and were left out`,
    )
  return {
    messages: [
      { role: 'system', content: SYSTEM },
      ...kept.flatMap(({ content, output }): Message[] => [
        { role: 'user', content: [{ type: 'text', text: content }] },
        { role: 'assistant', content: [{ type: 'text', text: output }] },
      ]),
      { role: 'user', content: [{ type: 'text', text: attached.text + task.content }] },
    ],
    notices,
  }
}

function newest(turns: Turn[], budget: number): Turn[] {
  let room = budget
  const from = turns.findLastIndex(({ content, output }) => {
    room -= content.length + output.length
    return room < 0
  })
  return turns.slice(from + 1)
}

/** Each part under its name; parts share what room there is, and a part that is cut says so to the model as well. */
function attach(context: ClaimedTask['context'], budget: number): { text: string; notices: string[] } {
  const notices: string[] = []
  let room = budget
  const parts = context.map(({ name, text }, index) => {
    const share = Math.floor(room / (context.length - index))
    const shown = text.length <= share ? text : wholeCharacters(text.slice(0, share))
    room -= shown.length
    if (shown.length === text.length)
      return `<attached name=${JSON.stringify(name)}>\n${text}\n</attached>\n\n`
    const notice = `${name}: only the first ${shown.length} of ${text.length} characters fit the model's window`
    notices.push(notice)
    return `<attached name=${JSON.stringify(name)}>\n${shown}\n[cut: ${notice}]\n</attached>\n\n`
  })
  return { text: parts.join(''), notices }
}

/** Without the first half of a character that was cut in two, which no JSON parser need take. */
const wholeCharacters = (text: string) => text.replace(/[\ud800-\udbff]$/, '')
