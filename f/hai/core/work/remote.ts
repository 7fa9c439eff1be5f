import { z } from 'zod'
import { Models, urlOf } from '../base/backends.ts'
import type { Caller } from '../base/caller.ts'
import { storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { cure, withheld } from '../model/access.ts'
import { type AttemptFailure, pauseElsewhere, unpausedLanes } from '../task/backend.ts'
import { earlierTurns, type Turn } from '../task/conversation.ts'
import { fail } from '../task/finish.ts'
import { leaveToModels } from '../task/lane.ts'
import { BUILT_IN, claim, hasClaimable, heldOf, LANES } from '../task/lease.ts'
import { absent, present } from '../task/presence.ts'
import { type ClaimedTask, RESTRICTED } from '../task/shape.ts'
import { answerClaimed } from './built_in.ts'

/** A door answers soon: so many tasks that need no model, and then the worker asks again. */
const MOST_BUILT_IN = 20

const Input = z.strictObject({
  worker: z.string().min(1).max(200),
  lanes: z
    .array(z.string().min(1).max(100))
    .min(1)
    .default([...LANES]),
  /** The worker listens for new work, so that telling it of some is worth while. */
  listens: z.boolean().default(false),
  /** The worker stops: nothing is claimed. */
  leaving: z.boolean().default(false),
  /** The worker sends `lease_token` with all that it does under a lease. */
  sends_token: z.boolean().default(false),
})

export interface ClaimedElsewhere {
  task: ClaimedTask | null
  /** The conversation so far, oldest first. */
  turns: Turn[]
  /** Nothing was claimed, but something may be at once. */
  more: boolean
}

/** The next due task that needs a model, for a worker that has no database. What needs none is answered on the way. */
export async function claimElsewhere(
  sql: Sql,
  input: z.input<typeof Input>,
  principal: (requester: string) => Caller,
): Promise<ClaimedElsewhere> {
  const { worker, lanes, listens, leaving, sends_token } = parse(Input, input)
  const nothing = { task: null, turns: [], more: false }
  if (leaving) {
    await absent(sql, worker)
    return nothing
  }
  if (!sends_token) throw older()
  const open = await unpausedLanes(sql, lanes)
  for (let answered = 0; answered < MOST_BUILT_IN; answered += 1) {
    const task = open.length > 0 ? await claim(sql, { worker, lanes: open, elsewhere: true }) : null
    if (!task) {
      // said before the last look: what comes in after it is announced
      await present(sql, { worker, lanes, asleep: listens })
      return { ...nothing, more: await hasClaimable(sql, open, { elsewhere: true }) }
    }
    if (await answerClaimed(sql, task, principal(task.requester))) continue
    if (task.lane === BUILT_IN) {
      await leaveToModels(sql, task)
      continue
    }
    // it began after the lanes were looked at
    const refused = (await notOfHouse(sql, task)) ?? (await pauseElsewhere(sql, task.lane))
    if (refused) await fail(sql, { ...heldOf(task), ...refused })
    else {
      await present(sql, { worker, lanes, asleep: false })
      return { task, turns: await earlierTurns(sql, task), more: false }
    }
  }
  return { ...nothing, more: true }
}

/** A worker of an older release: each of its calls would be refused, and its tasks would die of it. */
const older = () =>
  new HaiError(
    'invalid',
    'this worker does not say sends_token, which means that it sends lease_token with all that it does for a task; update hai where it runs',
  )

/** Why what is restricted must not go to the workers of a lane; its backend may have been another one when it came there. */
async function notOfHouse(sql: Sql, task: ClaimedTask): Promise<AttemptFailure | undefined> {
  if (task.data_tier !== RESTRICTED) return undefined
  const { backends } = await storedConfig(sql, 'models', Models)
  const backend = backends[task.lane]
  if (!backend && task.lane === 'ollama') return undefined
  if (backend)
    return withheld(task, {
      name: task.lane,
      backend: { ...backend, url: urlOf(backend) },
      model: '',
      context: undefined,
      reason: '',
    })
  return {
    code: 'no_route',
    message: `the task is restricted, and no backend ${task.lane} is configured; nothing was sent`,
    next_step: cure(task.id),
  }
}
