import { z } from 'zod'
import type { Caller } from './caller.ts'
import type { ClaimedTask } from './contract.ts'
import { earlierTurns } from './conversation.ts'
import type { Sql } from './db.ts'
import { parse } from './errors.ts'
import { answerBuiltIn } from './execute.ts'
import type { Turn } from './handle.ts'
import { hold } from './hold.ts'
import { claim, hasClaimable, LANES } from './lease.ts'
import { leasedTask } from './leased-task.ts'
import { pauseElsewhere, unpausedLanes } from './model/backend-state.ts'
import { fail } from './outcome.ts'
import { absent, present } from './presence.ts'

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
  const { worker, lanes, listens, leaving } = parse(Input, input)
  const nothing = { task: null, turns: [], more: false }
  if (leaving) {
    await absent(sql, worker)
    return nothing
  }
  const open = await unpausedLanes(sql, lanes)
  for (let answered = 0; answered < MOST_BUILT_IN; answered += 1) {
    const task = open.length > 0 ? await claim(sql, { worker, lanes: open }) : null
    if (!task) {
      // said before the last look: what comes in after it is announced
      await present(sql, { worker, lanes, asleep: listens })
      return { ...nothing, more: await hasClaimable(sql, open) }
    }
    if (await builtIn(sql, task, principal(task.requester))) continue
    const pause = await pauseElsewhere(sql, task.lane)
    // it began after the lanes were looked at
    if (pause) await fail(sql, { id: task.id, lease_no: task.lease_no, ...pause })
    else {
      await present(sql, { worker, lanes, asleep: false })
      return { task, turns: await earlierTurns(sql, task), more: false }
    }
  }
  return { ...nothing, more: true }
}

async function builtIn(sql: Sql, task: ClaimedTask, caller: Caller): Promise<boolean> {
  let answered = true
  const never = new AbortController().signal
  await hold(leasedTask(sql, task), task.id, never, async () => {
    answered = await answerBuiltIn(sql, task, caller)
  })
  return answered
}
