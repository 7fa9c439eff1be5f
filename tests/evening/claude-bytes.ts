import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Lines of `claude -p --output-format stream-json`, as it writes them. */
const line = (fields: object): string => `${JSON.stringify(fields)}\n`
const event = (fields: object): string =>
  line({ type: 'stream_event', event: fields, session_id: 's-1', parent_tool_use_id: null })

export const INIT = line({
  ...{ type: 'system', subtype: 'init', cwd: '.', session_id: 's-1', tools: [], mcp_servers: [] },
  ...{ model: 'claude-x', permissionMode: 'default', apiKeySource: 'none' },
})
const delta = (text: string) =>
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
export const deltas = (...texts: string[]): string =>
  event({ type: 'message_start', message: { id: 'msg_1', usage: { input_tokens: 3, output_tokens: 1 } } }) +
  event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
  texts.map(delta).join('') +
  event({ type: 'content_block_stop', index: 0 }) +
  event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }) +
  event({ type: 'message_stop' })
export const message = (text: string, more: object = {}): string =>
  line({
    type: 'assistant',
    message: {
      ...{ id: 'msg_1', role: 'assistant', model: 'claude-x', content: [{ type: 'text', text }] },
      ...{ stop_reason: null, usage: { input_tokens: 3, output_tokens: 1 } },
    },
    session_id: 's-1',
    ...more,
  })
export const result = (text: unknown, more: object = {}): string =>
  line({
    ...{ type: 'result', subtype: 'success', is_error: false, duration_ms: 1200, num_turns: 1, result: text },
    ...{ session_id: 's-1', total_cost_usd: 0.012, stop_reason: 'end_turn' },
    usage: {
      ...{ input_tokens: 3, cache_creation_input_tokens: 100, cache_read_input_tokens: 10, output_tokens: 9 },
    },
    modelUsage: {},
    ...more,
  })
const WHOLE = INIT + deltas('fine') + message('fine') + result('fine')
const limit = (said: string) =>
  INIT + message(said, { error: 'rate_limit' }) + result(said, { is_error: true })

/** Answers that are "fine", at the first attempt, 113 tokens in and 9 out. */
export const FINE: Record<string, string> = {
  'no deltas': INIT + message('fine') + result('fine'),
  'nothing but its result': result('fine'),
  'an empty line': WHOLE.replace('\n', '\n\n'),
  'blanks and tabs between': WHOLE.replaceAll('\n', '\n \t\n'),
  'a line before the first that is no JSON': `[DEBUG] using keychain\n${WHOLE}`,
  'a warning among the lines': `${INIT + deltas('fine')}(node:7) Warning: something\n${message('fine')}${result('fine')}`,
  'half a line of JSON among them': `${INIT}{"type":"assistant","mess\n${deltas('fine')}${result('fine')}`,
  'lines of kinds that nobody knows': `${INIT}${line({ type: 'hook_progress', x: 1 })}null\n7\n"x"\n[]\n${line({ type: 'keep_alive' })}${deltas('fine')}${result('fine')}`,
  'carriage returns': WHOLE.replaceAll('\n', '\r\n'),
  'a byte order mark': `\ufeff${WHOLE}`,
  'colours of a terminal': `\u001b[32mwelcome\u001b[0m\n${WHOLE}`,
  'no line feed after the last': WHOLE.trimEnd(),
  'deltas of less than was said': INIT + deltas('fi') + message('fine') + result('fine'),
  'deltas of a call that was begun anew':
    INIT + deltas('fee') + deltas('fine') + message('fine') + result('fine'),
  'lines after its result': `${WHOLE + line({ type: 'system', subtype: 'goodbye' })}bye\n`,
  'two results': WHOLE + result('second'),
  'a line separator in a string':
    INIT + line({ type: 'note', text: 'a\u2028b' }) + deltas('fine') + result('fine'),
  'an empty name for its usage':
    INIT + deltas('fine') + result('fine', { modelUsage: null, total_cost_usd: null }),
}

/** Half characters and NUL in what it says. */
export const UNSTORABLE =
  INIT + message('x').replace('"x"', '"ok \\ud83d end"') + result('x').replace('"x"', '"ok \\ud83d end"')

/** Limits in prose, and how many seconds from `now` at most until they are lifted; null is: no time is said. */
export const LIMITS = (now: Date): Record<string, [stream: string, at: Date | null]> => ({
  'a time and a zone': [
    limit("You've hit your limit · resets 2:30pm (America/Toronto)"),
    next(now, 14, 30, 'America/Toronto'),
  ],
  'a full hour': [
    limit("You've hit your session limit · resets 3am (Europe/Berlin)"),
    next(now, 3, 0, 'Europe/Berlin'),
  ],
  noon: [limit("You've hit your limit · resets 12pm (Asia/Kolkata)"), next(now, 12, 0, 'Asia/Kolkata')],
  midnight: [limit("You've hit your limit · resets 12am (UTC)"), next(now, 0, 0, 'UTC')],
  'a clock of 24 hours': [limit('5-hour limit reached ∙ resets 23:15 (UTC)'), next(now, 23, 15, 'UTC')],
  'older words': [
    limit('Claude usage limit reached. Your limit will reset at 4pm (America/Los_Angeles).'),
    next(now, 16, 0, 'America/Los_Angeles'),
  ],
  'seconds since 1970': [
    limit(`Claude AI usage limit reached|${Math.floor(now.getTime() / 1000) + 7200}`),
    new Date(now.getTime() + 7_200_000),
  ],
  'a rejected event beside it': [
    INIT +
      line({
        type: 'rate_limit_event',
        rate_limit_info: {
          status: 'rejected',
          resetsAt: Math.floor(now.getTime() / 1000) + 5400,
          rateLimitType: 'five_hour',
        },
      }) +
      message("You've hit your limit", { error: 'rate_limit' }) +
      result("You've hit your limit", { is_error: true }),
    new Date(now.getTime() + 5_400_000),
  ],
})

/** When a clock in `zone` shows that time next. */
function next(now: Date, hours: number, minutes: number, zone: string): Date {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const wanted = `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`
  const at = new Date(Math.ceil((now.getTime() + 1) / 60_000) * 60_000)
  while (clock.format(at) !== wanted) at.setTime(at.getTime() + 60_000)
  return at
}

export interface ClaudeProgram {
  /** The folder that holds `claude`, for the PATH. */
  bin: string
  /** What it does when the question holds the word: writes `stdout`, then goes on as `then` says, in the shell's words. */
  at(word: string, stdout: string, then?: string): void
  /** The environments of its runs so far, `NAME=value` a line. */
  runs(): string[]
  remove(): void
  putBack(): void
}

/** A `claude` that plays recorded lines; plain sh, so that many of them are cheap. */
export function claudeProgram(folder: string): ClaudeProgram {
  const bin = join(folder, 'claude-bin')
  const plays = join(folder, 'claude-plays')
  mkdirSync(bin, { recursive: true })
  mkdirSync(plays, { recursive: true })
  // whoever runs it may be another account
  for (const path of [bin, plays]) chmodSync(path, 0o777)
  const log = join(plays, 'log')
  writeFileSync(log, '', { mode: 0o666 })
  const program = join(bin, 'claude')
  const putBack = () =>
    writeFileSync(
      program,
      `#!/bin/sh
input=$(cat)
{ env; echo ---; } >> '${log}'
for play in '${plays}'/*.jsonl; do
  word=\${play##*/}; word=\${word%.jsonl}
  case "$input" in *"$word"*) cat "$play"; . "\${play%.jsonl}.then"; exit;; esac
done
echo "no such play" >&2; exit 1
`,
      { mode: 0o755 },
    )
  putBack()
  return {
    bin,
    at: (word, stdout, then = 'exit 0') => {
      writeFileSync(join(plays, `${word}.then`), `${then}\n`)
      writeFileSync(join(plays, `${word}.jsonl`), stdout)
    },
    runs: () => readFileSync(log, 'utf8').split('---\n').slice(0, -1),
    remove: () => rmSync(program),
    putBack,
  }
}
