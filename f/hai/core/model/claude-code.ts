import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import type { LanguageModelV3StreamPart } from '@ai-sdk/provider'
import type { Message } from './config.ts'
import { BrokenCall } from './failure.ts'

const KILL_AFTER_MS = 2000

/** A line of `--output-format stream-json`, as far as it is read here. */
interface Line {
  type?: string
  event?: { type?: string; delta?: { type?: string; text?: string } }
  rate_limit_info?: { status?: string; resetsAt?: number }
  is_error?: boolean
  result?: string
  stop_reason?: string
  total_cost_usd?: number
  usage?: {
    input_tokens?: number
    output_tokens?: number
    cache_read_input_tokens?: number
    cache_creation_input_tokens?: number
  }
}

export interface ClaudeRun {
  model: string
  messages: Message[]
  /** Its key would make a subscription's answer a metered one. */
  metered: boolean
  env: NodeJS.ProcessEnv
  signal: AbortSignal
}

/** One answer of Claude Code without its terminal, as the parts that the SDK's providers give. No tools, no session. */
export async function* runClaudeCode(run: ClaudeRun): AsyncGenerator<LanguageModelV3StreamPart> {
  const env = Object.fromEntries(Object.entries(run.env).filter(([name]) => isItsOwn(name, run.metered)))
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
  ]
  const model = run.model === 'default' ? [] : ['--model', run.model]
  const child = spawn('claude', [...words, ...model], { env, cwd: tmpdir(), stdio: ['pipe', 'pipe', 'pipe'] })
  const stop = () => {
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref()
  }
  run.signal.addEventListener('abort', stop, { once: true })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-500)
  })
  // it may be gone before it has read; its exit tells why
  child.stdin.on('error', () => {})
  child.stdin.end(promptOf(run.messages))
  const exited = once(child, 'close')
  exited.catch(() => {})
  let ended = false
  let resetsAt: number | undefined
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = read(text)
      // it tells of its limits while they last, too
      if (line.rate_limit_info?.status === 'rejected') resetsAt = line.rate_limit_info.resetsAt
      const piece = line.type === 'stream_event' && line.event?.delta?.text
      // a thought is no text, but it is a sign of life
      yield piece ? { type: 'text-delta', id: '0', delta: piece } : { type: 'raw', rawValue: line.type }
      if (line.type !== 'result') continue
      if (line.is_error) throw refusal(line.result ?? '', resetsAt)
      ended = true
      yield finishOf(line)
    }
    await exited
    run.signal.throwIfAborted()
    if (!ended) throw new BrokenCall('cut', `claude ended without an answer ${complaint.trim()}`.trim())
  } finally {
    run.signal.removeEventListener('abort', stop)
    if (child.exitCode === null) stop()
  }
}

/** The job's token and settings are none of its business. */
function isItsOwn(name: string, metered: boolean): boolean {
  return (
    !/^(WM_|HAI_|BASE_(INTERNAL_)?URL$)/.test(name) &&
    (metered || !/^ANTHROPIC_(API_KEY|AUTH_TOKEN)$/.test(name))
  )
}

function read(text: string): Line {
  try {
    return JSON.parse(text) as Line
  } catch (cause) {
    throw new BrokenCall('cut', `claude wrote what is no JSON: ${text.slice(0, 80)}`, { cause })
  }
}

/** It has one question's place only, so what was said before is told in it. */
function promptOf(messages: Message[]): string {
  const spoken = messages.map(({ role, content }) => {
    const text =
      typeof content === 'string'
        ? content
        : content.map((part) => ('text' in part ? part.text : '')).join('')
    return { role, text }
  })
  const earlier = spoken
    .slice(0, -1)
    .map(({ role, text }) =>
      role === 'system' ? text : `${role === 'user' ? 'I' : 'You'} said before:\n${text}`,
    )
  return [...earlier, spoken.at(-1)?.text ?? ''].join('\n\n')
}

/** Claude Code tells its own failures in prose, and limits as `…limit reached|<seconds since 1970>`. */
function refusal(said: string, resetsAt: number | undefined): BrokenCall {
  const [, epoch] = /limit reached\|(\d+)/.exec(said) ?? []
  const reset = epoch ? Number(epoch) : resetsAt
  if (/(usage|session|weekly|hour) limit/i.test(said) || reset !== undefined) {
    const until = reset === undefined ? undefined : new Date(reset * 1000)
    const when = until ? `until ${until.toISOString()}` : 'for now'
    return new BrokenCall(
      'quota_exhausted',
      `the subscription's limit is reached ${when}`,
      until ? { until } : {},
    )
  }
  if (/\/login|api key|authenticat|oauth/i.test(said)) return new BrokenCall('login_expired', said)
  return new BrokenCall('backend_error', said)
}

function finishOf({ usage, stop_reason, total_cost_usd }: Line): LanguageModelV3StreamPart {
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = usage ?? {}
  const cached = (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0)
  return {
    type: 'finish',
    finishReason: { unified: stop_reason === 'max_tokens' ? 'length' : 'stop', raw: stop_reason },
    usage: {
      inputTokens: {
        total: input_tokens === undefined ? undefined : input_tokens + cached,
        noCache: input_tokens,
        cacheRead: cache_read_input_tokens,
        cacheWrite: cache_creation_input_tokens,
      },
      outputTokens: { total: output_tokens, text: output_tokens, reasoning: undefined },
    },
    ...(total_cost_usd === undefined ? {} : { providerMetadata: { cost: { usd: total_cost_usd } } }),
  }
}
