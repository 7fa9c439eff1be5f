#!/usr/bin/env node
// Behaves as `claude -p` does; claude.ts says what FAKE_CLAUDE may hold.
import { randomUUID } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { text as readAll } from 'node:stream/consumers'
import { setTimeout as elapse } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const text = { type: 'string' }
const flag = { type: 'boolean' }
const OPTIONS = {
  print: { ...flag, short: 'p' },
  version: { ...flag, short: 'v' },
  verbose: flag,
  'output-format': { ...text, default: 'text' },
  'input-format': text,
  'include-partial-messages': flag,
  model: text,
  'session-id': text,
  resume: { ...text, short: 'r' },
  continue: { ...flag, short: 'c' },
  'no-session-persistence': flag,
  'system-prompt': text,
  'system-prompt-file': text,
  'append-system-prompt': text,
  'allowed-tools': text,
  allowedTools: text,
  'disallowed-tools': text,
  disallowedTools: text,
  tools: text,
  'mcp-config': text,
  'strict-mcp-config': flag,
  'permission-mode': text,
  'setting-sources': text,
  settings: text,
  'max-turns': text,
  'add-dir': text,
}

// an older release
if (process.env.FAKE_CLAUDE_OLD) delete OPTIONS[process.env.FAKE_CLAUDE_OLD]

const NO_TOKENS = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0 }
const script = { mode: 'answer', text: ['It is ', 'well.'], ...JSON.parse(process.env.FAKE_CLAUDE ?? '{}') }
const { values: options, positionals } = parsed(process.argv.slice(2))
const session = options.resume ?? options['session-id'] ?? randomUUID()
const model = options.model ?? 'claude-fake'
const format = options['output-format']

if (options.version) leave(0, '2.1.217 (Claude Code)\n')
if (!options.print) leave(1, '', 'the stand-in only prints: call it with -p\n')
if (format === 'stream-json' && !options.verbose) {
  leave(1, '', 'Error: When using --print, --output-format=stream-json requires --verbose\n')
}
if (script.stubborn) process.on('SIGTERM', () => process.stderr.write('SIGTERM ignored\n'))
const stdin = process.stdin.isTTY ? '' : await readAll(process.stdin)
if (process.env.FAKE_CLAUDE_LOG) {
  const file = options['system-prompt-file']
  const system = file === undefined ? {} : { system: readFileSync(file, 'utf8') }
  const run = {
    argv: process.argv.slice(2),
    ...system,
    stdin,
    env: process.env,
    cwd: process.cwd(),
    pid: process.pid,
  }
  appendFileSync(process.env.FAKE_CLAUDE_LOG, `${JSON.stringify(run)}\n`, { mode: 0o600 })
}
if (!stdin && positionals.length === 0) {
  leave(
    1,
    '',
    'Error: Input must be provided either through stdin or as a prompt argument when using --print\n',
  )
}
await run()

async function run() {
  const { mode } = script
  if (mode === 'silent') return hang()
  emit({ type: 'system', subtype: 'init', ...initial() })
  if (mode === 'login_expired') return fail('Invalid API key · Please run /login', 'authentication_failed')
  if (mode === 'api_error') return fail(`API Error: ${script.status} ${apiError()}`, 'server_error')
  if (mode === 'quota_exhausted') {
    const info = { status: 'rejected', resetsAt: script.resetsAt, rateLimitType: 'five_hour' }
    if (script.rateLimitEvent !== false) emit({ type: 'rate_limit_event', rate_limit_info: info })
    return fail(`Claude AI usage limit reached|${script.resetsAt}`, 'rate_limit')
  }
  partial({ type: 'message_start', message: message([], null) })
  partial({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })
  for (const piece of script.text) {
    await elapse(script.pauseMs ?? 0)
    partial({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: piece } })
  }
  if (mode === 'hang') return hang()
  if (mode === 'crash') return process.kill(process.pid, 'SIGKILL')
  if (mode === 'garbage') return leave(0, '{"type":"assistant","mess\n<html>oops</html>\n')
  finish()
}

function finish() {
  const said = script.text.join('')
  const stop_reason = script.stopReason ?? 'end_turn'
  emit({
    type: 'assistant',
    message: message([{ type: 'text', text: said }], null),
    parent_tool_use_id: null,
  })
  partial({ type: 'content_block_stop', index: 0 })
  const delta = { stop_reason, stop_sequence: null }
  partial({ type: 'message_delta', delta, usage: usage(tokens()) })
  partial({ type: 'message_stop' })
  result({ said, is_error: false, stop_reason, spent: tokens(), cost: script.costUsd ?? 0.0125 })
}

/** The CLI answers its own failures as a message of no model, then as a result whose subtype still says success. */
function fail(usual, error) {
  const said = script.message ?? usual
  const synthetic = { ...message([{ type: 'text', text: said }], 'stop_sequence'), model: '<synthetic>' }
  emit({
    type: 'assistant',
    message: { ...synthetic, usage: usage(NO_TOKENS) },
    parent_tool_use_id: null,
    error,
  })
  result({ said, is_error: true, stop_reason: 'stop_sequence', spent: NO_TOKENS, cost: 0 })
  process.exitCode = 1
}

function result({ said, is_error, stop_reason, spent, cost }) {
  const line = {
    ...{
      type: 'result',
      subtype: 'success',
      is_error,
      duration_ms: 1988,
      duration_api_ms: 1883,
      num_turns: 1,
    },
    ...{ result: said, stop_reason, total_cost_usd: cost, usage: usage(spent) },
    ...{ modelUsage: {}, permission_denials: [], session_id: session, uuid: randomUUID() },
  }
  if (format === 'text') process.stdout.write(`${said}\n`)
  else process.stdout.write(`${JSON.stringify(line)}\n`)
}

function initial() {
  return {
    cwd: process.cwd(),
    tools: ['Bash', 'Read', 'Write'],
    mcp_servers: [],
    model,
    permissionMode: options['permission-mode'] ?? 'default',
    slash_commands: [],
    apiKeySource: process.env.ANTHROPIC_API_KEY ? 'ANTHROPIC_API_KEY' : 'none',
    claude_code_version: '2.1.217',
  }
}

function message(content, stop_reason) {
  const id = 'msg_01fake'
  return { id, type: 'message', role: 'assistant', model, content, stop_reason, usage: usage(tokens()) }
}

function tokens() {
  return { input: 3, cacheRead: 15_000, cacheWrite: 800, output: 20, ...script.tokens }
}

function usage({ input, cacheRead, cacheWrite, output }) {
  return {
    input_tokens: input,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    output_tokens: output,
    server_tool_use: { web_search_requests: 0 },
    service_tier: 'standard',
  }
}

function apiError() {
  const type = script.status === 529 ? 'overloaded_error' : 'api_error'
  return JSON.stringify({ type: 'error', error: { type, message: 'Overloaded' } })
}

function emit(line) {
  if (format !== 'stream-json') return
  process.stdout.write(`${JSON.stringify({ ...line, session_id: session, uuid: randomUUID() })}\n`)
}

function partial(event) {
  if (options['include-partial-messages']) emit({ type: 'stream_event', event, parent_tool_use_id: null })
}

function hang() {
  setInterval(() => {}, 1 << 30)
}

function parsed(args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    const unknown = /'(-[^']*)'/.exec(error.message)?.[1] ?? error.message
    return leave(1, '', `error: unknown option '${unknown}'\n`)
  }
}

function leave(code, out, err = '') {
  process.stdout.write(out)
  process.stderr.write(err)
  process.exit(code)
}
