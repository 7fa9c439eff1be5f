import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { followLive } from '../cli/answer/live.ts'
import { timeZone } from '../cli/call/time-zone.ts'
import type { Webhook } from '../cli/call/webhook.ts'
import { Failure } from '../cli/failure.ts'
import type { ChatEnvelope } from '../f/hai/core/surface/openai_request.ts'
import type { Accepted, TaskResult, WaitingOn } from '../f/hai/core/task/shape.ts'

export interface Asking {
  /** With the caller's own token. */
  webhook: Webhook
  envelope: ChatEnvelope
  /** The client's `Idempotency-Key`. */
  key?: string | undefined
  /** Aborts when the client hangs up. */
  signal: AbortSignal
  /** The task is there. */
  onTaken(id: string): void
  /** The whole answer so far, as it grows or begins anew; nothing is streamed without it. */
  onText?: ((text: string) => void) | undefined
  /** What a task that has been quiet for a while waits for, once a reason. */
  onWaiting(waiting: WaitingOn): void
}

/** A hang-up that isn't told costs a slot until its task ends; after so many tries that is what it costs. */
const LEAVE_TRIES = 3
const LEAVE_AGAIN_MS = 500

/**
 * Puts a chat's question down as the caller, and follows it to its end. When the client hangs up before that, its wait
 * leaves the task, and this rejects with the signal's reason. Rejects with what the inbox refused.
 */
export async function askTask(asking: Asking): Promise<TaskResult> {
  const { webhook, envelope, key, signal, onTaken, onText, onWaiting } = asking
  const waiter = randomUUID()
  const { chat } = envelope
  // a chat client names no zone, and most are where this runs; a container's UTC says nothing of where that is
  const time_zone = timeZone(process.env)
  const zone = time_zone && time_zone !== 'UTC' ? { time_zone } : {}
  const body = { ...envelope, ...zone, ...(key ? { idempotency_key: key } : {}), chat: { ...chat, waiter } }
  // whoever hangs up meanwhile has asked all the same: what was taken is to be left
  const accepted = await webhook.call<Accepted>('inbox', { body })
  const { task_id: id, seen } = accepted
  onTaken(id)
  if (seen?.outcome) return seen.outcome
  try {
    signal.throwIfAborted()
    const outcome = await followLive(webhook, {
      id,
      accepted,
      signal,
      // of a server that is away for a while the client is told nothing but that its answer takes longer
      onNote: () => {},
      onWaiting,
      onText,
    })
    return outcome ?? (await webhook.call<TaskResult>('task/result', { id }))
  } catch (error) {
    if (signal.aborted) await leave(webhook, id, waiter)
    throw error
  }
}

async function leave(webhook: Webhook, id: string, waiter: string): Promise<void> {
  for (let tries = 1; tries <= LEAVE_TRIES; tries++) {
    try {
      await webhook.call('task/leave', { id, waiter })
      return
    } catch (error) {
      // a server without that door keeps the task for whoever looks for it
      if (!(error instanceof Failure) || error.code) return
      await sleep(LEAVE_AGAIN_MS)
    }
  }
}
