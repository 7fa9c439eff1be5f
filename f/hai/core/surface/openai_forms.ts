import type { Told } from './openai_messages.ts'

/** How Open WebUI begins what it asks for itself, and also what it puts around a question that has files. */
const TASK = '### Task:'
const HISTORY = '<chat_history>'
const DOCUMENTS = '<context>'
const DOCUMENTS_END = '</context>'
const QUERY = '<user_query>'
const QUERY_END = '</user_query>'

/** An answer that is to be JSON: said, or shown as a template. */
const WANTS_JSON = /\bJSON\b|\{\s*"\w+"\s*:/

/** Other calls of clients for themselves, by how their own templates begin. */
const OTHERS = [
  // Open WebUI: a face for what was said
  /^Your task is to reflect the speaker's likely facial expression\b/,
  // LibreChat: a title
  /^Provide a concise, 5-word-or-less title for the conversation\b/,
  /^Analyze this conversation and provide:\s*1\. The detected language\b/,
]
/** Open WebUI: which of its tools to call, where it asks that in words. */
const CHOOSES_TOOLS = /^Available Tools: .*"tool_calls"/s

/**
 * Whether a client asks this for itself: a title, tags, what may be asked next, what to search for. Told by its form, as
 * nothing else marks it: one message, no stream, a template of the client's own.
 */
export function isErrand({ instructions, turns, content, begun }: Told, stream: boolean): boolean {
  if (stream || turns.length > 0 || begun !== undefined) return false
  const asked = content.trimStart()
  if (OTHERS.some((form) => form.test(asked)) || CHOOSES_TOOLS.test(instructions)) return true
  if (!asked.startsWith(TASK)) return false
  const [task = ''] = asked.split(HISTORY, 1)
  return !task.includes(DOCUMENTS) && WANTS_JSON.test(task)
}

/**
 * A question that Open WebUI has put behind the text of its files: the question as what is asked, and the rest as
 * instructions, which change how it is answered and not whether a model is needed. Looked for behind the last of the
 * files, so that none of them can ask anything.
 */
export function unwrapped(said: Told): Told {
  const { content, instructions } = said
  const end = content.lastIndexOf(DOCUMENTS_END)
  if (!content.trimStart().startsWith(TASK) || end < 0 || !content.slice(0, end).includes(DOCUMENTS))
    return said
  const files = content.slice(0, end + DOCUMENTS_END.length)
  const question = questionIn(content.slice(files.length))
  if (question === '') return said
  return {
    ...said,
    content: question,
    instructions: instructions === '' ? files : `${instructions}\n\n${files}`,
  }
}

/** How Open WebUI says which files of its own lie beside a message: names and numbers for its own tools. */
const ATTACHED = /^\s*<attached_files>\n(?:<[^\n]*>\n)+<\/attached_files>\s*/

/** A chat whose messages say what was said, and its instructions which files lie beside what is asked now. */
export function withoutFiles({ turns, ...said }: Told): Told {
  const [files] = ATTACHED.exec(said.content) ?? []
  const plain = turns.map(({ role, content }) => ({
    role,
    content: content.replace(ATTACHED, '') || content,
  }))
  const content = said.content.replace(ATTACHED, '')
  if (files === undefined || content === '') return { ...said, turns: plain }
  const instructions = [said.instructions, files.trim()].filter(Boolean).join('\n\n')
  return { ...said, turns: plain, content, instructions }
}

/** Older templates have the question in marks of its own, and some versions once more behind them. */
function questionIn(rest: string): string {
  const from = rest.indexOf(QUERY)
  const to = rest.lastIndexOf(QUERY_END)
  if (from < 0 || to < from) return rest.trim()
  const beside = `${rest.slice(0, from)}${rest.slice(to + QUERY_END.length)}`.trim()
  return beside || rest.slice(from + QUERY.length, to).trim()
}
