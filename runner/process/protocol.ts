import type { Signature } from '../items/signature.ts'

/** One job as the runner writes it, a line of JSON, on a worker process's standard input. */
export interface Order {
  id: string
  /** Windmill's path of the script, and the absolute one of its file. */
  path: string
  file: string
  /** The script itself, when it lies in no file: what it imports is looked for as if it lay at `file`. */
  code?: string
  /** By name; what main doesn't name is dropped. */
  args: Record<string, unknown>
  /** Those of main; not given when Windmill can't read them. */
  parameters?: Signature['parameters']
  /** What the script's preprocessor makes the arguments of. */
  event?: Record<string, unknown>
  env: Record<string, string>
  /** Written to stdout and stderr after the job, so that its log ends where it ends. */
  mark: string
}

/** What the process answers on file descriptor 3, a line of JSON each; `ended` is followed by the result's own line. */
export type Answer =
  | { type: 'started'; id: string }
  | { type: 'preprocessed'; id: string; args: Record<string, unknown> }
  | {
      type: 'ended'
      id: string
      success: boolean
      /** The result has keys that shape the response: windmill_status_code, wm_failure and their like. */
      shaped: boolean
    }

/** How a job's run ended: with a result as JSON, or with the process. `started` is false when main was never reached. */
export type Ending =
  | { kind: 'finished'; success: boolean; shaped: boolean; result: string }
  | { kind: 'crashed'; started: boolean; reason: string }

/** A result of more bytes than this fails the job. */
export const RESULT_LIMIT = 32 * 1024 * 1024
