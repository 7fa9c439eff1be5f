import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as elapse } from 'node:timers/promises'
import { workerEnvironment } from '../base/environment.ts'
import { epochDate, secondsUntil } from '../base/reset_time.ts'
import { UNCOUNTED } from '../cost/model_call.ts'
import { BrokenCall, isMissingProgram } from './failure.ts'
import { field } from './frames.ts'
import { limitIn } from './refusal.ts'
import type { Reply, Said } from './reply.ts'

/** After its answer it may tidy up. */
const GRACE_MS = 1000
const KILL_AFTER_MS = 2000
/** What it has written before it ended may still be on its way. */
const OUTPUT_MS = 500

export interface ClaudeRun {
  model: string
  /** All that it is told. */
  prompt: string
  /** Holds what is said in place of its own instructions. */
  systemFile?: string
  /** Its key would make a subscription's answer a metered one. */
  metered: boolean
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  /** Called at every byte that it writes. */
  sign: () => void
  reply: Reply
}

/**
 * One answer of Claude Code without its terminal, piece by piece; the rest is in `reply`. No tools, no session. Its
 * `result` line is the end, whatever its process does then; lines that are unknown or none at all are passed over.
 */
export async function* runClaudeCode(run: ClaudeRun): AsyncGenerator<Said> {
  const { signal, reply } = run
  signal.throwIfAborted()
  const child = start(run)
  const ended = endOf(child)
  // it may be gone before it has read; its exit tells why
  child.stdin.on('error', () => {})
  child.stdin.end(run.prompt)
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.sign()
    complaint = (complaint + text).slice(-500)
  })
  const message = new Spoken()
  try {
    for await (const line of linesOf(child, ended, run)) {
      yield* message.read(line, reply)
      if (reply.over) break
    }
    if (!reply.over) message.conclude(reply)
    if (!reply.over) throw unfinished(await ended, message, complaint.trim())
    if (!message.shown && reply.whole) yield { text: reply.whole }
  } finally {
    await end(child, ended, reply.over ? GRACE_MS : 0)
  }
}

function start({ model, metered, env, systemFile }: ClaudeRun): ChildProcessWithoutNullStreams {
  const words = [
    '-p',
    '--output-format',
    'stream-json',
    '--verbose',
    '--include-partial-messages',
    // what it would keep of it, an import of its usage would count a second time
    '--no-session-persistence',
    '--tools',
    '',
    ...(model === 'default' ? [] : ['--model', model]),
    ...(systemFile === undefined ? [] : ['--system-prompt-file', systemFile]),
  ]
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => isItsOwn(name, metered)))
  // a group of its own, to be ended with all that it starts
  return spawn('claude', words, { env: own, cwd: tmpdir(), stdio: ['pipe', 'pipe', 'pipe'], detached: true })
}

/** How a process ended: by a code, by a signal, or by never having begun. */
type End = { code: number | null; signal: NodeJS.Signals | null } | { error: Error }

/** Never rejects: of a program that can't be started only this tells, and its pipes may never end. */
function endOf(child: ChildProcessWithoutNullStreams): Promise<End> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

/** Lines as they come, cut at line feeds only. They end with the process, though others may hold its output open. */
async function* linesOf(
  child: ChildProcessWithoutNullStreams,
  ended: Promise<End>,
  { signal, sign }: ClaudeRun,
): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  const lines: string[] = []
  let rest = ''
  let over = false
  let wake = () => {}
  const stop = () => {
    over = true
    wake()
  }
  const take = (text: string) => {
    const [first = '', ...more] = text.split('\n')
    rest += first
    for (const next of more) {
      lines.push(rest)
      rest = next
    }
    wake()
  }
  child.stdout.on('data', (chunk: Buffer) => {
    sign()
    take(decoder.write(chunk))
  })
  child.once('close', stop)
  ended.then((how) => ('error' in how ? stop() : elapse(OUTPUT_MS).then(stop)))
  signal.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const line = lines.shift()
      if (line !== undefined) yield line
      else if (over) break
      else await new Promise<void>((resolve) => (wake = resolve))
    }
    if (rest !== '') yield rest
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Ends a process and all that it started: after a grace, then harder. */
async function end(
  child: ChildProcessWithoutNullStreams,
  ended: Promise<End>,
  graceMs: number,
): Promise<void> {
  const isOver = async (ms: number) =>
    Promise.race([ended.then(() => true), elapse(ms, false, { ref: false })])
  const over = await isOver(graceMs)
  signalGroup(child, 'SIGTERM')
  if (!over && !(await isOver(KILL_AFTER_MS))) signalGroup(child, 'SIGKILL')
}

function signalGroup({ pid }: ChildProcessWithoutNullStreams, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // nobody of the group is left
  }
}

/** What its lines say. Pieces are for showing: `result`, or else the whole message, is what was said. */
class Spoken {
  shown = false
  /** Lines of its own were read. */
  any = false
  #texts = new Map<string, string[]>()
  #last = ''
  #resetsAt: number | undefined
  /** Why its message stopped, once that came to its end. */
  #stopped: string | undefined
  #usage: unknown;

  /** Gives what there is to show, and notes the rest. */
  *read(text: string, reply: Reply): Generator<Said> {
    const line = parsedLine(text)
    if (!line) return
    this.any = true
    // it tells of its limits while they last, too
    const limit = field(line, 'rate_limit_info')
    const resetsAt = Number(field(limit, 'resetsAt'))
    if (field(limit, 'status') === 'rejected' && resetsAt > 0) this.#resetsAt = resetsAt
    // what somebody else says on its behalf is no answer
    const isOwn = (field(line, 'parent_tool_use_id') ?? null) === null
    if (line.type === 'stream_event' && isOwn) yield* this.#event(line.event)
    else if (line.type === 'assistant' && isOwn) this.#message(line.message, reply)
    else if (line.type === 'result') this.#result(line, reply)
  }

  *#event(event: unknown): Generator<Said> {
    const delta = field(event, 'delta')
    const type = field(event, 'type')
    const text = field(delta, 'text')
    const thought = field(delta, 'thinking')
    if (typeof text === 'string' && text !== '') {
      this.shown = true
      yield { text }
    } else if (typeof thought === 'string' && thought !== '') yield { thought }
    if (type === 'message_start') this.#stopped = undefined
    if (type !== 'message_delta') return
    const reason = field(delta, 'stop_reason')
    if (typeof reason === 'string') this.#stopped = reason
    this.#usage = field(event, 'usage')
  }

  /** A message may come in several lines, a block in each. */
  #message(message: unknown, reply: Reply): void {
    const model = field(message, 'model')
    if (typeof model !== 'string' || model === '<synthetic>') return
    reply.model = model
    const content = field(message, 'content')
    const blocks = Array.isArray(content) ? content : [{ type: 'text', text: content }]
    for (const block of blocks) {
      const text = field(block, 'text')
      if (field(block, 'type') !== 'text' || typeof text !== 'string') continue
      this.#last = String(field(message, 'id'))
      const known = this.#texts.get(this.#last) ?? []
      // a line may come twice
      if (known.at(-1) !== text) this.#texts.set(this.#last, [...known, text])
    }
  }

  #result(line: Line, reply: Reply): void {
    const said = line.result
    const result = typeof said === 'string' ? said : ''
    if (line.is_error === true || (result === '' && String(line.subtype ?? '').startsWith('error'))) {
      const error = refusal(result || wordsIn(line), this.#resetsAt)
      // it tells what was used until then
      countAll(line, reply)
      if (reply.tokens.input !== null && reply.tokens.output !== null) error.tokens = reply.tokens
      throw error
    }
    reply.over = true
    reply.end = typeof line.stop_reason === 'string' ? line.stop_reason : (this.#stopped ?? 'end_turn')
    const message = this.#whole()
    // it gives the last of several blocks only
    reply.whole = result === '' || message.endsWith(result) ? message : result
    countAll(line, reply)
  }

  /** Where it ended after its message and before its result: what was said is whole, its cost isn't told. */
  conclude(reply: Reply): void {
    const message = this.#whole()
    if (this.#stopped === undefined || this.#stopped === 'tool_use' || message === '') return
    reply.over = true
    reply.end = this.#stopped
    reply.whole = message
    count(this.#usage, reply)
  }

  #whole(): string {
    return (this.#texts.get(this.#last) ?? []).join('')
  }
}

type Line = Record<string, unknown>

function parsedLine(text: string): Line | undefined {
  try {
    const line: unknown = JSON.parse(text)
    return typeof line === 'object' && line !== null ? (line as Line) : undefined
  } catch {
    // a remark of somebody's, or an empty line
    return undefined
  }
}

function wordsIn({ errors, subtype }: Line): string {
  const told = Array.isArray(errors) ? errors.filter((one) => typeof one === 'string').join('; ') : ''
  return told || `claude ended with ${String(subtype)}`
}

function countAll(line: Line, reply: Reply): void {
  reply.cost('total_cost_usd', line.total_cost_usd)
  const used =
    typeof line.modelUsage === 'object' && line.modelUsage !== null ? Object.entries(line.modelUsage) : []
  if (line.usage) count(line.usage, reply)
  else if (used.length === 1) count(inSnakeCase(used[0]![1]), reply)
  const [name] = used[0] ?? []
  if (reply.model === undefined && used.length === 1) reply.model = name
}

const inSnakeCase = (usage: unknown) => ({
  input_tokens: field(usage, 'inputTokens'),
  output_tokens: field(usage, 'outputTokens'),
  cache_read_input_tokens: field(usage, 'cacheReadInputTokens'),
  cache_creation_input_tokens: field(usage, 'cacheCreationInputTokens'),
})

function count(usage: unknown, reply: Reply): void {
  const told = (name: string) => reply.count(name, field(usage, name))
  const plain = told('input_tokens')
  const cache_read = told('cache_read_input_tokens')
  const cache_write = told('cache_creation_input_tokens')
  const hour = field(field(usage, 'cache_creation'), 'ephemeral_1h_input_tokens')
  const cache_write_1h = reply.count('ephemeral_1h_input_tokens', hour)
  const input = plain === null ? null : plain + (cache_read ?? 0) + (cache_write ?? 0)
  reply.tokens = { ...UNCOUNTED, input, output: told('output_tokens'), cache_read, cache_write }
  if (cache_write_1h) reply.tokens.cache_write_1h = cache_write_1h
}

/** Why there is no answer: it isn't there, won't run here, or was ended. */
function unfinished(how: End, { any }: Spoken, complaint: string): Error {
  if ('error' in how) {
    // a program that is there and can't be run lacks what runs it
    if (isMissingProgram(how.error) && !workerEnvironment().has('claude')) return how.error
    return new BrokenCall('unusable', `claude can’t be run: ${how.error.message}`, { cause: how.error })
  }
  if (!any && how.code !== 0 && how.code !== null)
    return new BrokenCall(
      'unusable',
      `claude refused to start: ${complaint || `it ended with code ${how.code}`}`,
    )
  const words = complaint || (how.signal ? `ended by ${how.signal}` : `code ${how.code}`)
  return new BrokenCall('cut', `claude ended without an answer (${words})`)
}

/** What an operator sets for it. Of what it tells its own children it would think that it is one of them. */
const SETTINGS =
  /^CLAUDE_CODE_(OAUTH_TOKEN|USE_BEDROCK|USE_VERTEX|USE_FOUNDRY|SKIP_\w+_AUTH|MAX_OUTPUT_TOKENS|API_KEY_HELPER_TTL_MS|CLIENT_(CERT|KEY|KEY_PASSPHRASE))$/

/** By it hai's runner and worker find what was started by a process of theirs that is gone. */
const MARK = 'HAI_STARTED_BY'

/** The job's token and settings are none of its business. */
function isItsOwn(name: string, metered: boolean): boolean {
  if (name === MARK) return true
  if (/^(WM_|HAI_|BASE_(INTERNAL_)?URL$)/.test(name)) return false
  if (
    /^(CLAUDECODE$|CLAUDE_CODE_|CLAUDE_AGENT_|CLAUDE_(EFFORT|ENV_FILE|PROJECT_DIR|PLUGIN_ROOT|SESSION_ID)$)/.test(
      name,
    )
  )
    return SETTINGS.test(name)
  return metered || !/^ANTHROPIC_(API_KEY|AUTH_TOKEN)$/.test(name)
}

/** Claude Code tells its own failures in prose, its limits in many spellings. */
function refusal(said: string, resetsAt: number | undefined): BrokenCall {
  const limit = limitIn(said)
  if (limit || resetsAt !== undefined) {
    const inProse = limit?.seconds === undefined ? undefined : new Date(Date.now() + limit.seconds * 1000)
    const until = resetsAt === undefined ? inProse : epochDate(resetsAt)
    const when = until && secondsUntil(until) !== undefined ? `until ${until.toISOString()}` : 'for now'
    const words = said.trim() ? `: ${said.trim()}` : ''
    return new BrokenCall(
      'quota_exhausted',
      `the subscription's limit is reached ${when}${words}`,
      until ? { until } : {},
    )
  }
  if (/\/login|api key|authenticat|oauth/i.test(said)) return new BrokenCall('login_expired', said)
  return new BrokenCall('backend_error', said)
}
