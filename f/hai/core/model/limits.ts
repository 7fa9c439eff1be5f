import type { Choice, Message, Models } from '../base/backends.ts'

/** Seconds that a server gets for its first byte, unless `first_byte_seconds` says otherwise. */
const FIRST_BYTE_SECONDS = 120
/** On a machine of one's own it may have to be read from a disk first, or stand in a queue. */
const LOCAL_FIRST_BYTE_SECONDS = 300
/** A prompt is read at some 20 to 30 tokens a second where there is no GPU, and a log has 2 characters a token. */
const SLOWEST_CHARACTERS_A_SECOND = 20

export interface Limits {
  /** Until the first byte of the answer, in seconds. */
  firstByteSeconds: number
  /** Silence after that, in seconds. */
  livenessSeconds: number
}

/** How long a call may be silent: before its first byte longer than after it, and on a local server by what it must read. */
export function limitsOf(
  models: Pick<Models, 'liveness_seconds' | 'first_byte_seconds'>,
  { backend }: Choice,
  messages: Message[],
): Limits {
  const { liveness_seconds, first_byte_seconds } = models
  return {
    firstByteSeconds: first_byte_seconds ?? usual(backend.billing === 'local', messages),
    livenessSeconds: liveness_seconds,
  }
}

function usual(isLocal: boolean, messages: Message[]): number {
  if (!isLocal) return FIRST_BYTE_SECONDS
  const reading = JSON.stringify(messages).length / SLOWEST_CHARACTERS_A_SECOND
  return LOCAL_FIRST_BYTE_SECONDS + Math.ceil(reading)
}
