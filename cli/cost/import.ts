import { count } from '../../f/hai/core/base/words.ts'
import type { Recorded, RecordedCall } from '../../f/hai/core/cost/shape.ts'
import { Failure } from '../failure.ts'
import { tilde } from '../files.ts'
import type { Session } from '../session.ts'
import {
  type ClaudeCall,
  type FoundCall,
  fuller,
  readSession,
  sessionFiles,
  sessionFolder,
} from './claude-code.ts'

/** As many as `cost/record` takes. */
const BATCH = 1000
const ODD_SHOWN = 10

type PaidBy = Extract<RecordedCall['billing'], 'metered' | 'subscription'>

/** A call with the file that it stands in. */
type Found = FoundCall & { path: string }

interface Imported extends Recorded {
  files: number
  partial: number
  running: number
  /** `file:line: why` of each record that was left out, and files that could not be read. */
  unreadable: string[]
}

/**
 * Tells the ledger of the calls in Claude Code's own session files. What it knows as well as they do it keeps as it is;
 * a record that can't be counted is named, and the others are.
 */
export async function importClaudeCode(
  session: Session,
  dir: string | undefined,
  { billing = 'subscription', json = false }: { billing?: PaidBy; json?: boolean },
): Promise<undefined> {
  const { env } = session.io
  const folder = sessionFolder(dir, env)
  const files = sessionFiles(folder)
  session.note(`reading ${count(files.length, 'session file')} in ${tilde(folder, env)}`)
  const none = { files: 0, recorded: 0, known: 0, corrected: 0, partial: 0, running: 0 }
  const imported: Imported = { ...none, unreadable: [] }
  let batch = new Map<string, Found>()
  const send = async () => {
    const calls = [...batch.values()]
    batch = new Map()
    await tellLedger(session, calls, billing, imported)
  }
  for (const path of files) {
    for (const call of await callsOf(path, imported)) {
      // a resumed session's file begins with a copy of the other's
      batch.set(call.call_id, fuller(batch.get(call.call_id), { ...call, path }))
      if (batch.size === BATCH) await send()
    }
  }
  await send()
  if (json) session.printJson(imported)
  else tell(session, imported)
}

async function callsOf(path: string, imported: Imported): Promise<FoundCall[]> {
  try {
    const { calls, partial, running, odd } = await readSession(path)
    imported.files += 1
    imported.partial += partial
    imported.running += running
    imported.unreadable.push(...odd.map(({ line, why }) => `${path}:${line}: ${why}`))
    return calls
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // it may have been cleaned up since the folder was read; what is wrong otherwise is told below
    if (code !== 'ENOENT' && code !== 'EACCES') throw error
    if (code === 'EACCES') imported.unreadable.push(message)
    return []
  }
}

/** One batch; of what the ledger refuses in it the place is told, and the others are sent again. */
async function tellLedger(
  session: Session,
  calls: Found[],
  billing: PaidBy,
  imported: Imported,
): Promise<void> {
  if (calls.length === 0) return
  try {
    const told = await session.call<Recorded>('cost/record', {
      calls: calls.map((call) => recordOf(call, billing)),
    })
    imported.recorded += told.recorded
    imported.known += told.known
    imported.corrected += told.corrected ?? 0
  } catch (error) {
    const refused = refusedIn(error)
    if (refused.size === 0) throw error
    for (const [at, why] of refused) {
      const { path, line } = calls[at]!
      imported.unreadable.push(`${path}:${line}: ${why}`)
    }
    const others = calls.filter((_, at) => !refused.has(at))
    await tellLedger(session, others, billing, imported)
  }
}

/** Which calls of a batch a refusal names, and why. */
function refusedIn(error: unknown): Map<number, string> {
  if (!(error instanceof Failure) || error.code !== 'invalid') return new Map()
  const { problems = [error.message] } = error.details as { problems?: string[] }
  const named = problems.flatMap((part) => {
    const [, at, why] = /\bcalls\.(\d+)\.(.+)$/.exec(part) ?? []
    return at && why ? [[Number(at), why] as const] : []
  })
  return new Map(named)
}

function recordOf(call: ClaudeCall, billing: PaidBy): RecordedCall {
  const { call_id, at, model, input, output, cache_read, cache_write, cache_write_1h, complete } = call
  const tokens = {
    input,
    output,
    cache_read,
    cache_write,
    ...(cache_write_1h > 0 ? { cache_write_1h } : {}),
  }
  const partly = complete ? {} : { at_least: true }
  return { call_id, at, backend: 'claude-code', model, billing, tokens, ...partly, source: 'claude-code' }
}

function tell(session: Session, imported: Imported): void {
  const { files, recorded, known, corrected, partial, running, unreadable } = imported
  const { env } = session.io
  const sums = [
    `${recorded} new`,
    `${known} known already`,
    ...(corrected > 0 ? [`${corrected} known and corrected`] : []),
  ]
  session.print(
    `${count(recorded + known + corrected, 'call')} in ${count(files, 'file')}: ${sums.join(', ')}`,
  )
  if (partial > 0) {
    session.note(`${count(partial, 'call')} without a last count; they took at least what is written there`)
  }
  if (running > 0) session.note(`${count(running, 'call')} not over yet; import them later`)
  if (unreadable.length === 0) return
  session.note(
    `${count(unreadable.length, 'record')} could not be understood and ${unreadable.length === 1 ? 'was' : 'were'} left out:`,
  )
  for (const where of unreadable.slice(0, ODD_SHOWN)) session.note(tilde(where, env))
  const more = unreadable.length - ODD_SHOWN
  if (more > 0) session.note(`and ${more} more: the same with --json names them all`)
}
