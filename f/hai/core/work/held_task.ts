import { inTransaction, type Sql } from '../base/db.ts'
import { reserve } from '../cost/reserve.ts'
import { settle } from '../cost/settle.ts'
import { factOf, learn } from '../model/facts.ts'
import type { HeldTask } from '../model/held_task.ts'
import { earlierTurns } from '../task/conversation.ts'
import { complete } from '../task/finish.ts'
import { heldOf } from '../task/lease.ts'
import type { ClaimedTask } from '../task/shape.ts'
import { finishStep, note, orLate, startStep } from '../task/steps.ts'
import type { Start } from '../task/wake.ts'
import { leaseOf } from './keep.ts'

/** A task in the hands of a worker that has the database. */
export function heldTask(sql: Sql, task: ClaimedTask, start?: Start): HeldTask {
  const held = heldOf(task)
  return {
    ...leaseOf(sql, task, start),
    turns: () => earlierTurns(sql, task),
    note: (type, text, data) => note(sql, held, type, text, data),
    startStep: (step) => startStep(sql, { ...held, ...step }),
    openUsage: (call) => reserve(sql, call, held),
    settleUsage: (call, spent) => settle(sql, call, spent),
    finishStep: (step, call, spent) => {
      const inTime = inTransaction(sql, async (tx) => {
        const usd = (await settle(tx, call, spent)) ?? null
        await finishStep(tx, {
          ...held,
          ...step,
          told: {
            tokens: spent.tokens,
            usd,
            billing: call.billing,
            ...(spent.at_least ? { at_least: true } : {}),
          },
        })
      })
      return orLate(sql, inTime, { ...held, ...step })
    },
    modelFact: (at) => factOf(sql, at),
    learnModel: (at, learnt) => learn(sql, at, learnt),
    complete: (done) => complete(sql, { ...held, ...done }),
  }
}
