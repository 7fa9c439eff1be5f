import { HaiError } from '../base/errors.ts'
import { storable } from '../base/text.ts'
import type { Said } from '../task/shape.ts'

/** A message as a chat client sends it; what else is in it is passed over. */
export interface Message {
  role: string
  content?: unknown
  name?: unknown
  refusal?: unknown
  audio?: unknown
  tool_calls?: unknown
  function_call?: unknown
  tool_call_id?: unknown
}

/** A chat's messages as hai keeps them. */
export interface Told {
  instructions: string
  turns: Said[]
  /** What is asked now. */
  content: string
  /** The beginning of the answer, which is to be gone on with. */
  begun?: string
}

/** How to answer; what is meant for the model and was not said by anybody. */
const INSTRUCTING = ['system', 'developer']

/**
 * What a chat asks now, and what came before: instructions in one text, everything else as turns. What hai can't read of
 * the past becomes words; only what is asked now is refused for it. `invalid`.
 */
export function told(messages: readonly Message[]): Told {
  const at = askedIn(messages)
  const calls = new Map(messages.flatMap(callsOf).map(({ id, name }) => [id, name]))
  const wordsAt = (index: number) => wordsOf(messages[index]!, calls)
  const isInstruction = ({ role }: Message, index: number) => index !== at && INSTRUCTING.includes(role)
  const others = messages
    .map((message, index) => ({ ...message, index }))
    .filter((message, index) => !isInstruction(message, index))
  const turns = others
    .filter(({ index }) => index < at)
    .map(({ role, index }) => ({ role: roleOf(role), content: storable(wordsAt(index)) }))
  const begun = joined(others.filter(({ index }) => index > at).map(({ content }) => textOf(content)))
  const instructions = messages.flatMap((message, index) =>
    isInstruction(message, index) ? [textOf(message.content)] : [],
  )
  return {
    instructions: storable(instructions.filter(isSaid).join('\n\n')),
    turns: turns.filter(({ content }) => isSaid(content)),
    content: storable(askedNow(messages[at]!, at, calls)),
    ...(isSaid(begun) ? { begun: storable(begun) } : {}),
  }
}

const isSaid = (text: string) => text.trim() !== ''

const roleOf = (role: string): Said['role'] => (role === 'assistant' ? 'assistant' : 'user')

/** The last message that is no instruction and no answer; of instructions alone the last. */
function askedIn(messages: readonly Message[]): number {
  const asks = ({ role }: Message) => role !== 'assistant' && !INSTRUCTING.includes(role)
  const at = messages.findLastIndex(asks)
  if (at >= 0) return at
  const instruction = messages.findLastIndex(({ role }) => INSTRUCTING.includes(role))
  if (instruction >= 0) return instruction
  throw refused('messages', 'expected a message of the user')
}

/** What is asked now: of the user as it was said, else in words that are nobody's command. */
function askedNow(message: Message, at: number, calls: Map<string, string>): string {
  const { role, content } = message
  if (role !== 'user' && !INSTRUCTING.includes(role)) return answered(message, calls)
  const field = `messages.${at}.content`
  if (typeof content !== 'string' && !Array.isArray(content))
    throw refused(field, 'expected text, or a list of parts with text')
  const unread = Array.isArray(content) ? content.map(unreadable).find(Boolean) : undefined
  if (unread)
    throw refused(
      field,
      `${unread} can’t be read here yet: ask again without it, or put into words what is in it`,
    )
  const text = textOf(content)
  if (!isSaid(text)) throw refused(field, 'expected some text, got none')
  if (text.includes('\0')) throw refused(field, 'a NUL character is in it, which no text can have; remove it')
  return text
}

/**
 * What a tool, or whoever else spoke, said last. Two lines: a command is one line, so that nothing which a tool has read
 * somewhere is done as if the user had asked for it.
 */
function answered(message: Message, calls: Map<string, string>): string {
  const said = textOf(message.content)
  return `[${sourceOf(message, calls)}]\n${isSaid(said) ? said : '(nothing)'}`
}

function sourceOf({ role, name, tool_call_id }: Message, calls: Map<string, string>): string {
  if (role !== 'tool' && role !== 'function') return `message of the role ${slug(role) || 'unknown'}`
  const called = slug(calls.get(String(tool_call_id))) || slug(name)
  return called ? `result of the tool ${called}` : 'result of a tool'
}

/** Everything that one message of the past has, in words. */
function wordsOf(message: Message, calls: Map<string, string>): string {
  const { role, content, refusal, audio } = message
  if (role !== 'user' && role !== 'assistant') {
    const said = textOf(content)
    return `[${sourceOf(message, calls)}: ${isSaid(said) ? said : 'nothing'}]`
  }
  const asked = callsOf(message).map(({ name }) =>
    name ? `[asked for the tool ${name}]` : '[asked for a tool]',
  )
  return joined([
    textOf(content),
    typeof refusal === 'string' ? refusal : '',
    audio === undefined || audio === null ? '' : soundOf(audio),
    ...asked,
  ])
}

const soundOf = (audio: unknown) => {
  const transcript = fieldOf(audio, 'transcript')
  return typeof transcript === 'string' && isSaid(transcript) ? transcript : '[sound]'
}

function callsOf({ tool_calls, function_call }: Message): { id: string; name: string }[] {
  const calls = Array.isArray(tool_calls) ? tool_calls : []
  const named = calls.map((call) => ({
    id: String(fieldOf(call, 'id')),
    name: slug(fieldOf(fieldOf(call, 'function') ?? fieldOf(call, 'custom') ?? call, 'name')),
  }))
  if (!isRecord(function_call)) return named
  return [...named, { id: '', name: slug(function_call.name) }]
}

/** A message's content as text: a text, a list of parts, or nothing. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (Array.isArray(content)) return joined(content.map(partOf))
  return isRecord(content) ? partOf(content) : ''
}

const TEXT = new Set(['text', 'input_text', 'output_text'])
const KINDS: Record<string, [short: string, long: string]> = {
  image: ['image', 'an image'],
  image_url: ['image', 'an image'],
  input_image: ['image', 'an image'],
  audio: ['sound', 'sound'],
  input_audio: ['sound', 'sound'],
  audio_url: ['sound', 'sound'],
  video: ['video', 'a video'],
  video_url: ['video', 'a video'],
  input_video: ['video', 'a video'],
  file: ['file', 'a file'],
  input_file: ['file', 'a file'],
  document: ['file', 'a file'],
}

function partOf(part: unknown): string {
  if (typeof part === 'string') return part
  if (!isRecord(part)) return ''
  const { type, text, refusal } = part
  if (type === 'refusal') return typeof refusal === 'string' ? refusal : ''
  if (typeof text === 'string' && (type === undefined || TEXT.has(String(type)))) return text
  const [kind] = kindOf(type) ?? []
  if (kind !== 'file') return `[${kind ?? (slug(type) || 'something')}]`
  const name = nameOf(part)
  return name ? `[file ${name}]` : '[file]'
}

/** What of a part of what is asked now nobody here can read; undefined where it is text. */
function unreadable(part: unknown): string | undefined {
  if (typeof part === 'string') return undefined
  const { type, text, refusal } = isRecord(part) ? part : {}
  const isText = type === undefined || TEXT.has(String(type))
  if (isText && typeof text === 'string') return undefined
  if (type === 'refusal' && typeof refusal === 'string') return undefined
  if (isText) return 'a part without text'
  return kindOf(type)?.[1] ?? 'a part that is no text'
}

const kindOf = (type: unknown) =>
  typeof type === 'string' && Object.hasOwn(KINDS, type) ? KINDS[type] : undefined

function nameOf(part: Record<string, unknown>): string {
  const names = [fieldOf(part.file, 'filename'), part.filename, part.title, part.name]
  const name = names.find((one) => typeof one === 'string' && isSaid(one))
  return typeof name === 'string'
    ? name
        .replace(/[[\]\p{C}\s]+/gu, ' ')
        .trim()
        .slice(0, 100)
    : ''
}

/** Parts are parts: a line apart, and two where neither ends its line. */
function joined(texts: readonly string[]): string {
  let all = ''
  for (const text of texts.filter((one) => one !== '')) {
    const apart = all === '' || /[\r\n]$/.test(all) || /^[\r\n]/.test(text)
    all += apart ? text : `\n\n${text}`
  }
  return all
}

/** A name as it may stand within words of our own. */
const slug = (name: unknown) => (typeof name === 'string' ? name.replace(/[^\w.-]+/g, '_').slice(0, 64) : '')

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const fieldOf = (value: unknown, name: string): unknown =>
  isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined

/** A refusal that names the field and shows nothing of what was sent. */
export const refused = (param: string, why: string): HaiError =>
  new HaiError('invalid', `${param}: ${why}`, { details: { param } })
