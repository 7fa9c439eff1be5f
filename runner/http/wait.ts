import type { Job } from '../jobs.ts'
import type { Call, Stack } from './context.ts'
import { resultResponse } from './response.ts'

const WAIT_SECONDS = Number(process.env.TIMEOUT_WAIT_RESULT) || 600

/** The answer of a sync call: the job's result, or after ten minutes that there is none. */
export async function completedOrTimeout(stack: Stack, call: Call, job: Job): Promise<Response> {
  const inTime = await completed(stack, call, job)
  return inTime ? resultResponse(call, job) : call.text(`timeout after ${WAIT_SECONDS}s`, 500)
}

/** Waits for the job; a caller who hangs up, or waits too long, ends it. False when it took too long. */
async function completed(stack: Stack, call: Call, job: Job): Promise<boolean> {
  const { outgoing } = call.env
  const hungUp = () => stack.flows.cancelAny(job, job.identity.username, 'http connection broke')
  if (outgoing.destroyed) hungUp()
  outgoing.once('close', hungUp)
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), WAIT_SECONDS * 1000)
  })
  const inTime = await Promise.race([job.done.then(() => true), timeout])
  clearTimeout(timer)
  outgoing.off('close', hungUp)
  if (!inTime) hungUp()
  return inTime
}
