import { count } from '../../f/hai/core/money/amount-text.ts'
import type { Recorded, RecordedCall } from '../../f/hai/core/money/report-shape.ts'
import { tilde } from '../paths.ts'
import type { Session } from '../session.ts'
import { readSession, sessionFiles, sessionFolder } from './claude-code-files.ts'
import type { ClaudeCall } from './claude-code-line.ts'

/** As many as `cost/record` takes. */
const BATCH = 1000
const ODD_SHOWN = 3

type PaidBy = Extract<RecordedCall['billing'], 'metered' | 'subscription'>

interface Imported extends Recorded {
  files: number
  partial: number
  running: number
  /** `file:line` of each line that could not be understood, and files that could not be read. */
  unreadable: string[]
}

/** Tells the ledger of the calls in Claude Code's own session files. What it knows already it keeps as it is. */
export async function importClaudeCode(
  session: Session,
  dir: string | undefined,
  { billing = 'subscription', json = false }: { billing?: PaidBy; json?: boolean },
): Promise<undefined> {
  const { env } = session.io
  const folder = sessionFolder(dir, env)
  const files = sessionFiles(folder)
  session.note(`reading ${count(files.length, 'session file')} in ${tilde(folder, env)}`)
  const imported: Imported = { files: 0, recorded: 0, known: 0, partial: 0, running: 0, unreadable: [] }
  let batch = new Map<string, ClaudeCall>()
  const send = async () => {
    if (batch.size === 0) return
    const calls = [...batch.values()].map((call) => recordOf(call, billing))
    batch = new Map()
    const { recorded, known } = await session.call<Recorded>('cost/record', { calls })
    imported.recorded += recorded
    imported.known += known
  }
  for (const path of files) {
    for (const call of await callsOf(path, imported)) {
      // a resumed session's file begins with a copy of the other's
      const other = batch.get(call.call_id)
      if (!other || other.output < call.output) batch.set(call.call_id, call)
      if (batch.size === BATCH) await send()
    }
  }
  await send()
  if (json) session.printJson(imported)
  else tell(session, imported)
}

async function callsOf(path: string, imported: Imported): Promise<ClaudeCall[]> {
  try {
    const { calls, partial, running, odd } = await readSession(path)
    imported.files += 1
    imported.partial += partial
    imported.running += running
    imported.unreadable.push(...odd.map((line) => `${path}:${line}`))
    return calls
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // it may have been cleaned up since the folder was read; what is wrong otherwise is told below
    if (code !== 'ENOENT' && code !== 'EACCES') throw error
    if (code === 'EACCES') imported.unreadable.push(message)
    return []
  }
}

function recordOf(call: ClaudeCall, billing: PaidBy): RecordedCall {
  const { call_id, at, model, input, output, cache_read, cache_write } = call
  const tokens = { input, output, cache_read, cache_write }
  return { call_id, at, backend: 'claude-code', model, billing, tokens, source: 'claude-code' }
}

function tell(session: Session, imported: Imported): void {
  const { files, recorded, known, partial, running, unreadable } = imported
  const { env } = session.io
  session.print(
    `${count(recorded + known, 'call')} in ${count(files, 'file')}: ${recorded} new, ${known} known already`,
  )
  if (partial > 0) {
    session.note(`${count(partial, 'call')} without a last count; they took at least what is written there`)
  }
  if (running > 0) session.note(`${count(running, 'call')} not over yet; import them later`)
  if (unreadable.length === 0) return
  const shown = unreadable.slice(0, ODD_SHOWN).map((where) => tilde(where, env))
  const more = unreadable.length > ODD_SHOWN ? ', …' : ''
  session.note(
    `${count(unreadable.length, 'line')} could not be understood and were left out: ${shown.join(', ')}${more}`,
  )
}
