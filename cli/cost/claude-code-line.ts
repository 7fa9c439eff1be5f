/** Tokens of one call, as the ledger counts them: `input` includes what the cache gave and took. */
export interface ClaudeCall {
  /** The same for every copy of the call, in whatever file it stands. */
  call_id: string
  at: string
  model: string
  input: number
  output: number
  cache_read: number
  cache_write: number
  /** Claude Code wrote its last count down; without it, `output` is at least this much. */
  complete: boolean
}

/** `none`: it tells of no call. `odd`: it seems to, in a way that is not known here. */
export type Line = ClaudeCall | 'none' | 'odd'

interface Record {
  type?: unknown
  timestamp?: unknown
  requestId?: unknown
  message?: {
    id?: unknown
    model?: unknown
    stop_reason?: unknown
    usage?: { [kind: string]: unknown }
  }
}

/** Claude Code's own name for what it says itself when a call failed: no model was asked. */
const NO_MODEL = '<synthetic>'
const MODEL = /^[\w.:/@-]{1,200}$/
const ID = /^[\w.:-]{1,100}$/
/** The ledger's largest. */
const MOST = 2_147_483_647

/** What one line of a session file tells of a call. Only lines of an assistant's message do. */
export function readLine(text: string): Line {
  if (text.trim() === '') return 'none'
  // a tool's result may be megabytes: what can't be a call is not parsed
  if (text.startsWith('{') && text.trimEnd().endsWith('}') && !text.includes('"assistant"')) return 'none'
  const record = parsed(text)
  if (!record) return 'odd'
  if (record.type !== 'assistant') return 'none'
  if (record.message?.model === NO_MODEL) return 'none'
  return callOf(record) ?? 'odd'
}

function parsed(text: string): Record | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function callOf({ timestamp, requestId, message }: Record): ClaudeCall | undefined {
  const { id, model, usage, stop_reason } = message ?? {}
  const at = typeof timestamp === 'string' ? new Date(timestamp) : undefined
  const plain = count(usage?.input_tokens)
  const output = count(usage?.output_tokens)
  const read = count(usage?.cache_read_input_tokens ?? 0)
  const write = count(usage?.cache_creation_input_tokens ?? 0)
  if (!matches(ID, id) || !matches(MODEL, model) || !at || Number.isNaN(at.getTime())) return undefined
  if (plain === undefined || output === undefined || read === undefined || write === undefined)
    return undefined
  const input = plain + read + write
  if (input > MOST) return undefined
  // a gateway in between may give no request id
  if (requestId !== undefined && requestId !== null && !matches(ID, requestId)) return undefined
  return {
    call_id: `claude-code:${id}${requestId ? `:${requestId}` : ''}`,
    at: at.toISOString(),
    model,
    input,
    output,
    cache_read: read,
    cache_write: write,
    complete: typeof stop_reason === 'string',
  }
}

const matches = (pattern: RegExp, value: unknown): value is string =>
  typeof value === 'string' && pattern.test(value)

function count(value: unknown): number | undefined {
  const inRange = Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MOST
  return inRange ? Number(value) : undefined
}
